"""Mesh of pages without a grid, such as faxes and copies that show only the traces, measured from the rows.

The method assumes that the rows on paper are horizontal, start and end together and are 250 mm long, and that
the scale of the image is equal in both directions. At first, the sheet is assumed to be only rotated and
scaled in the image. If the row ends contradict this, a perspective is fitted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_engine.runner import Runner
from ecgdigit_kernels.homography import fit_homography
from ecgdigit_rt.errors import NoRowsFound
from ecgdigit_rt.geometry.homography import apply_homography
from ecgdigit_rt.geometry.locate_stage import Located
from ecgdigit_rt.geometry.mesh import STEP_MM, Mesh
from ecgdigit_rt.layout.baselines import Baseline, find_baselines
from ecgdigit_rt.layout.paper_heatmap import paper_heatmap
from ecgdigit_rt.stages import BASELINE
from ecgdigit_rt.tracing.row_traces import RowEnds, predict_row_ends
from ecgdigit_rt.tracing.strip_inference import strip_predictor

_RECORD_MM = 250.0  # standard width of a record: 10 s at 25 mm/s

# Hand-picked, not tuned.
_INITIAL_PAGE_MM = 280.0  # width of the sheet in the initial mesh
_MARGIN_MM = 40.0  # margin of the mesh around the sheet
_MAX_TILT_DEG = 15.0  # maximum rotation of the rows
_ROUNDS = 3  # number of refinements, and of reweighted fits in each refinement
_ROW_STRENGTH = 0.6  # minimum strength of a row, relative to the strongest one
_END_ERROR_MM = 0.3  # typical error of a row end, and maximum median error of a similarity


def _tilt_rad(heatmap: NDArray[np.float32]) -> float:
    """Return the clockwise rotation of the rows, at which the projection of the heatmap is sharpest."""
    rows, columns = np.nonzero(heatmap > 0.3)
    if rows.size == 0:
        return 0.0
    weight = heatmap[rows, columns].astype(np.float64)

    def sharpness(angle: float) -> float:
        across = rows * np.cos(angle) - columns * np.sin(angle)
        projection = np.bincount(np.round(across - across.min()).astype(int), weight)
        return float((projection**2).sum())

    coarse = np.radians(np.arange(-_MAX_TILT_DEG, _MAX_TILT_DEG + 0.5, 0.5))
    best = max(coarse, key=sharpness)
    fine = best + np.radians(np.arange(-0.5, 0.55, 0.05))
    return float(max(fine, key=sharpness))


def _mesh_from_homography(matrix: NDArray[np.float64], size_mm: tuple[float, float]) -> Mesh:
    """Return the mesh of a homography from paper (mm) to image (px), over a sheet of `size_mm`."""
    origin = (-_MARGIN_MM, -_MARGIN_MM)
    u = np.arange(origin[0], size_mm[0] + _MARGIN_MM + STEP_MM, STEP_MM)
    v = np.arange(origin[1], size_mm[1] + _MARGIN_MM + STEP_MM, STEP_MM)
    points = np.stack(np.meshgrid(u, v), -1).reshape(-1, 2).astype(np.float64)
    nodes = apply_homography(matrix, points).reshape(v.size, u.size, 2)
    return Mesh(nodes.astype(np.float32), origin, residual_px=float("nan"), coverage=0.0)


def _initial_mesh(located: Located) -> Mesh:
    """Return the mesh of the sheet with an assumed width, rotated so that the rows are level."""
    left, top, right, bottom = located.page_px
    angle = _tilt_rad(located.channel(BASELINE))
    scale = (right - left) / _INITIAL_PAGE_MM
    cos, sin = np.cos(angle) * scale, np.sin(angle) * scale
    size = (_INITIAL_PAGE_MM, (bottom - top) / scale)
    middle = np.array([(left + right) / 2, (top + bottom) / 2])
    corner = middle - np.array([[cos, -sin], [sin, cos]]) @ np.array([size[0] / 2, size[1] / 2])
    return _mesh_from_homography(np.array([[cos, -sin, corner[0]], [sin, cos, corner[1]], [0, 0, 1.0]]), size)


def _refine(mesh: Mesh, lines: Sequence[Baseline], ends: Sequence[RowEnds]) -> Mesh | None:
    """Return the mesh in which the detected row ends are vertically aligned and `_RECORD_MM` apart.

    Returns None if both ends are detected in fewer than two rows, or if the width of the rows is implausible.
    """
    rows = [
        (line.v_mm, end.start_mm, end.end_mm)
        for line, end in zip(lines, ends, strict=True)
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
    similarity = _fit_similarity(np.stack([x, y], 1), np.repeat([0.0, _RECORD_MM], len(rows)))
    if similarity is not None:
        # The centre of all ends is mapped to itself, so that the rows do not move.
        middle = np.array([begin + _RECORD_MM / 2, float(v.mean()) / scale])
        similarity[:, 2] += np.array([x.mean(), y.mean()]) - similarity @ [*middle, 1.0]
        _, _, last_u, last_v = mesh.extent_mm
        return _mesh_from_homography(np.vstack([similarity, [0, 0, 1]]), (last_u / scale, last_v / scale))
    u = np.repeat([begin, begin + _RECORD_MM], len(rows))
    paper = np.stack([u, np.concatenate([v, v]) / scale], 1)
    matrix = fit_homography(paper, np.stack([x, y], 1), np.ones(len(u)))
    _, _, last_u, last_v = mesh.extent_mm
    return _mesh_from_homography(matrix, (last_u / scale, last_v / scale))


def _fit_similarity(points_px: NDArray[np.float64], u_mm: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Return the (2, 3) matrix of the rotation and scale from paper to image that fits the points to `u_mm`.

    The translation is 0. The paper coordinate v of the points is not used, because it is known for the middle
    of a row but not for its ends. Returns None if the median error of u is above `_END_ERROR_MM`.
    """
    x, y = (points_px - points_px.mean(0)).T
    basis = np.stack([x, y, np.ones_like(x)], 1)
    weight = np.ones_like(x)
    for _ in range(_ROUNDS):
        solution = np.linalg.lstsq(basis * weight[:, None], u_mm * weight, rcond=None)[0]
        error = np.abs(basis @ solution - u_mm)
        weight = 1 / (1 + error / _END_ERROR_MM)
    if np.median(error) > _END_ERROR_MM:
        return None
    a, b = solution[:2] / (solution[0] ** 2 + solution[1] ** 2)
    return np.array([[a, -b, 0.0], [b, a, 0.0]])


def mesh_from_rows(located: Located, runners: Mapping[str, Runner]) -> Mesh | None:
    """Return the mesh measured from the rows, or None if it cannot be determined from them."""
    mesh = _initial_mesh(located)
    for _ in range(_ROUNDS):
        try:
            lines = find_baselines(paper_heatmap(located, mesh))
        except (NoRowsFound, cv2.error):
            return None
        strongest = max(line.strength for line in lines)
        rows = [line for line in lines if line.strength > _ROW_STRENGTH * strongest]
        predictor = strip_predictor(runners, located.image, mesh)
        refined = _refine(mesh, rows, predict_row_ends(predictor, rows))
        if refined is None:
            return None
        mesh = refined
    return mesh


def scale_variation(mesh: Mesh) -> float:
    """Return the relative difference between the largest and the smallest scale along the rows of a mesh."""
    u0, v0, u1, v1 = mesh.extent_mm
    corners = [mesh.px_per_mm(u, v)[0] for u in (u0 + _MARGIN_MM, u1 - _MARGIN_MM) for v in (v0, v1)]
    return float(max(corners) / min(corners) - 1)
