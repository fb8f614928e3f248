"""Tests of the pixel-centre convention: ink drawn by a formula is at its position in the strip."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from ecgdigit_rt.geometry.mesh import Mesh
from ecgdigit_rt.geometry.strips import rectify_page, strip_from_image

Array = NDArray[np.float64]
START, END, BASELINE = 2.0, 98.0, 30.0


def flat_mesh(px_per_mm: float, turn: float = 4.0) -> Mesh:
    """Return the mesh of a flat, rotated sheet of 105 x 65 mm."""
    t = np.deg2rad(turn)
    u, v = np.meshgrid(np.arange(-3, 24) * 5.0, np.arange(-3, 14) * 5.0)
    x = (np.cos(t) * u - np.sin(t) * v + 10) * px_per_mm + 0.3
    y = (np.sin(t) * u + np.cos(t) * v + 22) * px_per_mm - 0.2
    return Mesh(np.stack([x, y], -1).astype(np.float32), (-15.0, -15.0), 0.0, 1.0)


def curve(u: Array) -> Array:
    return np.asarray(BASELINE + 4 * np.sin(u / 3.0) + 2 * np.sin(u / 1.1))


def draw_image(px_per_mm: float, kind: str, turn: float = 4.0) -> NDArray[np.uint8]:
    """Draw ink 0.4 mm wide, computed from its distance at several points per pixel, without a rasteriser."""
    width, height = int(125 * px_per_mm), int(95 * px_per_mm)
    fine = 4 if px_per_mm < 10 else 2
    t = np.deg2rad(turn)
    x, y = np.meshgrid((np.arange(width * fine) + 0.5) / fine, (np.arange(height * fine) + 0.5) / fine)
    dx, dy = (x - 0.3) / px_per_mm - 10, (y + 0.2) / px_per_mm - 22
    u, v = np.cos(t) * dx + np.sin(t) * dy, -np.sin(t) * dx + np.cos(t) * dy
    if kind == "curve":
        slope = 4 / 3 * np.cos(u / 3) + 2 / 1.1 * np.cos(u / 1.1)
        distance = np.abs(v - curve(u)) / np.sqrt(1 + slope**2)
    else:
        distance = np.abs((u - 7 + 5) % 10 - 5)  # vertical lines at u = 7, 17, 27, ...
    ink = cv2.resize((distance < 0.2).astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
    grey = cv2.GaussianBlur(230 - 200 * ink, (0, 0), 0.6).astype(np.uint8)
    return np.repeat(grey[..., None], 3, 2)


@pytest.mark.parametrize("px_per_mm", [5.9, 7.874, 11.0, 16.0, 20.0])
def test_a_curve_is_found_at_its_height(px_per_mm: float) -> None:
    image, mesh = draw_image(px_per_mm, "curve"), flat_mesh(px_per_mm)
    strip = strip_from_image(image, mesh, START, END, BASELINE)
    assert strip.shape == (320, 960, 3)
    u = START - 0.025 + (np.arange(960) + 0.5) / 10
    v = BASELINE - 20 + (np.arange(320) + 0.5) / 8
    ink = 230.0 - strip[..., 1]
    ink = np.where(np.abs(v[:, None] - curve(u)) < 2.5, np.maximum(ink - 10, 0), 0)
    measured = (ink * v[:, None]).sum(0) / ink.sum(0)
    error = measured - curve(u)
    # The curvature of a steep stroke moves its centroid, but the mean error must be zero.
    assert np.abs(np.mean(error)) < 0.003
    assert np.quantile(np.abs(error), 0.95) < 0.03
    flat = np.abs(np.gradient(curve(u), u)) < 0.7
    assert np.quantile(np.abs(error[flat]), 0.95) < 0.02


@pytest.mark.parametrize("px_per_mm", [5.9, 7.874, 16.0])
def test_a_vertical_line_is_found_at_its_time(px_per_mm: float) -> None:
    strip = strip_from_image(draw_image(px_per_mm, "lines"), flat_mesh(px_per_mm), START, END, BASELINE)
    ink = np.maximum(220.0 - strip[100:220, :, 1], 0)
    column = np.arange(960) + 0.5
    for line in range(7, 97, 10):
        expected = (line - (START - 0.025)) * 10  # strip pixels from its left edge
        near = np.abs(column - expected) < 20
        measured = (ink[:, near] * column[near]).sum() / ink[:, near].sum()
        # In output columns, two per pixel: the centre of column k, at k + 0.5, is at k * 0.05 mm.
        assert abs(2 * measured - 0.5 - (line - START) / 0.05) * 0.05 < 0.02


def test_the_width_is_rounded_up() -> None:
    image, mesh = draw_image(5.9, "lines"), flat_mesh(5.9)
    assert strip_from_image(image, mesh, 0, 9.61, 30).shape == (320, 128, 3)
    assert strip_from_image(image, mesh, 0, 9.6, 30, half_height_mm=40).shape == (640, 96, 3)
    with pytest.raises(ValueError, match="must end after its start"):
        strip_from_image(image, mesh, 5, 5, 30)


@pytest.mark.parametrize("px_per_mm", [7.874, 25.0])
def test_the_border_is_repeated_outside_the_image(px_per_mm: float) -> None:
    image = np.full((int(50 * px_per_mm), int(50 * px_per_mm), 3), 200, np.uint8)
    strip = strip_from_image(image, flat_mesh(px_per_mm), -60, 160, 0, half_height_mm=40)
    assert strip.min() == strip.max() == 200
    far = strip_from_image(image, flat_mesh(px_per_mm), 500, 560, 900)
    assert far.min() == far.max() == 200


def test_a_rectified_page_has_upright_lines() -> None:
    page = rectify_page(draw_image(7.874, "lines", turn=12), flat_mesh(7.874, turn=12), 8.0)
    column = (17 + 15) * 8  # mesh starts at -15 mm
    assert page[200:400, column - 1 : column + 1, 1].mean() < 120
    assert page[200:400, column + 8 : column + 60, 1].mean() > 210
