"""Small asymmetric sample image, and functions that make an image upright for each EXIF orientation."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

HEIGHT, WIDTH = 200, 320

UPRIGHT: dict[int, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]] = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: lambda a: np.rot90(a, 1),
}


def page() -> NDArray[np.uint8]:
    """Return the sample image: red top left, green top right, blue bottom left, grey elsewhere."""
    image = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    image[:80, :100] = (250, 10, 20)
    image[:80, 220:] = (15, 240, 30)
    image[120:, :100] = (25, 35, 230)
    return image


def grey_page() -> NDArray[np.uint8]:
    """Return the red channel of `page`: 250 top left, 15 top right, 25 bottom left, 90 elsewhere."""
    return np.ascontiguousarray(page()[..., 0])


GREY = np.dstack([grey_page()] * 3)
"""The grey page as RGB."""


def save_image(path: Path, image: Image.Image, kind: str | None = None, **options: Any) -> Path:  # noqa: ANN401
    """Save an image with Pillow, by default in the format of the suffix, and return the path."""
    image.save(path, kind, **options)
    return path


def image_bytes(image: Image.Image, kind: str, **options: Any) -> bytes:  # noqa: ANN401
    """Return an image encoded by Pillow."""
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def exif(orientation: int) -> Image.Exif:
    """Return EXIF data that contains only the orientation."""
    block = Image.Exif()
    block[274] = orientation
    return block


def assert_same(actual: NDArray[np.uint8], expected: NDArray[np.uint8], tolerance: int = 0) -> None:
    """Assert that 95 % of the samples differ by at most `tolerance`. Lossy encoders ring along edges."""
    assert actual.shape == expected.shape
    assert actual.dtype == np.uint8
    assert actual.flags.c_contiguous
    error = np.abs(actual.astype(int) - expected.astype(int))
    assert np.quantile(error, 0.95) <= tolerance, error.max()
