"""PDF pages, rendered by PDFium (pypdfium2): scans at their own resolution, other pages at 300 dpi."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.decode.image_header import jpeg2000_size
from ecgdigit_rt.decode.limits import check_page, check_size, max_pixels_text
from ecgdigit_rt.decode.read_file import bytes_from_file
from ecgdigit_rt.errors import (
    ImageSizeOutOfRange,
    PasswordProtected,
    UnreadableImage,
    UnsupportedType,
)

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument, PdfImage, PdfPage

RENDER_DPI = 300
"""Resolution at which a page without a scan is rendered.

Hand-picked, not tuned: a trace line of 0.2 mm is 2.4 px wide.
"""

MAX_RENDERED_PIXELS = 40_000_000
"""Maximum number of pixels of a rendered page. Larger pages are rendered at a lower resolution.

Hand-picked, not tuned: A4 at 600 dpi has 35 megapixels.
"""

_MIN_SCAN_DPI = 60
"""Minimum resolution of a scan. A large image of a lower resolution is assumed to be a page background.

Hand-picked, not tuned.
"""

_POINTS_PER_INCH = 72
_TAIL_BYTES = 4096  # the end marker must be in the last bytes of the file; hand-picked, not tuned
PDFIUM_LOCK = threading.Lock()
"""Lock that every call of PDFium must hold, because PDFium is not thread-safe."""


def matches(head: bytes) -> bool:
    """Return whether a file that starts with these bytes is a PDF."""
    return b"%PDF-" in head


def page_count(path: Path) -> int:
    """Return the number of pages of a file. Raises UnreadableImage, UnsupportedType or PasswordProtected."""
    return page_count_from_pdf(path, path.absolute())


def rgb(path: Path, page: int, max_pixels: int) -> NDArray[np.uint8]:
    """Render one page. Raises UnreadableImage, UnsupportedType, PasswordProtected or ImageSizeOutOfRange."""
    return rgb_from_pdf(path, path.absolute(), page, max_pixels)


def page_count_from_pdf(path: Path, source: Path | bytes) -> int:
    """Return the number of pages of the PDF `source`, a path or the bytes of a document.

    Error messages name `path`, the file that contains the document. Raises UnreadableImage, UnsupportedType
    or PasswordProtected.
    """
    with _open(path, source) as document:
        return len(document)


def rgb_from_pdf(path: Path, source: Path | bytes, page: int, max_pixels: int) -> NDArray[np.uint8]:
    """Render one page of the PDF `source`, a path or the bytes of a document.

    Error messages name `path`, the file that contains the document. Raises the same errors as `rgb`.
    """
    import pypdfium2

    with _open(path, source) as document:
        check_page(path, page, len(document))
        try:
            pdf_page = document[page]
            scale = _scale(path, pdf_page, max_pixels)
            width, height = (math.ceil(side * scale) for side in pdf_page.get_size())
            check_size(path, width, height, max_pixels)
            bitmap = pdf_page.render(scale=scale, rev_byteorder=True)
            pixels = np.array(bitmap.to_numpy(), np.uint8, order="C")
            bitmap.close()
        except (pypdfium2.PdfiumError, UnicodeDecodeError) as error:
            raise UnreadableImage(path, f"page {page + 1} of the PDF is damaged") from error
    return pixels


@contextmanager
def _open(path: Path, source: Path | bytes) -> Iterator[PdfDocument]:
    """Open a document, and hold PDFIUM_LOCK until the document is closed.

    Pages are loaded when they are accessed. Raises UnreadableImage, UnsupportedType or PasswordProtected.
    """
    import pypdfium2
    import pypdfium2.raw as pdfium

    _check_end(path, source)
    with PDFIUM_LOCK:
        try:
            document = pypdfium2.PdfDocument(source)
        except pypdfium2.PdfiumError as error:
            if error.err_code == pdfium.FPDF_ERR_PASSWORD:
                raise PasswordProtected(path) from error
            if error.err_code == pdfium.FPDF_ERR_SECURITY:
                kind = "a PDF with an unknown encryption"
                raise UnsupportedType(path, kind, "Print the document to a new PDF.") from error
            raise UnreadableImage(path, "the PDF is damaged or has no pages") from error
        try:
            yield document
        finally:
            document.close()


def _check_end(path: Path, source: Path | bytes) -> None:
    """Raise UnreadableImage if the file is truncated. PDFium would open it with missing or blank pages."""
    tail = source[-_TAIL_BYTES:] if isinstance(source, bytes) else bytes_from_file(source, last=_TAIL_BYTES)
    if b"%%EOF" not in tail:
        raise UnreadableImage(path, "the PDF is truncated")


def _scale(path: Path, page: PdfPage, max_pixels: int) -> float:
    """Return the number of pixels per point at which a page is rendered.

    A page with a scan is rendered at the resolution of the scan, but at RENDER_DPI or more if the page also
    contains line drawings. A page without a scan is rendered at RENDER_DPI. The resolution is lower if the
    page would exceed the maximum size. Raises ImageSizeOutOfRange if an embedded image is larger than
    `max_pixels`.
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
            raise ImageSizeOutOfRange(path, across, down, max_pixels_text(max_pixels), is_too_large=True)
        a, b, c, d, _, _ = item.get_matrix().get()
        sides = math.hypot(a, b), math.hypot(c, d)
        # The scale of an image inside a form (level > 0) is unknown. An image that spans more than half of
        # the longer side of the page is a scan or a part of a scan. The highest resolution of these images is
        # used.
        if item.level == 0 and max(sides) > span / 2 and min(sides) > 0:
            scan = max(scan, across / sides[0], down / sides[1])
    standard = RENDER_DPI / _POINTS_PER_INCH
    if scan * _POINTS_PER_INCH < _MIN_SCAN_DPI or (has_lines and scan < standard):
        scan = standard
    limit = min(MAX_RENDERED_PIXELS, max_pixels)
    scan *= 1 - 1e-6  # so that rounding up does not add a column to the scan
    fits = math.ceil(width * scan) * math.ceil(height * scan) <= limit
    return scan if fits else _max_scale(width, height, limit) * (1 - 1e-6)


def _stored_size(image: PdfImage) -> tuple[int, int]:
    """Return the size in pixels to which an embedded image is decoded.

    JPEG 2000 data may declare another size than the PDF. PDFium decodes the size in the JPEG 2000 data.
    """
    across, down = image.get_px_size()
    if "JPXDecode" in image.get_filters():
        return jpeg2000_size(bytes(image.get_data(decode_simple=True))) or (across, down)
    return across, down


def _max_scale(width: float, height: float, pixels: int) -> float:
    """Return the scale at which a page has at most `pixels` pixels, even if both sides are rounded up.

    The scale s solves (width s + 1) (height s + 1) = pixels.
    """
    area, sides = max(width * height, 1e-9), width + height
    return (math.sqrt(sides**2 + 4 * area * (pixels - 1)) - sides) / (2 * area)
