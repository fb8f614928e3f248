"""A link as a QR code in a terminal, for a phone's camera."""

from __future__ import annotations

import cv2
import numpy as np

_BLOCKS = " ▀▄█"  # nothing, upper half, lower half, both: two modules a character
_QUIET = 2


def qr_lines(text: str) -> list[str]:
    """Lines to print; light modules are drawn, as terminals are dark more often than not."""
    code = np.asarray(cv2.QRCodeEncoder.create().encode(text))
    light = np.pad(code > 0, _QUIET, constant_values=True)
    if len(light) % 2:
        light = np.pad(light, ((0, 1), (0, 0)), constant_values=True)
    return ["".join(_BLOCKS[up + 2 * low] for up, low in zip(*pair, strict=True)) for pair in _pairs(light)]


def _pairs(rows: np.ndarray[tuple[int, int], np.dtype[np.bool_]]) -> zip[tuple[list[int], list[int]]]:
    whole = rows.astype(int).tolist()
    return zip(whole[::2], whole[1::2], strict=True)
