"""A DICOM frame's stored values → 8-bit RGB, the way a viewer shows them (PS3.3 C.7.6.3, C.11.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.decode.pixels import rgb_from_pixels

if TYPE_CHECKING:
    from pydicom import Dataset


def rgb_from_frame(frame: NDArray[np.generic], header: Dataset) -> NDArray[np.uint8]:
    """(height, width) or (height, width, 3) stored values → (height, width, 3) uint8 RGB.

    Raises what pydicom raises for a palette that is damaged.
    """
    from pydicom.pixels.processing import apply_color_lut

    meaning = str(header.get("PhotometricInterpretation", "MONOCHROME2"))
    if meaning == "PALETTE COLOR":
        return rgb_from_pixels(apply_color_lut(frame, header))
    if frame.ndim == 3:
        white = 2 ** int(header.BitsStored) - 1
        return rgb_from_pixels(_eight_bits(frame, 0, white))
    low, high = _window(header)
    slope, offset = _number(header, "RescaleSlope", 1), _number(header, "RescaleIntercept", 0)
    low, high = (low - offset) / slope, (high - offset) / slope
    grey = _eight_bits(frame, low, high)
    return rgb_from_pixels(255 - grey if meaning == "MONOCHROME1" else grey)


def _window(header: Dataset) -> tuple[float, float]:
    """The rescaled values that are shown as black and as white.

    The first window of the file (C.11.2.1.2.1, LINEAR), or all that the bits can hold without one.
    """
    width = _number(header, "WindowWidth", 0)
    if width > 1:
        center = _number(header, "WindowCenter", 0)
        return center - width / 2, center + width / 2 - 1
    bits = int(header.BitsStored)
    is_signed = int(header.get("PixelRepresentation", 0)) == 1
    low = -(2 ** (bits - 1)) if is_signed else 0
    slope, offset = _number(header, "RescaleSlope", 1), _number(header, "RescaleIntercept", 0)
    return low * slope + offset, (low + 2**bits - 1) * slope + offset


def _number(header: Dataset, keyword: str, default: float) -> float:
    """The first value of an element, or the default where it is absent, empty or of no use."""
    if keyword not in header or header[keyword].VM == 0:
        return default
    value = header[keyword].value
    return float(value[0] if header[keyword].VM > 1 else value)


def _eight_bits(stored: NDArray[np.generic], low: float, high: float) -> NDArray[np.uint8]:
    """Straight from `low`, 0, to `high`, 255."""
    if stored.dtype == np.uint8 and (low, high) == (0, 255):
        return stored.astype(np.uint8, copy=False)
    spread: NDArray[np.float32] = (stored.astype(np.float32) - np.float32(low)) * np.float32(
        255 / (high - low)
    )
    return np.clip(np.rint(spread), 0, 255).astype(np.uint8)
