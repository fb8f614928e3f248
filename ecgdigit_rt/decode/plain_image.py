"""Files that hold one picture, all read by OpenCV: PNG, JPEG, BMP, WebP, GIF, AVIF.

Of an animation the first frame is the page.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.decode.image_header import OS2_BMP, BadHeader, header_from_bytes, kind_from_head
from ecgdigit_rt.decode.limits import check_page, check_size
from ecgdigit_rt.decode.opencv import AS_STORED, STRAIGHT_TO_RGB, decoded
from ecgdigit_rt.decode.pixels import oriented, rgb_from_pixels
from ecgdigit_rt.decode.read_file import bytes_from_file
from ecgdigit_rt.errors import UnreadableImage


def matches(head: bytes) -> bool:
    return kind_from_head(head) is not None


def page_count(path: Path) -> int:  # noqa: ARG001 the same for every path
    return 1


def rgb(path: Path, page: int, max_pixels: int) -> NDArray[np.uint8]:
    """Raises UnreadableImage, UnsupportedType, ImageSizeOutOfRange."""
    check_page(path, page, 1)
    data = bytes_from_file(path)
    try:
        header = header_from_bytes(data)
    except BadHeader as error:
        raise UnreadableImage(path, str(error)) from error
    check_size(path, header.width, header.height, max_pixels)
    # Asked for as stored, OpenCV gives an AVIF's 10 bits not spread over 16, and OS/2's colours as grey.
    straight = header.kind in ("JPEG", OS2_BMP) or header.is_deep
    pixels = decoded(path, data, header.kind, STRAIGHT_TO_RGB if straight else AS_STORED)
    return oriented(rgb_from_pixels(pixels), header.orientation)
