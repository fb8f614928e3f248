"""Scale at which a PDF page is rendered: the resolution of its scan, or 300 dpi without a scan."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ecgdigit_rt.decode.image_header import jpeg2000_size
from ecgdigit_rt.decode.limits import check_size, max_pixels_text
from ecgdigit_rt.errors import ImageSizeOutOfRange

if TYPE_CHECKING:
    from pypdfium2 import PdfImage, PdfPage

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

_POINTS_PER_INCH = 72  # by definition of the PDF point


@dataclass(frozen=True, slots=True)
class RenderedSize:
    """Scale of a rendered page in pixels per point, and its width and height in pixels."""

    scale: float
    width: int
    height: int


def rendered_size(path: Path, page: PdfPage, max_pixels: int) -> RenderedSize:
    """Return the size at which a page is rendered. PDFIUM_LOCK must be held. Raises ImageSizeOutOfRange.

    Error messages name `path`.
    """
    scale = _scale(path, page, max_pixels)
    width, height = (math.ceil(side * scale) for side in page.get_size())
    check_size(path, width, height, max_pixels)
    return RenderedSize(scale, width, height)


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
    scan = 0.0
    has_lines, may_have_images = _kinds(page)
    kinds = [pdfium.FPDF_PAGEOBJ_IMAGE, pdfium.FPDF_PAGEOBJ_PATH]
    for item in page.get_objects(filter=kinds) if may_have_images else ():
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


def _kinds(page: PdfPage) -> tuple[bool, bool]:
    """Return whether a page has paths, and whether it has images, or forms, which may contain both.

    A page may have 100 000 paths, of which wrapper objects would take a second.
    """
    import pypdfium2.raw as pdfium

    kinds = {
        pdfium.FPDFPageObj_GetType(pdfium.FPDFPage_GetObject(page, index))
        for index in range(pdfium.FPDFPage_CountObjects(page))
    }
    images = {pdfium.FPDF_PAGEOBJ_IMAGE, pdfium.FPDF_PAGEOBJ_FORM}
    return pdfium.FPDF_PAGEOBJ_PATH in kinds, bool(kinds & images)


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
