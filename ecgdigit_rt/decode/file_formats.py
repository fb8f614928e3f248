"""File formats: the protocol, the list of formats, and the decoding of pages with the detected format.

To add a format, write a module with the functions of `FileFormat`, and add the module to `FILE_FORMATS`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.decode import dicom, heic, opencv_image, pdf, tiff
from ecgdigit_rt.decode.limits import MAX_PIXELS, check_count
from ecgdigit_rt.decode.read_file import bytes_from_file
from ecgdigit_rt.drawing import Drawing
from ecgdigit_rt.errors import InputError, UnreadableImage, UnsupportedType
from ecgdigit_rt.results import PageRef
from ecgdigit_rt.words import Word

HEAD_BYTES = 1024
"""Number of bytes at the start of a file from which the format is detected.

The header of a PDF may start anywhere in these bytes.
"""


class FileFormat(Protocol):
    """Format of files that contain pages. It is detected from the content, not from the suffix."""

    def matches(self, head: bytes, /) -> bool:
        """Return whether a file that starts with these bytes has this format."""
        ...

    def page_count(self, path: Path, /) -> int:
        """Return the number of pages of a file, without decoding the pages.

        Raises InputError if the file cannot be read, and SetupError if a package is not installed.
        """
        ...

    def rgb(self, path: Path, page: int, max_pixels: int, /) -> NDArray[np.uint8]:
        """Decode the page with index `page` to (height, width, 3) uint8 RGB, upright and C-contiguous.

        A page of more than `max_pixels` pixels is rejected before memory for its pixels is allocated. Raises
        InputError or SetupError.
        """
        ...

    def words(self, path: Path, page: int, max_pixels: int, /) -> tuple[Word, ...]:
        """Return the words that the file contains for the page with index `page`.

        Boxes are in pixels of the image that `rgb` returns. A format of pixels has no words. Raises
        InputError or SetupError.
        """
        ...

    def drawing(self, path: Path, page: int, max_pixels: int, /) -> Drawing | None:
        """Return the line drawing of the page with index `page`, in pixels of the image that `rgb` returns.

        None means that the page has hardly any lines. Raises InputError or SetupError.
        """
        ...


# Formats in the order in which they are tried. PDF is last, because its signature may be anywhere in the
# first HEAD_BYTES, also by chance in a file of another format.
FILE_FORMATS: tuple[FileFormat, ...] = (opencv_image, tiff, heic, dicom, pdf)


def rgb_from_page(page: PageRef, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """Decode one page of a file to (height, width, 3) uint8 RGB, C-contiguous.

    The EXIF orientation is applied, transparent pixels are blended with white, and 16-bit channels are
    reduced to 8 bits. If a TIFF, PNG, JPEG or BMP declares pixels that are not square, the coarser axis is
    enlarged as `ecgdigit_rt.decode.pixel_aspect` describes. A page of a PDF is rendered as
    `ecgdigit_rt.decode.pdf_scale` describes. A page of more than `max_pixels` pixels is rejected before
    memory for its pixels is allocated. The function is thread-safe.

    Raises InputNotFound, UnreadableImage, UnsupportedType, FileTooLarge, ImageSizeOutOfRange,
    PasswordProtected or DependencyMissing.
    """
    return format_from_file(page.path).rgb(page.path, page.page, max_pixels)


def words_from_page(page: PageRef, max_pixels: int = MAX_PIXELS) -> tuple[Word, ...]:
    """Return the words that a file contains for one page: those of a PDF, or none.

    Boxes are in pixels of the image that `rgb_from_page` returns for the same `max_pixels`. The function is
    thread-safe. Raises the errors of `rgb_from_page`.
    """
    return format_from_file(page.path).words(page.path, page.page, max_pixels)


def drawing_from_page(page: PageRef, max_pixels: int = MAX_PIXELS) -> Drawing | None:
    """Return the line drawing that a file contains for one page, None if it has hardly any lines.

    Only PDFs contain lines. They are in pixels of the image that `rgb_from_page` returns for the same
    `max_pixels`. The function is thread-safe. Raises the errors of `rgb_from_page`.
    """
    return format_from_file(page.path).drawing(page.path, page.page, max_pixels)


def rgb_from_file(path: Path) -> NDArray[np.uint8]:
    """Decode the first page of a file. See `rgb_from_page`."""
    return rgb_from_page(PageRef(path))


def page_count(path: Path) -> int:
    """Return the number of pages of a file. Raises InputError or SetupError."""
    count = format_from_file(path).page_count(path)
    check_count(path, count)
    return count


def format_from_file(path: Path) -> FileFormat:
    """Detect the format of a file from its first bytes.

    Raises InputNotFound, UnreadableImage, UnsupportedType or FileTooLarge.
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
        return UnsupportedType(path, "an SVG drawing", "Save it as a PDF, whose lines are read exactly.")
    is_text = not any(byte < 9 for byte in head)
    return UnreadableImage(path, "it is a text file, not an image" if is_text else "it is not an image")
