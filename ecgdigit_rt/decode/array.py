"""A picture that is already in memory → upright RGB, the same as a decoded page."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ecgdigit_rt.decode.limits import MAX_PIXELS, size_problem
from ecgdigit_rt.decode.pixels import rgb_from_pixels
from ecgdigit_rt.errors import NotAnImageArray

_HALF_STEP = 0.5 / 255  # a float this far outside 0 to 1 still rounds to black or white


def rgb_from_array(array: ArrayLike, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """An image array → (height, width, 3) uint8 RGB, C-contiguous.

    Takes (height, width) and (height, width, 1, 3 or 4), grey, RGB or RGBA with straight alpha: bool,
    uint8, uint16 (65535 is white) or floats from 0 to 1. Transparency lies on white paper. An array
    that is right already is given back as it is, not copied.

    Raises NotAnImageArray.
    """
    try:
        given = np.asarray(array)
    except ValueError as error:  # rows of unequal length
        raise NotAnImageArray(str(error)) from error
    if given.ndim not in (2, 3) or (given.ndim == 3 and given.shape[2] not in (1, 3, 4)):
        raise NotAnImageArray(f"its shape is {given.shape}")
    height, width = given.shape[:2]
    problem = size_problem(width, height, max_pixels)
    if problem is not None:
        raise NotAnImageArray(f"it is {width} x {height} px; {problem}")
    return rgb_from_pixels(_samples(given))


def _samples(given: NDArray[np.generic]) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """The same picture as uint8 or uint16 in the machine's byte order."""
    if given.dtype == np.bool_:
        return given.astype(np.uint8) * np.uint8(255)
    if given.dtype == np.uint8:
        return given.astype(np.uint8, copy=False)
    if given.dtype.kind == "u" and given.dtype.itemsize == 2:
        return np.ascontiguousarray(given, np.uint16)
    if given.dtype.kind != "f":
        raise NotAnImageArray(f"its samples are {given.dtype}")
    low, high = float(given.min()), float(given.max())
    if not (low >= -_HALF_STEP and high <= 1 + _HALF_STEP):  # NaN fails this too
        raise NotAnImageArray(f"its samples run from {low:g} to {high:g}, and floats are from 0 to 1")
    return np.clip(np.rint(given.astype(np.float32) * 255), 0, 255).astype(np.uint8)
