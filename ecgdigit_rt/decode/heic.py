"""HEIC and HEIF photos, as phones take them, read by pillow-heif (the extra `heic`)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.decode.avif_boxes import brands
from ecgdigit_rt.decode.limits import check_page, check_size
from ecgdigit_rt.decode.pixels import rgb_from_pixels
from ecgdigit_rt.decode.read_file import bytes_from_file
from ecgdigit_rt.errors import DependencyMissing, InputError, UnreadableImage

_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})


def matches(head: bytes) -> bool:
    return not _BRANDS.isdisjoint(brands(head))


def page_count(path: Path) -> int:  # noqa: ARG001 the same for every path
    """The primary picture is the page; a burst's others and the thumbnails are not."""
    return 1


def rgb(path: Path, page: int, max_pixels: int) -> NDArray[np.uint8]:
    """10 bits become 8. The file's own turns are applied by libheif, and EXIF must not be again.

    Raises UnreadableImage, ImageSizeOutOfRange, DependencyMissing.
    """
    try:
        import pillow_heif
    except ImportError as error:
        raise DependencyMissing("pillow-heif", "reading a HEIC photo", "heic") from error
    check_page(path, page, 1)
    data = bytes_from_file(path)
    try:
        photo = pillow_heif.open_heif(data)
        width, height = photo.size
        check_size(path, width, height, max_pixels)
        pixels = np.asarray(photo)  # decoded only here
    except InputError:  # of the size, and a ValueError too
        raise
    except (ValueError, RuntimeError, EOFError, IndexError, OSError, SyntaxError) as error:
        raise UnreadableImage(path, f"the HEIC data are damaged ({error})") from error
    return rgb_from_pixels(pixels, premultiplied=photo.mode == "RGBa")
