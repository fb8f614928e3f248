"""Conversion of arrays to RGB, and NotAnImageArray for invalid arrays."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray
from sample_image import GREY, HEIGHT, WIDTH, assert_same, grey_page, page

from ecgdigit_rt.decode.pixels import rgb_from_array
from ecgdigit_rt.errors import NotAnImageArray


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (page(), page()),
        (page()[:, ::-1], page()[:, ::-1]),
        (page().astype(np.uint16) * 257, page()),
        ((page().astype(np.uint16) * 257).astype(">u2"), page()),
        (page() / 255, page()),
        (page().astype(np.float32) / 255, page()),
        ((page() / 255 - 0.001).astype(np.float16), page()),
        (grey_page(), GREY),
        (grey_page()[..., None], GREY),
        (grey_page() > 100, np.where(GREY > 100, 255, 0).astype(np.uint8)),
        (np.dstack([page(), np.full((HEIGHT, WIDTH), 255, np.uint8)]), page()),
        (np.dstack([page(), np.zeros((HEIGHT, WIDTH), np.uint8)]), np.full_like(page(), 255)),
        (grey_page().tolist(), None),
    ],
    ids=lambda value: f"{value.dtype}{value.shape}" if isinstance(value, np.ndarray) else "",
)
def test_every_dtype_and_shape_converts_to_rgb(
    array: NDArray[np.generic], expected: NDArray[np.uint8] | None
) -> None:
    if expected is None:  # a list of integers is int64, for which white is undefined
        with pytest.raises(NotAnImageArray, match="int64"):
            rgb_from_array(array)
    else:
        assert_same(rgb_from_array(array), expected)


def test_half_transparent_pixels_are_half_white() -> None:
    rgba = np.dstack([page(), np.full((HEIGHT, WIDTH), 128, np.uint8)])
    assert_same(rgb_from_array(rgba), np.rint(page() * (128 / 255) + 127).astype(np.uint8), tolerance=1)


def test_contiguous_rgb_is_not_copied() -> None:
    rgb = page()
    assert np.shares_memory(rgb_from_array(rgb), rgb)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros(300), "shape is"),
        (np.zeros((300, 300, 2), np.uint8), "shape is"),
        (np.zeros((1, 300, 300, 3), np.uint8), "shape is"),
        (np.zeros((300, 300), np.int32), "int32"),
        (np.full((300, 300), 255.0), "from 255 to 255"),
        (np.full((300, 300), -0.1), "from -0.1"),
        (np.full((300, 300), np.nan), "nan"),
        (np.zeros((30, 300), np.uint8), "300 x 30 px; each side must be at least 160"),
        (np.zeros((0, 0), np.uint8), "0 x 0 px"),
        (np.broadcast_to(np.uint8(0), (20_000, 20_000)), "megapixels"),
        ([[1, 2], [3]], "inhomogeneous"),
        ("page.png", "shape is"),
    ],
)
def test_invalid_array_raises(array: ArrayLike, words: str) -> None:
    with pytest.raises(NotAnImageArray, match=words) as caught:
        rgb_from_array(array)
    assert isinstance(caught.value, ValueError)
