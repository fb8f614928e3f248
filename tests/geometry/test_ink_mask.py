"""Tests of the ink mask: ink is distinguished from coloured and from dark grids."""

from __future__ import annotations

import cv2
import numpy as np

from ecgdigit_rt.geometry.ink_mask import mask_near_ink


def page(line: tuple[int, int, int]) -> np.ndarray:
    image = np.full((400, 602, 3), 235, np.uint8)
    for at in range(0, 600, 6):
        cv2.line(image, (at, 0), (at, 399), line, 1)
        cv2.line(image, (0, at), (601, at), line, 1)
    return image


def test_strokes_are_ink_and_coloured_lines_are_not() -> None:
    image = page((235, 120, 120))
    assert not mask_near_ink(image, 4, 2).any()
    cv2.line(image, (300, 100), (300, 300), (30, 30, 40), 3)
    near = mask_near_ink(image, 4, 2)
    assert near.shape == (100, 151)
    assert near[50, 75]
    assert not near[50, 70:72].any()
    assert near.mean() < 0.05


def test_shading_is_not_ink() -> None:
    image = page((235, 120, 120))
    image[:, 200:] = image[:, 200:] * np.linspace(1, 0.3, 402)[None, :, None]
    assert mask_near_ink(image, 4, 2).mean() < 0.02


def test_a_black_grid_is_not_masked() -> None:
    assert not mask_near_ink(page((20, 20, 20)), 4, 2).any()


def test_a_grid_with_dark_major_lines_is_not_masked() -> None:
    """Copiers produce such grids. One cell in seven is dark, and most cells are near a dark one."""
    image = page((200, 200, 200))
    for at in range(0, 600, 45):
        cv2.line(image, (at, 0), (at, 399), (60, 60, 60), 2)
        cv2.line(image, (0, at), (601, at), (60, 60, 60), 2)
    assert not mask_near_ink(image, 4, 2).any()
