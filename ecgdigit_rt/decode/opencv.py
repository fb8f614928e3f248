"""OpenCV's decoder, with its answers made plain: RGB order, and a named error for damage."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from cv2.typing import MatLike

from ecgdigit_rt.errors import UnreadableImage, UnsupportedType

AS_STORED = cv2.IMREAD_UNCHANGED
STRAIGHT_TO_RGB = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
"""8 bits, three channels: no second pass over the pixels."""


def decoded(path: Path, data: bytes | bytearray, kind: str, flags: int = AS_STORED) -> MatLike:
    """Pixels of the first picture: grey, RGB or RGBA of uint8 or uint16.

    Raises UnreadableImage and UnsupportedType.
    """
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        raise UnreadableImage(path, f"the {kind} data are damaged") from error
    if pixels is None:
        raise UnreadableImage(path, f"the {kind} data are damaged or cut short")
    if pixels.dtype not in (np.uint8, np.uint16):
        samples = f"an image of {pixels.dtype} samples"
        raise UnsupportedType(path, samples, "Save it with 8 or 16 bits per channel.")
    return pixels if flags == STRAIGHT_TO_RGB else _channels_reversed(pixels)


def _channels_reversed(pixels: MatLike) -> MatLike:
    if pixels.ndim == 2:
        return pixels
    code = {3: cv2.COLOR_BGR2RGB, 4: cv2.COLOR_BGRA2RGBA}.get(pixels.shape[2])
    return pixels if code is None else cv2.cvtColor(pixels, code)
