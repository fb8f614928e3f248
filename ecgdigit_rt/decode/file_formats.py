"""File formats: their common protocol, their table, and the decoding of a page by the format of its file.

A new format is a new module with the functions of `FileFormat`, and an entry in `FILE_FORMATS`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.decode import dicom, heic, opencv_image, pdf, tiff
from ecgdigit_rt.decode.limits import MAX_PIXELS, check_count
from ecgdigit_rt.decode.read_file import bytes_from_file
from ecgdigit_rt.errors import InputError, UnreadableImage, UnsupportedType
from ecgdigit_rt.results import PageRef

HEAD_BYTES = 1024
"""Bytes from which the format of a file is detected: the header of a PDF may start that late."""


class FileFormat(Protocol):
    """One format of files that contain pages. The content decides, not the suffix."""

    def matches(self, head: bytes, /) -> bool:
        """Return whether a file that starts with these bytes has this format."""
        ...

    def page_count(self, path: Path, /) -> int:
        """Return the number of pages of a file, without decoding any.

        Raises InputError or SetupError if the file is damaged or a package is missing.
        """
        ...

    def rgb(self, path: Path, page: int, max_pixels: int, /) -> NDArray[np.uint8]:
        """Decode one page, counted from 0, to (height, width, 3) uint8 RGB, upright, C-contiguous.

        A page of more than `max_pixels` is rejected before its pixels are allocated. Raises InputError
        or SetupError.
        """
        ...


# In the order in which they are tried. Formats with strict signatures come first, because the
# signature of a PDF may stand anywhere in the head.
FILE_FORMATS: tuple[FileFormat, ...] = (opencv_image, tiff, heic, dicom, pdf)


def rgb_from_page(page: PageRef, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """Decode one page of a file to (height, width, 3) uint8 RGB, C-contiguous.

    The EXIF orientation is applied, transparent pixels are blended with white, and 16 bits are reduced
    to 8. The pages of a PDF are rendered at the resolution of their scan or at 300 dpi. A page of more
    than `max_pixels` is rejected before its pixels are allocated. The function is thread-safe.

    Raises InputNotFound, UnreadableImage, UnsupportedType, ImageSizeOutOfRange, PasswordProtected,
    DependencyMissing.
    """
    return format_from_file(page.path).rgb(page.path, page.page, max_pixels)


def rgb_from_file(path: Path) -> NDArray[np.uint8]:
    """Decode the first page of a file. See `rgb_from_page`."""
    return rgb_from_page(PageRef(path))


def page_count(path: Path) -> int:
    """Return the number of pages of a file. Raises InputError or SetupError."""
    count = format_from_file(path).page_count(path)
    check_count(path, count)
    return count


def format_from_file(path: Path) -> FileFormat:
    """Detect the format of a file by its first bytes.

    Raises InputNotFound, UnreadableImage and UnsupportedType.
    """
    head = bytes_from_file(path, HEAD_BYTES)
    if not head:
        raise UnreadableImage(path, "the file is empty")
    for file_format in FILE_FORMATS:
        if file_format.matches(head):
            return file_format
    raise _unknown_format(path, head)


def _unknown_format(path: Path, head: bytes) -> InputError:
    if b"<svg" in head:
        return UnsupportedType(path, "an SVG drawing", "Render it at 300 dpi to a PNG.")
    is_text = not any(byte < 9 for byte in head)
    return UnreadableImage(path, "it is a text file, not an image" if is_text else "it is not an image")
