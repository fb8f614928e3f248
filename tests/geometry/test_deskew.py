"""Tests of the second run of the grid stage: flat but rotated sheets are located like level ones."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from ecgdigit_engine.backends.onnxruntime import OnnxRuntimeRunner
from ecgdigit_rt.decode.file_formats import rgb_from_file
from ecgdigit_rt.errors import NoGridFound
from ecgdigit_rt.evaluation.robustness.degradations import rotate
from ecgdigit_rt.geometry.deskew import deskew, deskewed_view
from ecgdigit_rt.geometry.grid_stage import grid_phase, mesh_from_grid
from ecgdigit_rt.geometry.homography import apply_homography
from ecgdigit_rt.geometry.locate_stage import locate
from ecgdigit_rt.geometry.mesh import Mesh
from ecgdigit_rt.models import load_models

PAGE = Path(__file__).parents[2] / "examples" / "000001_colour_scan.jpg"
DEGREES = 7.0


@pytest.fixture(scope="module")
def runners() -> dict[str, OnnxRuntimeRunner]:
    graphs = load_models().graphs
    return {stage: OnnxRuntimeRunner(graphs[stage], 2) for stage in ("locate", "grid")}


def mesh_error_mm(mesh: Mesh, level: Mesh, shape: tuple[int, int]) -> float:
    """Return the 95 % quantile of the error along time, relative to the rotated mesh of the level page."""
    height, width = shape
    rotation = np.vstack([cv2.getRotationMatrix2D((width / 2, height / 2), DEGREES, 1.0), [0, 0, 1]])
    cos, sin = abs(np.cos(np.radians(DEGREES))), abs(np.sin(np.radians(DEGREES)))
    size = np.ceil([width * cos + height * sin, width * sin + height * cos])
    u0, v0, u1, v1 = level.extent_mm
    u, v = np.meshgrid(np.arange(u0 + 25, u1 - 25, 5), np.arange(v0 + 25, v1 - 25, 5))
    level_px = np.stack(level.pixels_from_mm(u, v), -1)
    rotated_px = apply_homography(rotation, level_px) + (size - (width, height)) / 2
    error = mesh.mm_from_pixels(rotated_px[..., 0], rotated_px[..., 1])[0] - u
    return float(np.quantile(np.abs(error - np.median(error)), 0.95))


def test_a_rotated_scan_is_located_like_a_level_one(runners: dict[str, OnnxRuntimeRunner]) -> None:
    page = rgb_from_file(PAGE)
    rotated = rotate(page, DEGREES)
    level = mesh_from_grid(grid_phase(runners["grid"], locate(runners["locate"], page)))
    located = locate(runners["locate"], rotated)
    phase = grid_phase(runners["grid"], located)
    first = mesh_from_grid(phase)
    second = deskew(runners["grid"], located.image, first)
    assert level.nonplanarity < 1 < first.nonplanarity  # a surface was fitted although the sheet is flat
    assert second.nonplanarity < 1
    assert second.residual_px == pytest.approx(level.residual_px, rel=0.3)
    before, after = (mesh_error_mm(mesh, level, page.shape[:2]) for mesh in (first, second))
    assert after < 0.012  # a quarter of a 500 Hz sample
    assert after < before / 2


class UnusedRunner:
    """Runner that must not be called."""

    def run(self, feeds: object) -> dict[str, NDArray[np.float32]]:
        raise AssertionError("the grid stage ran again")


def sheet(nonplanarity: float) -> Mesh:
    """Return a mesh of 40 × 30 cells of 5 mm at 3 px/mm in strong perspective."""
    matrix = np.array([[3.0, 0.4, 90.0], [-0.3, 3.1, 120.0], [4e-4, -3e-4, 1.0]])
    u, v = np.meshgrid(np.arange(-20, 225, 5.0), np.arange(-20, 175, 5.0))
    nodes = apply_homography(matrix, np.stack([u, v], -1)).astype(np.float32)
    return Mesh(nodes, (-20.0, -20.0), residual_px=0.1, coverage=1.0, nonplanarity=nonplanarity)


@pytest.mark.parametrize("nonplanarity", [0.4, 2.5, np.inf])
def test_flat_and_clearly_bent_sheets_are_not_deskewed(nonplanarity: float) -> None:
    mesh = sheet(nonplanarity)
    assert deskew(UnusedRunner(), np.zeros((600, 800, 3), np.uint8), mesh) is mesh  # type: ignore[arg-type]


@pytest.mark.parametrize("scale", [1.0, 2.7, 5.5])
def test_the_view_shows_only_the_deskewed_grid(scale: float) -> None:
    """Dots are drawn at vertices. In the view they form level rows, and its matrix maps them to the image."""
    mesh = sheet(1.2)
    mesh = dataclasses.replace(mesh, pixels=mesh.pixels * np.float32(scale))
    image = np.full((round(620 * scale), round(820 * scale), 3), 255, np.uint8)
    u, v = np.meshgrid(np.arange(10, 200, 20.0), np.arange(10, 150, 20.0))
    dots = np.stack(mesh.pixels_from_mm(u, v), -1).reshape(-1, 2)
    for x, y in dots - 0.5:
        cv2.circle(
            image, (round(x * 256), round(y * 256)), round(2.5 * scale * 256), (0, 0, 0), -1, cv2.LINE_AA, 8
        )
    view = deskewed_view(image, mesh)
    assert max(view.pixels.shape[:2]) == pytest.approx(min(1536, 200 * 6 * scale), rel=0.12)
    ink = 255 - view.pixels[..., 0]
    count, _, _, centroids = cv2.connectedComponentsWithStats((ink > 90).astype(np.uint8))
    assert count - 1 == len(dots)
    dots_in_view = centroids[1:] + 0.5
    assert (
        np.abs(
            np.sort(apply_homography(view.image_from_view, dots_in_view.astype(np.float64))[:, 0])
            - np.sort(dots[:, 0])
        ).max()
        < 0.25 * scale
    )
    px_per_mm = view.pixels.shape[1] / 205.0
    rows = np.sort(dots_in_view[:, 1]).reshape(v.shape[0], -1)
    assert np.ptp(rows, axis=1).max() < 0.15 * px_per_mm


def test_the_first_mesh_is_returned_if_the_second_fails(
    monkeypatch: pytest.MonkeyPatch, runners: dict[str, OnnxRuntimeRunner]
) -> None:
    def fail(*_: object) -> Mesh:
        raise NoGridFound("no lines")

    mesh, blank = sheet(1.2), np.full((620, 820, 3), 255, np.uint8)
    assert deskew(runners["grid"], blank, mesh) is mesh
    monkeypatch.setattr("ecgdigit_rt.geometry.deskew.mesh_from_grid", fail)
    assert deskew(runners["grid"], blank, mesh) is mesh
