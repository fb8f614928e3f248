"""Samples of any depth and number of channels → (height, width, 3) uint8 RGB, upright."""

from __future__ import annotations

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

_TURNS = {3: cv2.ROTATE_180, 6: cv2.ROTATE_90_CLOCKWISE, 8: cv2.ROTATE_90_COUNTERCLOCKWISE}


def rgb_from_pixels(pixels: MatLike, premultiplied: bool = False) -> NDArray[np.uint8]:
    """Grey, grey-alpha, RGB or RGBA of uint8 or uint16 → (height, width, 3) uint8 RGB, C-contiguous.

    16 bits become 8, transparency lies on white paper. `premultiplied` says that the colours are
    multiplied by alpha already.
    """
    eight = pixels if pixels.dtype == np.uint8 else cv2.convertScaleAbs(pixels, alpha=255 / 65535)
    channels = 1 if eight.ndim == 2 else eight.shape[2]
    if channels == 1:
        eight = cv2.cvtColor(eight, cv2.COLOR_GRAY2RGB)
    elif channels in (2, 4):
        eight = _on_white(eight, premultiplied)
    return np.ascontiguousarray(eight, dtype=np.uint8)


def _on_white(pixels: MatLike, premultiplied: bool) -> MatLike:
    alpha = pixels[..., -1:].astype(np.uint16)
    colour = pixels[..., :-1].astype(np.uint16)
    if premultiplied:
        blended = np.minimum(colour + (255 - alpha), 255).astype(np.uint8)
    else:
        blended = ((colour * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
    return np.broadcast_to(blended, (*blended.shape[:2], 3))


def oriented(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Apply EXIF orientation 1 to 8 (CIPA DC-008, 4.6.4: which stored side is the top)."""
    if orientation in (2, 4, 5, 7):  # mirrored ones: mirror, then turn what remains
        pixels = np.asarray(cv2.flip(pixels, 1), np.uint8)
        orientation = {2: 1, 4: 3, 5: 8, 7: 6}[orientation]
    turn = _TURNS.get(orientation)
    return pixels if turn is None else np.asarray(cv2.rotate(pixels, turn), np.uint8)
