"""TIFF and BigTIFF: multi-page scans and faxes.

Each directory of a file is a page, except for thumbnails and transparency masks.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from ecgdigit_rt.decode.limits import MAX_PAGES, check_count, check_page, check_size
from ecgdigit_rt.decode.opencv_image import decode_with_opencv
from ecgdigit_rt.decode.pixel_aspect import UNKNOWN_DENSITY, Density, square_pixels
from ecgdigit_rt.decode.pixels import apply_orientation, rgb_from_pixels
from ecgdigit_rt.decode.pixels_only import drawing as drawing
from ecgdigit_rt.decode.pixels_only import words as words
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
    X_RESOLUTION,
    Y_RESOLUTION,
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
_MAX_TILE_PX = 4096  # maximum side of a tile that exceeds the page; hand-picked, not tuned: 512 is usual
_MAX_DIRECTORIES = 4 * MAX_PAGES  # a page may have a thumbnail and a mask; hand-picked, not tuned
_TRUNCATED = "it ends inside its TIFF directory"


def matches(head: bytes) -> bool:
    """Return whether a file that starts with these bytes is TIFF."""
    return layout_from_signature(head) is not None


def page_count(path: Path) -> int:
    """Return the number of pages. Only the directories are read. Raises UnreadableImage."""
    return len(_page_offsets(path))


def _page_offsets(path: Path) -> tuple[int, ...]:
    """Return the offsets of the directories of the pages. Raises UnreadableImage."""
    try:
        status = path.stat()
        return _offsets_of_file(path, status.st_size, status.st_mtime_ns)
    except (struct.error, OSError, OverflowError) as error:
        raise UnreadableImage(path, _TRUNCATED) from error


@lru_cache(maxsize=8)
def _offsets_of_file(path: Path, size: int, modified_ns: int) -> tuple[int, ...]:  # noqa: ARG001 keys only
    """Return the offsets of a file with this size and modification time.

    They are kept, because the time to find them is proportional to the number of pages, and every page needs
    them.
    """
    with path.open("rb") as file:

        def read(at: int, size: int) -> bytes:
            file.seek(at)
            return file.read(size)

        offsets = page_offsets(read, _layout(path, read(0, 4)), _MAX_DIRECTORIES)
    check_count(path, len(offsets))
    return tuple(offsets)


def rgb(path: Path, page: int, max_pixels: int) -> NDArray[np.uint8]:
    """Decode one page. Raises UnreadableImage, UnsupportedType or ImageSizeOutOfRange."""
    data = bytearray(bytes_from_file(path))
    layout, read = _layout(path, data), read_from_bytes(data)
    offsets = _page_offsets(path)
    check_page(path, page, len(offsets))
    try:
        tags = tags_at(read, layout, offsets[page])
    except struct.error as error:
        raise UnreadableImage(path, _TRUNCATED) from error
    if WIDTH not in tags or HEIGHT not in tags:
        raise UnreadableImage(path, "its TIFF directory is damaged")
    check_size(path, tags[WIDTH].value, tags[HEIGHT].value, max_pixels)
    _check_tiles(path, tags)
    _check_samples(path, tags)
    orientation = _value(tags, ORIENTATION, 1)
    _point_to_page(data, layout, offsets[page], tags)
    pixels = _undo_negative(decode_with_opencv(path, data, "TIFF"), tags)
    is_premultiplied = _is_premultiplied(pixels, tags)
    square = square_pixels(pixels, _density(tags), max_pixels)
    return apply_orientation(rgb_from_pixels(square, is_premultiplied), orientation)


def _layout(path: Path, data: bytes | bytearray) -> TiffLayout:
    layout = layout_from_signature(bytes(data[:4]))
    if layout is None:
        raise UnreadableImage(path, "it is not a TIFF")
    return layout


def _value(tags: dict[int, Tag], tag: int, default: int) -> int:
    return tags[tag].value if tag in tags else default


def _density(tags: dict[int, Tag]) -> Density:
    """Return the resolutions across and down. The unit, inch or centimetre, is the same for both."""
    resolutions = [tags[tag] for tag in (X_RESOLUTION, Y_RESOLUTION) if tag in tags]
    if len(resolutions) < 2 or any(tag.denominator == 0 for tag in resolutions):
        return UNKNOWN_DENSITY
    across, down = (tag.value / tag.denominator for tag in resolutions)
    return across, down


def _check_tiles(path: Path, tags: dict[int, Tag]) -> None:
    """Raise UnreadableImage if a tile exceeds both the page and _MAX_TILE_PX.

    A tile is decoded as a whole, even if only a part of it is on the page.
    """
    for side, page_side in ((TILE_WIDTH, WIDTH), (TILE_HEIGHT, HEIGHT)):
        if _value(tags, side, 0) > max(tags[page_side].value, _MAX_TILE_PX):
            raise UnreadableImage(path, "its tiles are larger than the page")


def _check_samples(path: Path, tags: dict[int, Tag]) -> None:
    """Raise UnsupportedType for samples that OpenCV 5.0 rejects or decodes with wrong colors."""
    bits, photometric = _value(tags, BITS, 1), _value(tags, PHOTOMETRIC, _MIN_IS_BLACK)
    is_gray = photometric in (_MIN_IS_WHITE, _MIN_IS_BLACK)
    if (is_gray and bits not in (1, 8, 16, 32, 64)) or (bits == 16 and not is_gray and photometric != _RGB):
        kind = f"a TIFF with {bits} bits per sample in the colour model {photometric}"
        raise UnsupportedType(path, kind, "Save the image as grey or RGB with 8 or 16 bits.")


def _point_to_page(data: bytearray, layout: TiffLayout, start: int, tags: dict[int, Tag]) -> None:
    """Modify `data` so that the page with its directory at `start` is the first one and has orientation 1.

    OpenCV decodes only the first page of a file, and supports only orientation 1. `rgb` applies the
    orientation of the page after decoding.
    """
    struct.pack_into(layout.order + layout.pointer, data, layout.first_at, start)
    if ORIENTATION in tags:
        struct.pack_into(layout.order + "H", data, tags[ORIENTATION].at, 1)


def _undo_negative(pixels: MatLike, tags: dict[int, Tag]) -> MatLike:
    """Invert a 16-bit page in which 0 is white. OpenCV inverts only pages of up to 8 bits."""
    is_negative = pixels.dtype == np.uint16 and _value(tags, PHOTOMETRIC, _MIN_IS_BLACK) == _MIN_IS_WHITE
    return cv2.bitwise_not(pixels) if is_negative else pixels


def _is_premultiplied(pixels: MatLike, tags: dict[int, Tag]) -> bool:
    """Return whether the colors of the decoded pixels are multiplied by alpha.

    The RGBA reader of libtiff decodes 8-bit pages and multiplies their colors by alpha. The colors of 16-bit
    pages are as stored.
    """
    return pixels.dtype == np.uint8 or _value(tags, EXTRA_SAMPLES, 0) != _STRAIGHT_ALPHA
