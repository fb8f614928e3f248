"""Grid lines: displacements of the paper are followed, and pixels of the drawing program are not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from ecgdigit_rt.geometry.grid_lines.follow import follow_grid_lines
from ecgdigit_rt.geometry.mesh import Mesh

PX_PER_MM = 7.93  # lines in whole millimetres are not at whole pixels
MARGIN_MM, WIDTH_MM, HEIGHT_MM = 20.0, 260.0, 160.0
Values = NDArray[np.float64]
Shift = Callable[[Values, Values], Values]


def mesh(px_per_mm: float = PX_PER_MM) -> Mesh:
    """Return a flat mesh whose origin is at the first grid line."""
    u = np.arange(-MARGIN_MM, WIDTH_MM + MARGIN_MM + 1, 5.0)
    v = np.arange(-MARGIN_MM, HEIGHT_MM + MARGIN_MM + 1, 5.0)
    nodes = (np.stack(np.meshgrid(u, v), -1) + MARGIN_MM) * px_per_mm
    return Mesh(nodes.astype(np.float32), (-MARGIN_MM, -MARGIN_MM), residual_px=0.1, coverage=1.0)


def drawn(dpi: float) -> Callable[[Values], Values]:
    """Return the positions of lines that are drawn at whole pixels, or at exact positions if `dpi` is 0."""
    px_per_mm = dpi / 25.4
    return lambda mm: np.round(mm * px_per_mm + 0.3) / px_per_mm if dpi else mm


def paper(
    shift: Shift,
    *,
    minor: float = 40.0,
    major: float = 90.0,
    dpi: float = 0,
    noise: float = 4.0,
    px_per_mm: float = PX_PER_MM,
) -> NDArray[np.uint8]:
    """Return an image of paper with lines and curves, displaced by `shift` (u, v) in mm."""
    size = [round((length + 2 * MARGIN_MM) * px_per_mm) for length in (WIDTH_MM, HEIGHT_MM)]
    u, v = ((np.arange(count) + 0.5) / px_per_mm - MARGIN_MM for count in size)
    grid_u, grid_v = np.meshgrid(u, v)
    position = drawn(dpi)

    def lines(at: Values, step: float, width: float) -> Values:
        near = np.round(at / step) * step
        return np.exp(-0.5 * ((at - position(near)) / width) ** 2)

    at = grid_u - shift(grid_u, grid_v)
    dark = np.maximum(minor * lines(at, 1, 0.1), major * lines(at, 5, 0.15))
    dark = np.maximum(dark, np.maximum(minor * lines(grid_v, 1, 0.1), major * lines(grid_v, 5, 0.15)))
    inside = (grid_u > -0.5) & (grid_u < WIDTH_MM + 0.5) & (grid_v > -0.5) & (grid_v < HEIGHT_MM + 0.5)
    image = 240 - dark * inside
    for row in range(4):
        curve = 30 + 35 * row + 6 * np.sin(grid_u / 3)
        image[np.abs(grid_v - curve) < 0.25] = 20
    image = image + np.random.default_rng(0).normal(0, noise, image.shape)
    return np.repeat(np.clip(image, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def flat(u: Values, _: Values) -> Values:
    return np.zeros_like(u)


def wander(u: Values, _: Values) -> Values:
    """Return the displacement of a sheet-fed scanner: irregular, and the same for all rows."""
    return np.asarray(0.08 * np.sin(u / 17) + 0.05 * np.sin(u / 7.3 + 1))


def slow_wander(u: Values, _: Values) -> Values:
    return np.asarray(0.09 * np.sin(u / 24) + 0.03 * np.sin(u / 11 + 1))


def slip(u: Values, _: Values) -> Values:
    """Return the displacement of a scanner that lost the paper for a moment."""
    return np.asarray(np.where(u > 131.5, 0.2, 0.0))


def bent(u: Values, v: Values) -> Values:
    return np.asarray(0.07 * np.sin(u / 40 + v / 60))


def error_mm(found: Mesh, shift: Shift) -> float:
    """Return the root mean square error of the displacement of the mesh, without a constant."""
    u, v = np.meshgrid(np.arange(15, WIDTH_MM - 15, 2.5), np.arange(15, HEIGHT_MM - 15, 10))
    x, y = found.pixels_from_mm(u, v)
    np.testing.assert_allclose(y, (v + MARGIN_MM) * PX_PER_MM, atol=1e-3)
    error = x / PX_PER_MM - MARGIN_MM - u - shift(u, v)
    return float(error.std())


@pytest.mark.parametrize("shift", [wander, bent])
@pytest.mark.parametrize("dpi", [0, 200])
@pytest.mark.parametrize("minor", [40.0, 12.0])
def test_displacements_are_followed(shift: Shift, minor: float, dpi: int) -> None:
    found = follow_grid_lines(mesh(), paper(shift, minor=minor, dpi=dpi))
    assert error_mm(found, shift) < 0.25 * error_mm(mesh(), shift)


@pytest.mark.parametrize(("dpi", "limit"), [(0, 0.15), (200, 0.2), (300, 0.2)])
def test_displacements_are_followed_by_major_lines_alone(dpi: int, limit: float) -> None:
    found = follow_grid_lines(mesh(), paper(slow_wander, minor=0.0, dpi=dpi))
    assert error_mm(found, slow_wander) < limit * error_mm(mesh(), slow_wander)


def test_a_slip_is_followed_within_a_few_millimetres() -> None:
    found = follow_grid_lines(mesh(), paper(slip, dpi=200))
    u = np.concatenate([np.arange(20, 120, 2.5), np.arange(145, 240, 2.5)])
    x, _ = found.pixels_from_mm(u, 80.0)
    error = x / PX_PER_MM - MARGIN_MM - u - slip(u, u)
    assert np.abs(error - error.mean()).max() < 0.04


@pytest.mark.parametrize("minor", [0.0, 0.3, 40.0])
@pytest.mark.parametrize("dpi", [0, 96, 200, 300, 185.7])
def test_flat_paper_does_not_move_the_mesh(minor: float, dpi: float) -> None:
    """Lines at whole pixels of the drawing program look displaced. 185.7 dpi is unknown to the product."""
    exact = mesh()
    assert follow_grid_lines(exact, paper(flat, minor=minor, dpi=dpi)) is exact


def test_a_drawing_does_not_move_the_mesh() -> None:
    """The lines of an image that was never printed are at whole pixels of the image, here with 7.75 px/mm."""
    exact = mesh(7.75)
    image = paper(flat, dpi=7.75 * 25.4, px_per_mm=7.75, noise=1.0)
    assert follow_grid_lines(exact, image) is exact


def test_text_and_empty_paper_have_no_lines() -> None:
    rng = np.random.default_rng(1)
    exact = mesh()
    image = np.full((round((HEIGHT_MM + 40) * 8), round((WIDTH_MM + 40) * 8), 3), 240, np.uint8)
    assert follow_grid_lines(exact, image) is exact
    for _ in range(400):
        x, y = rng.integers(0, image.shape[1] - 60), rng.integers(0, image.shape[0] - 20)
        image[y : y + 12, x : x + rng.integers(4, 50)] = 30
    assert follow_grid_lines(exact, image) is exact


def test_a_small_mesh_does_not_change() -> None:
    nodes = np.stack(np.meshgrid(np.arange(0, 400, 40.0), np.arange(0, 400, 40.0)), -1).astype(np.float32)
    small = Mesh(nodes, (0.0, 0.0), residual_px=0.1, coverage=1.0)
    assert follow_grid_lines(small, np.full((400, 400, 3), 255, np.uint8)) is small
