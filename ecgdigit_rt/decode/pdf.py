"""PDF pages, drawn by PDFium (pypdfium2): scans at their own resolution, drawings at 300 dpi."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.decode.jpeg2000 import jpeg2000_size
from ecgdigit_rt.decode.limits import check_page, check_size, too_large
from ecgdigit_rt.decode.read_file import bytes_from_file
from ecgdigit_rt.errors import (
    ImageSizeOutOfRange,
    PasswordProtected,
    UnreadableImage,
    UnsupportedType,
)

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument, PdfImage, PdfPage

DRAWN_DPI = 300
"""A trace's line of 0.2 mm is 2.4 px wide."""

MAX_DRAWN_PIXELS = 40_000_000
"""A4 at 600 dpi is 35 MP. A larger page is drawn more coarsely, not refused."""

_MIN_SCAN_DPI = 60  # below this an image that fills the page is a background, not a scan
_POINTS_PER_INCH = 72
_TAIL_BYTES = 4096
PDFIUM = threading.Lock()  # PDFium is not made for threads: one call at a time in the process


def matches(head: bytes) -> bool:
    return b"%PDF-" in head


def page_count(path: Path) -> int:
    return page_count_of(path, path.absolute())


def rgb(path: Path, page: int, max_pixels: int) -> NDArray[np.uint8]:
    """Raises UnreadableImage, UnsupportedType, PasswordProtected, ImageSizeOutOfRange."""
    return rgb_from_pdf(path, path.absolute(), page, max_pixels)


def page_count_of(path: Path, source: Path | bytes) -> int:
    """How many pages the PDF `source` has; errors name `path`, the file it comes from."""
    with _opened(path, source) as document:
        return len(document)


def rgb_from_pdf(path: Path, source: Path | bytes, page: int, max_pixels: int) -> NDArray[np.uint8]:
    """Draw one page. Errors name `path`; see `rgb`."""
    import pypdfium2

    with _opened(path, source) as document:
        check_page(path, page, len(document))
        try:
            drawn = document[page]
            scale = _scale(path, drawn, max_pixels)
            width, height = (math.ceil(side * scale) for side in drawn.get_size())
            check_size(path, width, height, max_pixels)
            bitmap = drawn.render(scale=scale, rev_byteorder=True)
            pixels = np.array(bitmap.to_numpy(), np.uint8, order="C")
            bitmap.close()
        except (pypdfium2.PdfiumError, UnicodeDecodeError) as error:
            raise UnreadableImage(path, f"page {page + 1} of the PDF is damaged") from error
    return pixels


@contextmanager
def _opened(path: Path, source: Path | bytes) -> Iterator[PdfDocument]:
    """The document, with PDFium held for as long; pages are loaded when they are asked for."""
    import pypdfium2
    import pypdfium2.raw as pdfium

    _check_end(path, source)
    with PDFIUM:
        try:
            document = pypdfium2.PdfDocument(source)
        except pypdfium2.PdfiumError as error:
            if error.err_code == pdfium.FPDF_ERR_PASSWORD:
                raise PasswordProtected(path) from error
            if error.err_code == pdfium.FPDF_ERR_SECURITY:
                lock = "a PDF that is encrypted in an unknown way"
                raise UnsupportedType(path, lock, "Print it into a new PDF.") from error
            raise UnreadableImage(path, "the PDF is damaged, or has no pages") from error
        try:
            yield document
        finally:
            document.close()


def _check_end(path: Path, source: Path | bytes) -> None:
    """PDFium mends a file that is cut short and leaves pages out or blank; here it is refused."""
    tail = source[-_TAIL_BYTES:] if isinstance(source, bytes) else bytes_from_file(source, last=_TAIL_BYTES)
    if b"%%EOF" not in tail:
        raise UnreadableImage(path, "the PDF is cut short")


def _scale(path: Path, page: PdfPage, max_pixels: int) -> float:
    """Pixels per point: a scan's own where the page shows one, and 300 dpi or more where lines are drawn.

    Raises ImageSizeOutOfRange for an embedded picture that would be too large to decode.
    """
    import pypdfium2.raw as pdfium

    width, height = page.get_size()
    span = max(width, height)
    scan, has_lines = 0.0, False
    for item in page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_IMAGE, pdfium.FPDF_PAGEOBJ_PATH]):
        if item.type == pdfium.FPDF_PAGEOBJ_PATH:
            has_lines = True
            continue
        across, down = _stored_size(item)
        if across * down > max_pixels:
            raise ImageSizeOutOfRange(path, across, down, too_large(max_pixels))
        a, b, c, d, _, _ = item.get_matrix().get()
        sides = math.hypot(a, b), math.hypot(c, d)
        # One inside a form has a matrix of unknown scale; one that spans half the page is a scan, or
        # a strip of one. Strips and layers may differ: the finest counts.
        if item.level == 0 and max(sides) > span / 2 and min(sides) > 0:
            scan = max(scan, across / sides[0], down / sides[1])
    drawn = DRAWN_DPI / _POINTS_PER_INCH
    if scan * _POINTS_PER_INCH < _MIN_SCAN_DPI or (has_lines and scan < drawn):
        scan = drawn
    most = min(MAX_DRAWN_PIXELS, max_pixels)
    scan *= 1 - 1e-6  # rounding must not add a column to a scan's own
    fits = math.ceil(width * scan) * math.ceil(height * scan) <= most
    return scan if fits else _largest_scale(width, height, most) * (1 - 1e-6)


def _stored_size(picture: PdfImage) -> tuple[int, int]:
    """What is really decoded: JPEG 2000 data have a size of their own, whatever the PDF says of them."""
    across, down = picture.get_px_size()
    if "JPXDecode" in picture.get_filters():
        return jpeg2000_size(bytes(picture.get_data(decode_simple=True))) or (across, down)
    return across, down


def _largest_scale(width: float, height: float, pixels: int) -> float:
    """The scale at which sides that are rounded up hold so many pixels: (w s + 1) (h s + 1) = pixels."""
    area, sides = max(width * height, 1e-9), width + height
    return (math.sqrt(sides**2 + 4 * area * (pixels - 1)) - sides) / (2 * area)
