"""TIFF and BigTIFF: scans of many pages, faxes. Each directory of the file is a page."""

from __future__ import annotations

import struct
from pathlib import Path

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from ecgdigit_rt.decode.limits import check_page, check_size
from ecgdigit_rt.decode.opencv import decoded
from ecgdigit_rt.decode.pixels import oriented, rgb_from_pixels
from ecgdigit_rt.decode.read_file import bytes_from_file
from ecgdigit_rt.decode.tiff_directories import (
    BITS,
    EXTRA_SAMPLES,
    HEIGHT,
    ORIENTATION,
    PHOTOMETRIC,
    TILE_HEIGHT,
    TILE_WIDTH,
    WIDTH,
    Tag,
    TiffLayout,
    layout_from_signature,
    page_offsets,
    read_from_bytes,
    tags_at,
)
from ecgdigit_rt.errors import UnreadableImage, UnsupportedType

_MIN_IS_WHITE, _MIN_IS_BLACK, _RGB = 0, 1, 2
_STRAIGHT_ALPHA = 2
_LARGE_TILE = 4096  # px a side, which a page may stay below; usual ones have 256 or 512
_CUT = "it ends inside its TIFF directory"


def matches(head: bytes) -> bool:
    return layout_from_signature(head) is not None


def page_count(path: Path) -> int:
    """Follows the directories through the file; reads nothing else."""
    with path.open("rb") as file:

        def read(at: int, size: int) -> bytes:
            file.seek(at)
            return file.read(size)

        try:
            return len(page_offsets(read, _layout(path, read(0, 4))))
        except (struct.error, OSError, OverflowError) as error:
            raise UnreadableImage(path, _CUT) from error


def rgb(path: Path, page: int, max_pixels: int) -> NDArray[np.uint8]:
    """Raises UnreadableImage, UnsupportedType, ImageSizeOutOfRange."""
    data = bytearray(bytes_from_file(path))
    layout, read = _layout(path, data), read_from_bytes(data)
    try:
        offsets = page_offsets(read, layout)
        check_page(path, page, len(offsets))
        tags = tags_at(read, layout, offsets[page])
    except struct.error as error:
        raise UnreadableImage(path, _CUT) from error
    if WIDTH not in tags or HEIGHT not in tags:
        raise UnreadableImage(path, "its TIFF directory is damaged")
    check_size(path, tags[WIDTH].value, tags[HEIGHT].value, max_pixels)
    _check_tiles(path, tags)
    _check_samples(path, tags)
    orientation = _value(tags, ORIENTATION, 1)
    _make_first_and_upright(data, layout, offsets[page], tags)
    pixels = _positive(decoded(path, data, "TIFF"), tags)
    return oriented(rgb_from_pixels(pixels, _is_premultiplied(pixels, tags)), orientation)


def _layout(path: Path, data: bytes | bytearray) -> TiffLayout:
    layout = layout_from_signature(bytes(data[:4]))
    if layout is None:
        raise UnreadableImage(path, "it is no TIFF")
    return layout


def _value(tags: dict[int, Tag], tag: int, default: int) -> int:
    return tags[tag].value if tag in tags else default


def _check_tiles(path: Path, tags: dict[int, Tag]) -> None:
    """A tile is decoded whole, however little of it lies on the page."""
    for side, page_side in ((TILE_WIDTH, WIDTH), (TILE_HEIGHT, HEIGHT)):
        if _value(tags, side, 0) > max(tags[page_side].value, _LARGE_TILE):
            raise UnreadableImage(path, "its tiles are larger than the page")


def _check_samples(path: Path, tags: dict[int, Tag]) -> None:
    """Refuse what OpenCV 5.0 refuses or, worse, reads with wrong colours."""
    bits, meaning = _value(tags, BITS, 1), _value(tags, PHOTOMETRIC, _MIN_IS_BLACK)
    is_grey = meaning in (_MIN_IS_WHITE, _MIN_IS_BLACK)
    if (is_grey and bits not in (1, 8, 16, 32, 64)) or (bits == 16 and not is_grey and meaning != _RGB):
        found = f"a TIFF of {bits} bits a sample in the colour model {meaning}"
        raise UnsupportedType(path, found, "Save it as grey or RGB with 8 or 16 bits.")


def _make_first_and_upright(data: bytearray, layout: TiffLayout, start: int, tags: dict[int, Tag]) -> None:
    """OpenCV decodes a file's first page, and no turned one: so this page becomes both, in memory."""
    struct.pack_into(layout.order + layout.pointer, data, layout.first_at, start)
    if ORIENTATION in tags:
        struct.pack_into(layout.order + "H", data, tags[ORIENTATION].at, 1)


def _positive(pixels: MatLike, tags: dict[int, Tag]) -> MatLike:
    """OpenCV inverts a "0 is white" page of up to 8 bits, not one of 16."""
    is_negative = pixels.dtype == np.uint16 and _value(tags, PHOTOMETRIC, _MIN_IS_BLACK) == _MIN_IS_WHITE
    return cv2.bitwise_not(pixels) if is_negative else pixels


def _is_premultiplied(pixels: MatLike, tags: dict[int, Tag]) -> bool:
    """8 bits come through libtiff's RGBA reader, which multiplies by alpha; 16 come as stored."""
    return pixels.dtype == np.uint8 or _value(tags, EXTRA_SAMPLES, 0) != _STRAIGHT_ALPHA
