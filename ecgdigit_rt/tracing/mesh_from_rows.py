"""A mesh for pages whose grid is gone: faxes and copies that kept the traces alone.

What is left to measure with: the rows lie level, begin and end together, and machines print 250 mm of
them. A sheet that lay flat under a camera or in a scanner was turned and scaled, no more; where the row
ends contradict that, they give a perspective. Millimetres along and across are taken as equal.
"""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_engine.runner import Runner
from ecgdigit_rt.errors import NoRowsFound, UnknownLayout
from ecgdigit_rt.geometry.homography import apply_homography, fit_homography
from ecgdigit_rt.geometry.locate_stage import Located
from ecgdigit_rt.geometry.mesh import STEP_MM, Mesh
from ecgdigit_rt.layout.match import NO_OVERRIDES, LayoutOverrides, LayoutReading, read_layout
from ecgdigit_rt.layout.paper_heatmap import paper_heatmap
from ecgdigit_rt.stages import BASELINE
from ecgdigit_rt.tracing.row_traces import RowEnds, row_ends
from ecgdigit_rt.tracing.strip_inference import strip_predictor

_RECORD_MM = 250.0
_USUAL_PAGE_MM = 280.0
_MARGIN_MM = 40.0
_LARGEST_TILT_DEG = 15.0
_ROUNDS = 3
_USUAL_MISS_MM = 0.3  # of a row's end


def _tilt_rad(line: NDArray[np.float32]) -> float:
    """The angle by which rows are turned clockwise: the one at which the heat piles up most sharply."""
    rows, columns = np.nonzero(line > 0.3)
    if rows.size == 0:
        return 0.0
    weight = line[rows, columns].astype(np.float64)

    def sharpness(angle: float) -> float:
        across = rows * np.cos(angle) - columns * np.sin(angle)
        pile = np.bincount(np.round(across - across.min()).astype(int), weight)
        return float((pile**2).sum())

    coarse = np.radians(np.arange(-_LARGEST_TILT_DEG, _LARGEST_TILT_DEG + 0.5, 0.5))
    best = max(coarse, key=sharpness)
    fine = best + np.radians(np.arange(-0.5, 0.55, 0.05))
    return float(max(fine, key=sharpness))


def _mesh(matrix: NDArray[np.float64], size_mm: tuple[float, float]) -> Mesh:
    """The mesh of a homography from paper (mm) to the picture (px), over a sheet of `size_mm`."""
    origin = (-_MARGIN_MM, -_MARGIN_MM)
    u = np.arange(origin[0], size_mm[0] + _MARGIN_MM + STEP_MM, STEP_MM)
    v = np.arange(origin[1], size_mm[1] + _MARGIN_MM + STEP_MM, STEP_MM)
    places = np.stack(np.meshgrid(u, v), -1).reshape(-1, 2).astype(np.float64)
    nodes = apply_homography(matrix, places).reshape(v.size, u.size, 2)
    return Mesh(nodes.astype(np.float32), origin, residual_px=float("nan"), coverage=0.0)


def _initial_mesh(located: Located) -> Mesh:
    """The sheet turned level, its width taken for the usual one."""
    left, top, right, bottom = located.page_px
    angle = _tilt_rad(located.channel(BASELINE))
    scale = (right - left) / _USUAL_PAGE_MM
    cos, sin = np.cos(angle) * scale, np.sin(angle) * scale
    size = (_USUAL_PAGE_MM, (bottom - top) / scale)
    middle = np.array([(left + right) / 2, (top + bottom) / 2])
    corner = middle - np.array([[cos, -sin], [sin, cos]]) @ np.array([size[0] / 2, size[1] / 2])
    return _mesh(np.array([[cos, -sin, corner[0]], [sin, cos, corner[1]], [0, 0, 1.0]]), size)


def _better(mesh: Mesh, reading: LayoutReading, ends: list[RowEnds]) -> Mesh | None:
    """The mesh in which the seen row ends stand upright below each other, `_RECORD_MM` apart."""
    rows = [
        (row.baseline_mm, end.start_mm, end.end_mm)
        for row, end in zip(reading.layout.rows, ends, strict=True)
        if end.start_mm is not None and end.end_mm is not None
    ]
    if len(rows) < 2:
        return None
    v, starts, stops = (np.array(column) for column in zip(*rows, strict=True))
    scale = float(np.median(stops - starts)) / _RECORD_MM
    if not 0.3 < scale < 3:
        return None
    x, y = mesh.pixels_from_mm(np.concatenate([starts, stops]), np.concatenate([v, v]))
    begin = float(np.median(starts)) / scale
    turned = _turned_sheet(np.stack([x, y], 1), np.repeat([0.0, _RECORD_MM], len(rows)))
    if turned is not None:
        # The rows keep their places: the middle of them all is the point that does not move.
        middle = np.array([begin + _RECORD_MM / 2, float(v.mean()) / scale])
        turned[:, 2] += np.array([x.mean(), y.mean()]) - turned @ [*middle, 1.0]
        _, _, last_u, last_v = mesh.extent_mm
        return _mesh(np.vstack([turned, [0, 0, 1]]), (last_u / scale, last_v / scale))
    u = np.repeat([begin, begin + _RECORD_MM], len(rows))
    paper = np.stack([u, np.concatenate([v, v]) / scale], 1)
    matrix = fit_homography(paper, np.stack([x, y], 1), np.ones(len(u)))
    _, _, last_u, last_v = mesh.extent_mm
    return _mesh(matrix, (last_u / scale, last_v / scale))


def _turned_sheet(
    points_px: NDArray[np.float64], along_mm: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """The turn and scale (2, 3) from paper to picture under which points stand `along_mm`, or None.

    Where they stand across is not asked: that of an end is not known, only that of its row's middle.
    """
    x, y = (points_px - points_px.mean(0)).T
    basis = np.stack([x, y, np.ones_like(x)], 1)
    weight = np.ones_like(x)
    for _ in range(_ROUNDS):
        found = np.linalg.lstsq(basis * weight[:, None], along_mm * weight, rcond=None)[0]
        miss = np.abs(basis @ found - along_mm)
        weight = 1 / (1 + miss / _USUAL_MISS_MM)
    if np.median(miss) > _USUAL_MISS_MM:
        return None
    a, b = found[:2] / (found[0] ** 2 + found[1] ** 2)
    return np.array([[a, -b, 0.0], [b, a, 0.0]])


def mesh_from_rows(
    located: Located, runners: Mapping[str, Runner], told: LayoutOverrides = NO_OVERRIDES
) -> Mesh | None:
    """The mesh that the rows themselves show, or None where they show too little."""
    mesh = _initial_mesh(located)
    for _ in range(_ROUNDS):
        try:
            reading = read_layout(paper_heatmap(located, mesh), told)
        except (NoRowsFound, UnknownLayout, cv2.error):
            return None
        look = strip_predictor(runners, located.image, mesh)
        better = _better(mesh, reading, row_ends(look, reading.layout))
        if better is None:
            return None
        mesh = better
    return mesh
