"""QR code of a link in a terminal, to be scanned with a phone."""

from __future__ import annotations

import cv2
import numpy as np

_BLOCKS = " ▀▄█"
"""Characters for two modules, one above the other: neither, upper, lower or both are light."""

_QUIET_ZONE = 2
"""Width of the light margin in modules. Hand-picked, not tuned; ISO/IEC 18004 requires 4."""


def qr_lines(text: str) -> list[str]:
    """Return the lines to print. Light modules are drawn as blocks, since most terminals are dark."""
    code = np.asarray(cv2.QRCodeEncoder.create().encode(text))
    light = np.pad(code > 0, _QUIET_ZONE, constant_values=True)
    if len(light) % 2:
        light = np.pad(light, ((0, 1), (0, 0)), constant_values=True)
    blocks = (light[::2] + 2 * light[1::2]).tolist()
    return ["".join(_BLOCKS[block] for block in line) for line in blocks]
