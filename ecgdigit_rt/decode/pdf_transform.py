"""Positions on a PDF page, converted to pixels of the rendered page."""

from __future__ import annotations

import ctypes
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from ecgdigit_rt.decode.pdf_scale import RenderedSize

if TYPE_CHECKING:
    from pypdfium2 import PdfPage

MAX_ANGLE_DEG = 10.0
"""Maximum angle between text and the nearest axis of the image. Text at other angles is ignored.

Hand-picked, not tuned: such text is a watermark.
"""

_SUBPIXELS = 256  # PDFium converts positions to integers, so they are converted in units of 1/256 px


class Box(NamedTuple):
    """Box in pixels of the image."""

    left: float
    top: float
    right: float
    bottom: float

    def union(self, other: Box) -> Box:
        """Return the smallest box that contains both."""
        return Box(
            min(self.left, other.left),
            min(self.top, other.top),
            max(self.right, other.right),
            max(self.bottom, other.bottom),
        )


@dataclass(frozen=True, slots=True)
class ImageTransform:
    """Affine transform from page coordinates (points, upwards) to pixels (downwards)."""

    origin: tuple[float, float]
    x_axis: tuple[float, float]
    y_axis: tuple[float, float]

    @classmethod
    def of_page(cls, page: PdfPage, size: RenderedSize) -> ImageTransform:
        """Return the transform of a page that is rendered in this size. PDFIUM_LOCK must be held."""
        import pypdfium2.raw as pdfium

        def pixel(x: float, y: float) -> tuple[float, float]:
            right, down = ctypes.c_int(), ctypes.c_int()
            canvas = 0, 0, size.width * _SUBPIXELS, size.height * _SUBPIXELS, 0
            pdfium.FPDF_PageToDevice(page, *canvas, x, y, right, down)
            return right.value / _SUBPIXELS, down.value / _SUBPIXELS

        span = max(page.get_size())
        origin, x_end, y_end = pixel(0, 0), pixel(span, 0), pixel(0, span)
        x_axis = (x_end[0] - origin[0]) / span, (x_end[1] - origin[1]) / span
        y_axis = (y_end[0] - origin[0]) / span, (y_end[1] - origin[1]) / span
        return cls(origin, x_axis, y_axis)

    def box(self, left: float, bottom: float, right: float, top: float) -> Box:
        """Return the box in the image of a box on the page."""
        corners = [
            (
                self.origin[0] + x * self.x_axis[0] + y * self.y_axis[0],
                self.origin[1] + x * self.x_axis[1] + y * self.y_axis[1],
            )
            for x, y in ((left, bottom), (right, top))
        ]
        (x0, y0), (x1, y1) = corners
        return Box(min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))

    @property
    def matrix(self) -> tuple[float, float, float, float, float, float]:
        """Return the transform as a PDF matrix (a, b, c, d, e, f): x' = a x + c y + e, y' = b x + d y + f."""
        return (*self.x_axis, *self.y_axis, *self.origin)

    def quarter_turns(self, angle: float) -> int | None:
        """Return the rotation in the image of a line with this clockwise angle (radians) on the page.

        None means that the line is not parallel to an axis.
        """
        along, up = math.cos(angle), -math.sin(angle)
        x = along * self.x_axis[0] + up * self.y_axis[0]
        y = along * self.x_axis[1] + up * self.y_axis[1]
        turns = math.degrees(math.atan2(y, x)) / 90
        nearest = round(turns)
        return nearest % 4 if abs(turns - nearest) * 90 <= MAX_ANGLE_DEG else None
