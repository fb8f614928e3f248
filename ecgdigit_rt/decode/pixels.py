"""Conversion of pixels to 8-bit RGB, from other bit depths, channels and EXIF orientations."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import ArrayLike, NDArray

from ecgdigit_rt.decode.limits import MAX_PIXELS, size_problem
from ecgdigit_rt.errors import NotAnImageArray

_ROTATIONS = {3: cv2.ROTATE_180, 6: cv2.ROTATE_90_CLOCKWISE, 8: cv2.ROTATE_90_COUNTERCLOCKWISE}
BAND_PIXELS = 2**18
"""Number of pixels that are converted at once. Hand-picked, not tuned: a band fits into a CPU cache."""

_HALF_STEP = 0.5 / 255  # floats this far outside 0 to 1 still round to black or white


def rgb_from_array(array: ArrayLike, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """Convert an image array to (height, width, 3) uint8 RGB, C-contiguous.

    `array` is (height, width) or (height, width, 1, 3 or 4): gray, RGB or RGBA with straight alpha. Its type
    is bool, uint8, uint16 (65535 is white) or a float type with values from 0 to 1. Transparent pixels are
    blended with white. An array that is already contiguous uint8 RGB is returned without a copy. Raises
    NotAnImageArray.
    """
    try:
        samples = np.asarray(array)
    except ValueError as error:  # rows of unequal length
        raise NotAnImageArray(str(error)) from error
    if samples.ndim not in (2, 3) or (samples.ndim == 3 and samples.shape[2] not in (1, 3, 4)):
        raise NotAnImageArray(f"its shape is {samples.shape}")
    height, width = samples.shape[:2]
    problem = size_problem(width, height, max_pixels)
    if problem is not None:
        raise NotAnImageArray(f"it is {width} x {height} px; {problem}")
    return rgb_from_pixels(_integer_samples(samples))


def rgb_from_pixels(pixels: MatLike, premultiplied: bool = False) -> NDArray[np.uint8]:
    """Convert gray, gray-alpha, RGB or RGBA samples to (height, width, 3) uint8 RGB, C-contiguous.

    `pixels` is uint8 or uint16; uint16 is reduced to 8 bits. Transparent pixels are blended with white.
    `premultiplied` means that the colors are already multiplied by alpha. The conversion needs no memory for
    the whole image except its result.
    """
    if pixels.dtype == np.uint8 and pixels.ndim == 3 and pixels.shape[2] == 3:
        return np.ascontiguousarray(pixels, dtype=np.uint8)
    height, width = pixels.shape[:2]
    rgb = np.empty((height, width, 3), np.uint8)
    for rows in row_bands(height, width):
        rgb[rows] = _rgb_from_band(pixels[rows], premultiplied)
    return rgb


def row_bands(height: int, width: int) -> Iterator[slice]:
    """Yield slices of rows that together cover an image, each with at least one row and about BAND_PIXELS."""
    rows = max(1, BAND_PIXELS // max(width, 1))
    for start in range(0, height, rows):
        yield slice(start, start + rows)


def _rgb_from_band(pixels: MatLike, premultiplied: bool) -> MatLike:
    eight = pixels if pixels.dtype == np.uint8 else cv2.convertScaleAbs(pixels, alpha=255 / 65535)
    channels = 1 if eight.ndim == 2 else eight.shape[2]
    if channels == 1:
        return cv2.cvtColor(eight, cv2.COLOR_GRAY2RGB)
    return _blend_with_white(eight, premultiplied) if channels in (2, 4) else eight


def apply_orientation(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Apply an EXIF orientation from 1 to 8 (CIPA DC-008, 4.6.4)."""
    if orientation in (2, 4, 5, 7):  # mirrored: flip first, then apply the remaining rotation
        pixels = np.asarray(cv2.flip(pixels, 1), np.uint8)
        orientation = {2: 1, 4: 3, 5: 8, 7: 6}[orientation]
    rotation = _ROTATIONS.get(orientation)
    return pixels if rotation is None else np.asarray(cv2.rotate(pixels, rotation), np.uint8)


def _integer_samples(samples: NDArray[np.generic]) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """Return the image as uint8 or uint16 in native byte order. Raises NotAnImageArray."""
    if samples.dtype == np.bool_:
        return samples.astype(np.uint8) * np.uint8(255)
    if samples.dtype == np.uint8:
        return samples.astype(np.uint8, copy=False)
    if samples.dtype.kind == "u" and samples.dtype.itemsize == 2:
        return np.ascontiguousarray(samples, np.uint16)
    if samples.dtype.kind != "f":
        raise NotAnImageArray(f"its dtype is {samples.dtype}")
    low, high = float(samples.min()), float(samples.max())
    if not (low >= -_HALF_STEP and high <= 1 + _HALF_STEP):  # also false for NaN
        raise NotAnImageArray(f"its values range from {low:g} to {high:g}; floats must be from 0 to 1")
    return np.clip(np.rint(samples.astype(np.float32) * 255), 0, 255).astype(np.uint8)


def _blend_with_white(pixels: MatLike, premultiplied: bool) -> MatLike:
    alpha = pixels[..., -1:].astype(np.uint16)
    color = pixels[..., :-1].astype(np.uint16)
    if premultiplied:
        blended = np.minimum(color + (255 - alpha), 255).astype(np.uint8)
    else:
        blended = ((color * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
    return np.broadcast_to(blended, (*blended.shape[:2], 3))
