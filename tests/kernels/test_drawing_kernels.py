"""The kernels of the page generator agree with their formulas."""

from __future__ import annotations

import numpy as np
import pytest

from ecgdigit_kernels.exposure import expose
from ecgdigit_kernels.paper_maps import paper_maps
from ecgdigit_kernels.stroke import blend, blend_grid, draw_polyline
from ecgdigit_kernels.stroke_reference import blend_reference, polyline_coverage_reference
from ecgdigit_kernels.unproject import OFF_PAPER, paper_from_pixels


def floats(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


@pytest.mark.parametrize("width", [0.4, 1.0, 3.3])
def test_strokes_equal_the_reference(width: float) -> None:
    rng = np.random.default_rng(1)
    x, y = rng.uniform(-4, 44, (2, 12)).astype(np.float32)
    x[5] = np.nan  # a lifted pen
    widths = np.full(12, width, np.float32)
    coverage = np.zeros((30, 40), np.float32)
    draw_polyline(coverage, x, y, widths)
    assert np.allclose(coverage, polyline_coverage_reference((30, 40), x, y, widths), atol=1e-4)
    assert coverage.max() == pytest.approx(min(1.0, width), abs=0.1)


def test_blending_equals_the_reference() -> None:
    rng = np.random.default_rng(2)
    image = rng.integers(0, 256, (9, 11, 3), dtype=np.uint8)
    alpha = np.where(rng.random((9, 11)) < 0.3, 0, rng.random((9, 11))).astype(np.float32)
    colour = floats(10, 200, 90)
    expected = blend_reference(image, alpha, colour)
    gridded, across, down = image.copy(), alpha[0].copy(), alpha[:, 0].copy()
    blend(image, alpha, colour)
    assert np.abs(image.astype(int) - expected).max() <= 1  # float32 against float64 at a rounding edge
    plain = blend_reference(gridded, np.maximum(down[:, None], across[None]), colour)
    blend_grid(gridded, across, down, colour)
    assert np.abs(gridded.astype(int) - plain).max() <= 1


def test_paper_from_pixels_inverts_an_affine_mesh() -> None:
    v, u = np.mgrid[0:60:2.5, 0:80:2.5]
    x, y = 3 * u + 0.4 * v + 7, -0.3 * u + 2.5 * v + 30
    paper = paper_from_pixels(np.stack([x, y], -1).astype(np.float32), (0.0, 0.0), 2.5, (180, 280))
    on = paper[..., 0] > OFF_PAPER / 2
    rows, columns = np.nonzero(on)
    back_x = 3 * paper[on][:, 0] + 0.4 * paper[on][:, 1] + 7
    back_y = -0.3 * paper[on][:, 0] + 2.5 * paper[on][:, 1] + 30
    assert on.sum() > 20_000
    assert np.abs(back_x - (columns + 0.5)).max() < 1e-3
    assert np.abs(back_y - (rows + 0.5)).max() < 1e-3
    assert not on[0, 0]


def test_paper_maps_use_opencv_pixel_coordinates() -> None:
    v, u = np.mgrid[0:40:2.5, 0:50:2.5]
    nodes = np.stack([4 * u + 10, 4 * v + 20], -1).astype(np.float32)
    map_x, map_y = paper_maps(nodes, (0.0, 0.0), 2.5, (5.0, 6.0), (0.1, 0.2), (8, 9))
    assert map_x[0, 0] == pytest.approx(4 * 5.05 + 10 - 0.5, abs=1e-3)
    assert map_y[3, 2] == pytest.approx(4 * (6 + 3.5 * 0.2) + 20 - 0.5, abs=1e-3)


def test_exposure_is_light_times_white_balance_plus_noise() -> None:
    image = np.full((8, 8, 3), 100, np.uint8)
    noise = np.full((4, 4, 3), 7, np.int16)
    expose(image, np.full((2, 2), 1.5, np.float32), floats(1.0, 0.5, 2.0), noise, 0.0)
    assert image[3, 3].tolist() == [157, 82, 255]
