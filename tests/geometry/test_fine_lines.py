"""Minor lines: displacements of the paper along the rows are followed, and snapped or faint lines are not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from ecgdigit_rt.geometry.fine_lines import follow_fine_lines
from ecgdigit_rt.geometry.mesh import Mesh

PX_PER_MM = 8.0
MARGIN_MM, WIDTH_MM, HEIGHT_MM = 20.0, 260.0, 160.0
Values = NDArray[np.float64]
Shift = Callable[[Values, Values], Values]


def mesh() -> Mesh:
    """Return a flat mesh whose origin is at the first grid line."""
    u = np.arange(-MARGIN_MM, WIDTH_MM + MARGIN_MM + 1, 5.0)
    v = np.arange(-MARGIN_MM, HEIGHT_MM + MARGIN_MM + 1, 5.0)
    nodes = (np.stack(np.meshgrid(u, v), -1) + MARGIN_MM) * PX_PER_MM
    return Mesh(nodes.astype(np.float32), (-MARGIN_MM, -MARGIN_MM), residual_px=0.1, coverage=1.0)


def paper(
    shift: Shift, *, minor: float = 40.0, major: float = 90.0, ink: bool = True, noise: float = 4.0
) -> NDArray[np.uint8]:
    """Return an image of paper whose lines, of these darknesses, are displaced by `shift` (u, v) in mm."""
    size = [round((length + 2 * MARGIN_MM) * PX_PER_MM) for length in (WIDTH_MM, HEIGHT_MM)]
    u, v = ((np.arange(count) + 0.5) / PX_PER_MM - MARGIN_MM for count in size)
    grid_u, grid_v = np.meshgrid(u, v)
    at = grid_u - shift(grid_u, grid_v)

    def lines(position: Values, step: float, width: float) -> Values:
        away = np.abs((position + step / 2) % step - step / 2)
        return np.exp(-0.5 * (away / width) ** 2)

    dark = np.maximum(minor * lines(at, 1, 0.1), major * lines(at, 5, 0.15))
    dark = np.maximum(dark, np.maximum(minor * lines(grid_v, 1, 0.1), major * lines(grid_v, 5, 0.15)))
    inside = (grid_u > 0) & (grid_u < WIDTH_MM) & (grid_v > 0) & (grid_v < HEIGHT_MM)
    image = 240 - dark * inside
    if ink:
        for row in range(4):
            curve = 30 + 35 * row + 6 * np.sin(grid_u / 3)
            image[np.abs(grid_v - curve) < 0.25] = 20
    image = image + np.random.default_rng(0).normal(0, noise, image.shape)
    return np.repeat(np.clip(image, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def wander(u: Values, _: Values) -> Values:
    """Return the displacement of a sheet-fed scanner: irregular, and the same for all rows."""
    return np.asarray(0.08 * np.sin(u / 17) + 0.05 * np.sin(u / 7.3 + 1))


def bent(u: Values, v: Values) -> Values:
    return np.asarray(0.07 * np.sin(u / 40 + v / 60))


def displacement_mm(found: Mesh) -> tuple[Values, Values, Values]:
    """Return positions inside the paper, and the displacement of the mesh there."""
    u, v = np.meshgrid(np.arange(15, WIDTH_MM - 15, 2.5), np.arange(15, HEIGHT_MM - 15, 10))
    x, y = found.pixels_from_mm(u, v)
    np.testing.assert_allclose(y, (v + MARGIN_MM) * PX_PER_MM, atol=1e-3)
    return u, v, x / PX_PER_MM - MARGIN_MM - u


@pytest.mark.parametrize("shift", [wander, bent])
@pytest.mark.parametrize("minor", [40.0, 12.0])
def test_displacements_are_followed(shift: Shift, minor: float) -> None:
    u, v, moved = displacement_mm(follow_fine_lines(mesh(), paper(shift, minor=minor)))
    error = moved - shift(u, v)
    error -= error.mean()
    assert np.sqrt(np.mean(error**2)) < 0.25 * np.sqrt(np.mean(shift(u, v) ** 2))


def test_a_mesh_that_agrees_with_the_lines_does_not_change() -> None:
    exact = mesh()
    assert follow_fine_lines(exact, paper(lambda u, _: 0 * u)) is exact


@pytest.mark.parametrize("minor", [0.0, 0.3])
def test_major_lines_alone_are_not_followed(minor: float) -> None:
    """Their positions may be those of whole pixels of the program that drew them."""

    def snapped(u: Values, _: Values) -> Values:
        line = np.round(u / 5) * 5
        return np.asarray(np.round(line * 7.874) / 7.874 - line)

    exact = mesh()
    assert follow_fine_lines(exact, paper(snapped, minor=minor)) is exact


def test_snapped_minor_lines_are_averaged() -> None:
    """Each line is at a whole pixel of 200 dpi. The pattern repeats every 8 mm and is below one window."""

    def snapped(u: Values, _: Values) -> Values:
        line = np.round(u)
        return np.asarray(np.round(line * 7.874) / 7.874 - line)

    exact = mesh()
    assert follow_fine_lines(exact, paper(snapped)) is exact


def test_text_and_empty_paper_have_no_lines() -> None:
    rng = np.random.default_rng(1)
    exact = mesh()
    image = np.full((round((HEIGHT_MM + 40) * 8), round((WIDTH_MM + 40) * 8), 3), 240, np.uint8)
    assert follow_fine_lines(exact, image) is exact
    for _ in range(400):
        x, y = rng.integers(0, image.shape[1] - 60), rng.integers(0, image.shape[0] - 20)
        image[y : y + 12, x : x + rng.integers(4, 50)] = 30
    assert follow_fine_lines(exact, image) is exact


def test_a_small_mesh_does_not_change() -> None:
    nodes = np.stack(np.meshgrid(np.arange(0, 400, 40.0), np.arange(0, 400, 40.0)), -1).astype(np.float32)
    small = Mesh(nodes, (0.0, 0.0), residual_px=0.1, coverage=1.0)
    assert follow_fine_lines(small, np.full((400, 400, 3), 255, np.uint8)) is small
