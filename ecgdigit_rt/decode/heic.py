"""HEIC and HEIF photos, decoded by pillow-heif (extra `heic`)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.decode.avif_boxes import brands_from_head
from ecgdigit_rt.decode.limits import check_page, check_size
from ecgdigit_rt.decode.pixels import rgb_from_pixels
from ecgdigit_rt.decode.pixels_only import drawing as drawing
from ecgdigit_rt.decode.pixels_only import words as words
from ecgdigit_rt.decode.read_file import bytes_from_file
from ecgdigit_rt.errors import DependencyMissing, InputError, UnreadableImage

_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})


def matches(head: bytes) -> bool:
    """Return whether a file that starts with these bytes is HEIC or HEIF."""
    return not _BRANDS.isdisjoint(brands_from_head(head))


def page_count(path: Path) -> int:  # noqa: ARG001 the same for every path
    """Return 1: only the primary image is a page. Thumbnails and the other images of a burst are not."""
    return 1


def rgb(path: Path, page: int, max_pixels: int) -> NDArray[np.uint8]:
    """Decode the primary image. Channels of more than 8 bits are reduced to 8 bits.

    libheif applies the rotation that the file declares. The EXIF orientation describes the same rotation
    and must not be applied again. Raises UnreadableImage, ImageSizeOutOfRange or DependencyMissing.
    """
    try:
        import pillow_heif
    except ImportError as error:
        raise DependencyMissing("pillow-heif", "Reading a HEIC photo", "heic") from error
    check_page(path, page, 1)
    data = bytes_from_file(path)
    try:
        photo = pillow_heif.open_heif(data)
        width, height = photo.size
        check_size(path, width, height, max_pixels)
        pixels = np.asarray(photo)  # open_heif does not decode the pixels
    except InputError:  # ImageSizeOutOfRange is also a ValueError
        raise
    except (ValueError, RuntimeError, EOFError, IndexError, OSError, SyntaxError) as error:
        raise UnreadableImage(path, f"the HEIC data are damaged ({error})") from error
    return rgb_from_pixels(pixels, premultiplied=photo.mode == "RGBa")
