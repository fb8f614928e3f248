"""Line drawing of a PDF page: its path objects as polylines in pixels of the rendered page.

Matrices of objects, forms and the page are applied. Invisible paths, and paths outside their clip path, are
left out.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.decode.pdf_scale import RenderedSize
from ecgdigit_rt.decode.pdf_transform import ImageTransform
from ecgdigit_rt.drawing import Drawing, Pen, Points, Stroke

if TYPE_CHECKING:
    from pypdfium2 import PdfPage

MAX_SECONDS = 2.0
"""Maximum time for the paths of a page. Hand-picked, not tuned: 100 000 segments take about 0.2 s."""

MAX_OBJECTS, MAX_SEGMENTS, MAX_NESTING = 200_000, 400_000, 6
"""Maximum numbers of objects, of segments and of nested forms. Hand-picked, not tuned: device reports have up
to 60 000 segments, which may be one object each."""

_MIN_SEGMENTS = 200
"""Minimum number of segments of a page with curves. Hand-picked, not tuned: a row of ten seconds has at least
1000 points, or 300 if it was simplified."""

_CURVE_STEPS = 4  # number of lines that replace a Bézier curve. Hand-picked, not tuned.
_MIN_ALPHA = 8  # minimum opacity of a visible path, of 255. Hand-picked, not tuned.
_MM_PER_POINT = 25.4 / 72  # by definition of the PDF point

_Object = Any  # handle of PDFium
Matrix = NDArray[np.float64]
"""Affine transform (3, 2): the product of rows (x, y, 1) and the matrix is (x', y')."""


class DrawingTooComplex(Exception):
    """The page has too many objects or segments, too deeply nested forms, or takes too long."""


def drawing_from_pdf_page(page: PdfPage, size: RenderedSize) -> Drawing | None:
    """Return the line drawing of a page, in pixels of the rendered page of this size.

    None means that the page has hardly any lines, or that it exceeds a limit. PDFIUM_LOCK must be held.
    Raises PdfiumError.
    """
    import pypdfium2.raw as pdfium

    transform = ImageTransform.of_page(page, size)
    reader = _PathReader()
    base = _matrix(transform.matrix)
    try:
        objects = pdfium.FPDFPage_CountObjects(page)
        reader.read(objects, partial(pdfium.FPDFPage_GetObject, page), base, None, 0)
    except DrawingTooComplex:
        return None
    if reader.segments < _MIN_SEGMENTS:
        return None
    px_per_mm = np.linalg.norm(base[:2], axis=1) / _MM_PER_POINT  # pixels along the two axes of the page
    if abs(base[0, 1]) > abs(base[0, 0]):  # the page is turned by a quarter
        px_per_mm = px_per_mm[::-1]
    return Drawing(
        tuple(reader.strokes()), (size.width, size.height), (float(px_per_mm[0]), float(px_per_mm[1]))
    )


def _matrix(values: tuple[float, ...]) -> Matrix:
    """Return a PDF matrix (a, b, c, d, e, f) as an array (3, 2)."""
    return np.array(values, np.float64).reshape(3, 2)


def _product(inner: Matrix, outer: Matrix) -> Matrix:
    """Return the transform that applies `inner` first."""
    linear = inner @ outer[:2]
    linear[2] += outer[2]
    return np.asarray(linear)


@dataclass(slots=True)
class _PathReader:
    """Reader of the path objects of a page and of its forms. It counts what it reads.

    The points of all subpaths are converted to pixels at once, since a page may have one object per segment.
    `points` contains them in their own coordinates. `subpaths` contains the number of points, the transform,
    the pen and the clip box of each subpath.
    """

    points: list[tuple[float, float]] = field(default_factory=list)
    subpaths: list[tuple[int, Matrix, Pen, Points | None]] = field(default_factory=list)
    transforms: dict[tuple[float, ...], Matrix] = field(default_factory=dict)
    objects: int = 0
    segments: int = 0
    deadline: float = field(default_factory=lambda: monotonic() + MAX_SECONDS)

    def read(
        self, count: int, get: Callable[[int], _Object], outer: Matrix, clip: Points | None, nesting: int
    ) -> None:
        """Read `count` objects in the coordinates of `outer`. `clip` is the clip box (2, 2) in pixels."""
        import pypdfium2.raw as pdfium

        if nesting > MAX_NESTING:
            raise DrawingTooComplex
        for index in range(count):
            self.objects += 1
            if self.objects > MAX_OBJECTS or monotonic() > self.deadline:
                raise DrawingTooComplex
            item = get(index)
            kind = pdfium.FPDFPageObj_GetType(item)
            if kind == pdfium.FPDF_PAGEOBJ_PATH:
                self._read_path(item, outer, clip)
            elif kind == pdfium.FPDF_PAGEOBJ_FORM:
                inner_clip = _intersection(clip, _clip_box(item, outer))
                children = pdfium.FPDFFormObj_CountObjects(item)
                get_child = partial(pdfium.FPDFFormObj_GetObject, item)
                self.read(children, get_child, self._transform(item, outer), inner_clip, nesting + 1)

    def strokes(self) -> Iterator[Stroke]:
        """Yield the subpaths in pixels that are finite and not outside their clip boxes."""
        points = np.array(self.points).reshape(-1, 2)
        ends = np.cumsum([count for count, *_ in self.subpaths])
        starts = ends - [count for count, *_ in self.subpaths]
        first = 0
        for index, (_, matrix, _, _) in enumerate(self.subpaths):  # runs of subpaths with one transform
            if index + 1 == len(self.subpaths) or self.subpaths[index + 1][1] is not matrix:
                run = slice(starts[first], ends[index])
                points[run] = points[run] @ matrix[:2] + matrix[2]
                first = index + 1
        for start, end, (_, _, pen, clip) in zip(starts.tolist(), ends.tolist(), self.subpaths, strict=True):
            pixels = points[start:end]
            if clip is None or _overlaps(pixels, clip):
                yield Stroke(pixels, pen)

    def _read_path(self, path: _Object, outer: Matrix, clip: Points | None) -> None:
        import pypdfium2.raw as pdfium

        count = pdfium.FPDFPath_CountSegments(path)
        self.segments += max(count, 0)
        if self.segments > MAX_SEGMENTS:
            raise DrawingTooComplex
        matrix = self._transform(path, outer)
        pen = _pen(path, matrix)
        if pen is None:
            return
        box = _intersection(clip, _clip_box(path, outer))
        for line in _polylines(path, count):
            if np.isfinite(line).all():
                self.points += line
                self.subpaths.append((len(line), matrix, pen, box))

    def _transform(self, item: _Object, outer: Matrix) -> Matrix:
        """Return the transform from the coordinates of an object to pixels."""
        import pypdfium2.raw as pdfium

        found = pdfium.FS_MATRIX(1, 0, 0, 1, 0, 0)
        pdfium.FPDFPageObj_GetMatrix(item, found)
        key = found.a, found.b, found.c, found.d, found.e, found.f, float(id(outer))
        if key not in self.transforms:
            self.transforms[key] = _product(_matrix(key[:6]), outer)
        return self.transforms[key]


def _pen(path: _Object, matrix: Matrix) -> Pen | None:
    """Return the pen of a path, None if it is invisible."""
    import pypdfium2.raw as pdfium

    fill, stroke = ctypes.c_int(), ctypes.c_int()
    if not pdfium.FPDFPath_GetDrawMode(path, fill, stroke) or not (fill.value or stroke.value):
        return None
    red, green, blue, alpha = (ctypes.c_uint() for _ in range(4))
    get = pdfium.FPDFPageObj_GetStrokeColor if stroke.value else pdfium.FPDFPageObj_GetFillColor
    if not get(path, red, green, blue, alpha) or alpha.value < _MIN_ALPHA:
        return None
    width = ctypes.c_float()
    pdfium.FPDFPageObj_GetStrokeWidth(path, width)
    (a, b), (c, d) = matrix[:2].tolist()
    width_px = round(width.value * abs(a * d - b * c) ** 0.5, 3) if stroke.value else 0.0
    return Pen((red.value, green.value, blue.value), width_px, not stroke.value)


def _polylines(path: _Object, count: int) -> Iterator[list[tuple[float, float]]]:
    """Yield the subpaths of a path in its own coordinates. Those with a single point are left out."""
    import pypdfium2.raw as pdfium

    get_segment, get_point = pdfium.FPDFPath_GetPathSegment, pdfium.FPDFPathSegment_GetPoint
    get_type, get_close = pdfium.FPDFPathSegment_GetType, pdfium.FPDFPathSegment_GetClose
    x, y = ctypes.c_float(), ctypes.c_float()
    line: list[tuple[float, float]] = []
    controls: list[tuple[float, float]] = []
    for index in range(count):
        segment = get_segment(path, index)
        get_point(segment, x, y)
        point, kind = (x.value, y.value), get_type(segment)
        if kind == pdfium.FPDF_SEGMENT_MOVETO:
            if len(line) > 1:
                yield line
            line, controls = [point], []
        elif kind == pdfium.FPDF_SEGMENT_BEZIERTO:
            controls.append(point)
            if len(controls) == 3 and line:
                line += _curve(line[-1], *controls)
                controls = []
        else:
            line.append(point)
        if line and get_close(segment):
            line.append(line[0])
    if len(line) > 1:
        yield line


def _curve(
    start: tuple[float, float],
    first: tuple[float, float],
    second: tuple[float, float],
    end: tuple[float, float],
) -> list[tuple[float, float]]:
    """Return points of a cubic Bézier curve, without its start."""
    t = np.arange(1, _CURVE_STEPS + 1)[:, None] / _CURVE_STEPS
    points = np.array([start, first, second, end])
    weights = np.hstack([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3])
    return [(float(x), float(y)) for x, y in weights @ points]


def _clip_box(item: _Object, outer: Matrix) -> Points | None:
    """Return the box (2, 2) of the clip path of an object in pixels, None if it has no clip path."""
    import pypdfium2.raw as pdfium

    clip = pdfium.FPDFPageObj_GetClipPath(item)
    count = pdfium.FPDFClipPath_CountPaths(clip) if clip else 0
    box = None
    x, y = ctypes.c_float(), ctypes.c_float()
    for number in range(min(max(count, 0), MAX_NESTING)):
        segments = min(pdfium.FPDFClipPath_CountPathSegments(clip, number), 100)
        points = []
        for index in range(segments):
            segment = pdfium.FPDFClipPath_GetPathSegment(clip, number, index)
            pdfium.FPDFPathSegment_GetPoint(segment, x, y)
            points.append((x.value, y.value))
        if points:
            pixels = np.array(points) @ outer[:2] + outer[2]
            box = _intersection(box, np.stack([pixels.min(0), pixels.max(0)]))
    return box


def _intersection(first: Points | None, second: Points | None) -> Points | None:
    if first is None or second is None:
        return second if first is None else first
    return np.stack([np.maximum(first[0], second[0]), np.minimum(first[1], second[1])])


def _overlaps(pixels: Points, box: Points) -> bool:
    return bool((pixels.max(0) >= box[0]).all() and (pixels.min(0) <= box[1]).all())
