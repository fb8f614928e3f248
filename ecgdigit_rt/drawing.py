"""Line drawing of a page: the strokes of a vector file, in pixels of the decoded image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Pen:
    """Colour (red, green, blue; 0 to 255), width in pixels, and whether the stroke is a filled shape."""

    colour: tuple[int, int, int]
    width_px: float
    is_fill: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Stroke:
    """Polyline: points (n, 2), x and y in pixels, in the order of the file, and its pen."""

    points: Points = field(repr=False)
    pen: Pen


@dataclass(frozen=True, slots=True, eq=False)
class Drawing:
    """Line drawing of a page.

    strokes: visible polylines in the order of the file. Curves are replaced by polylines.
    size_px: width and height of the decoded image.
    px_per_mm: pixels per millimetre of the page in the file, along x and along y.
    """

    strokes: tuple[Stroke, ...] = field(repr=False)
    size_px: tuple[int, int]
    px_per_mm: tuple[float, float]

    def rotated(self, quarter_turns: int) -> Drawing:
        """Return the drawing after counterclockwise turns of its image."""
        drawing = self
        for _ in range(quarter_turns % 4):
            width, height = drawing.size_px
            strokes = tuple(
                Stroke(np.stack([stroke.points[:, 1], width - stroke.points[:, 0]], 1), stroke.pen)
                for stroke in drawing.strokes
            )
            drawing = Drawing(strokes, (height, width), (drawing.px_per_mm[1], drawing.px_per_mm[0]))
        return drawing


class DrawingNotUnderstood(Exception):
    """The lines of a page cannot be read as an ECG. The message states why."""


DrawingSource = Callable[[], Drawing | None]
"""Function that returns the line drawing of a page, or None if the file contains none."""


def no_drawing() -> Drawing | None:
    """Return None: the file contains no line drawing."""
    return None
