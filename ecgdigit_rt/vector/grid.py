"""Scale of a line drawing: the period of its grid lines, in pixels per millimetre of ECG paper."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.drawing import Drawing, Pen, Stroke

Values = NDArray[np.float64]

# Hand-picked, not tuned. Lengths are in millimetres of the page in the file.
_STRAIGHT = 0.01  # maximum slope of a line that counts as parallel to an axis
_MAX_OBLIQUE = 0.02  # maximum fraction of the segments of a grid that are not parallel to an axis
_DOT_MM, _DOT_LENGTH_MM = 0.6, 0.3  # maximum size of a dot, and the length of a line for which it counts
_THIN_MM = 0.5  # maximum width of a filled rectangle that is a line
_MIN_LINE_MM = 15.0  # minimum total length of the pieces of a line
_SAME_MM = 0.05  # distance up to which two lines are one
_MIN_LINES = 8  # minimum number of lines of a grid
_MIN_PERIOD_MM = 0.3  # minimum distance between grid lines
_MAX_RESIDUAL = 0.08  # maximum deviation of a line from the grid, relative to the period
_MIN_REGULAR = 0.8  # minimum fraction of the lines that are on the grid
_MIN_FILLED = 0.4  # minimum fraction of the positions of the grid that have a line
_CANDIDATES = 6  # number of distances between neighbours that are tried as the period
_MAX_ZOOM = 1.35
"""Maximum ratio between the size of the paper in the file and its true size, in both directions. Pages that
are scaled to another sheet have up to 1.1. Lines of 1 mm and of 5 mm differ by far more."""
_EXACT = 0.01  # maximum relative error of an exact distance between lines
_PERIODS_MM = (1.0, 5.0)  # periods of the minor and the major lines of ECG paper


@dataclass(frozen=True, slots=True)
class GridScale:
    """Pixels per millimetre of ECG paper, along x and along y.

    `is_certain` is false if the lines could be those of another grid: if only lines of 5 mm or only lines of
    1 mm are drawn, and their distance is not exact on the page in the file.
    """

    x: float
    y: float
    is_certain: bool = True

    @property
    def stretch(self) -> float:
        """Difference between both, relative to their mean."""
        return abs(self.x - self.y) / (0.5 * (self.x + self.y))


def grid_scale(drawing: Drawing) -> GridScale | None:
    """Return the scale of the grid, or None if no regular grid of 1 or 5 mm is drawn.

    Lines, thin rectangles, dashes and dots are grid lines if their pen draws only lines parallel to an axis.
    """
    pens = list(_straight_pens(drawing))
    x, y = (
        _scale([_lines(strokes, axis, drawing.px_per_mm) for strokes in pens], drawing.px_per_mm[axis])
        for axis in (0, 1)
    )
    return GridScale(x[0], y[0], x[1] and y[1]) if x is not None and y is not None else None


def straight_pens(drawing: Drawing) -> set[Pen]:
    """Return the pens that draw only lines parallel to an axis: grids, frames and rules."""
    return {strokes.pen for strokes in _straight_pens(drawing)}


@dataclass(frozen=True, slots=True, eq=False)
class _Strokes:
    """Strokes of one pen: their points (n, 2), and the index of the first point of each stroke."""

    pen: Pen
    points: Values
    first: NDArray[np.intp]

    @classmethod
    def of(cls, strokes: Sequence[Stroke]) -> _Strokes:
        """Return the strokes, which have the same pen."""
        sizes = [len(stroke.points) for stroke in strokes]
        first = np.cumsum([0, *sizes[:-1]])
        return cls(strokes[0].pen, np.concatenate([stroke.points for stroke in strokes]), first)

    @property
    def boxes(self) -> tuple[Values, Values]:
        """Lower and upper corners (strokes, 2) of the strokes."""
        low, high = (extreme.reduceat(self.points, self.first) for extreme in (np.minimum, np.maximum))
        return np.asarray(low), np.asarray(high)

    @property
    def segments(self) -> tuple[Values, Values]:
        """Start (segments, 2) and step (segments, 2) of every segment."""
        steps = np.diff(self.points, axis=0)
        keep = np.ones(len(steps), bool)
        keep[self.first[1:] - 1] = False
        return self.points[:-1][keep], steps[keep]


def _straight_pens(drawing: Drawing) -> Iterator[_Strokes]:
    """Yield the strokes of each pen that draws hardly anything but lines parallel to an axis."""
    by_pen: dict[Pen, list[Stroke]] = {}
    for stroke in drawing.strokes:
        by_pen.setdefault(stroke.pen, []).append(stroke)
    for same in by_pen.values():
        strokes = _Strokes.of(same)
        low, high = strokes.boxes
        steps = np.abs(strokes.segments[1])
        is_oblique = steps.min(1) > _STRAIGHT * steps.max(1)
        are_dots = (high - low).max() < _DOT_MM * min(drawing.px_per_mm)
        if are_dots or is_oblique.mean() <= _MAX_OBLIQUE:
            yield strokes


def _lines(strokes: _Strokes, axis: int, px_per_mm: tuple[float, float]) -> Values:
    """Return the positions of the long lines across an axis (0: vertical lines), in pixels, sorted."""
    low, high = strokes.boxes
    size_mm = (high - low) / px_per_mm
    middle = ((low + high) / 2)[:, axis]
    is_dot = size_mm.max(1) < _DOT_MM
    positions, lengths = [middle[is_dot]], [np.full(int(is_dot.sum()), _DOT_LENGTH_MM)]
    if strokes.pen.is_fill:
        is_thin = ~is_dot & (size_mm[:, axis] < _THIN_MM)
        positions.append(middle[is_thin])
        lengths.append(size_mm[is_thin, 1 - axis])
    else:
        starts, steps = strokes.segments
        is_across = np.abs(steps[:, axis]) <= _STRAIGHT * np.abs(steps[:, 1 - axis])
        positions.append(starts[is_across, axis] + steps[is_across, axis] / 2)
        lengths.append(np.abs(steps[is_across, 1 - axis]) / px_per_mm[1 - axis])
    return _merged(np.concatenate(positions), np.concatenate(lengths), _SAME_MM * px_per_mm[axis])


def _merged(positions: Values, lengths: Values, same_px: float) -> Values:
    """Return the positions of lines, of which the pieces within `same_px` have a sufficient total length."""
    if not positions.size:
        return positions
    order = np.argsort(positions)
    positions, lengths = positions[order], lengths[order]
    groups = np.concatenate([[0], np.cumsum(np.diff(positions) > same_px)])
    total = np.bincount(groups, lengths)
    mean = np.bincount(groups, positions * lengths) / np.maximum(total, 1e-9)
    return np.asarray(mean[total >= _MIN_LINE_MM])


def _scale(families: Sequence[Values], px_per_mm: float) -> tuple[float, bool] | None:
    """Return the pixels per millimetre of paper and whether they are certain, from the lines of each pen."""
    every = np.unique(np.concatenate([*families, np.zeros(0)]))
    if every.size:
        keep = np.concatenate([[True], np.diff(every) > _SAME_MM * px_per_mm])
        every = every[keep]
    period = _period(every, _MIN_PERIOD_MM * px_per_mm)
    if period is None:
        return None
    others = [_period(family, _MIN_PERIOD_MM * px_per_mm) for family in families]
    if any(other is not None and abs(other / period - 5) < 0.1 for other in others):
        return period, True  # another pen draws every fifth line
    zooms = {mm: period / mm / px_per_mm for mm in _PERIODS_MM}
    mm = min(_PERIODS_MM, key=lambda mm: abs(np.log(zooms[mm])))
    if not 1 / _MAX_ZOOM < zooms[mm] < _MAX_ZOOM:
        return None
    return period / mm, abs(zooms[mm] - 1) < _EXACT


def _period(positions: Values, least: float) -> float | None:
    """Return the period of regular positions, None if they are not regular."""
    gaps = np.diff(positions)
    gaps = gaps[gaps > least]
    if positions.size < _MIN_LINES or not gaps.size:
        return None
    rounded, counts = np.unique(np.round(gaps, 1), return_counts=True)
    candidates = rounded[np.argsort(-counts)][:_CANDIDATES]
    best: tuple[int, float] | None = None
    for gap in sorted(candidates.tolist(), reverse=True):
        period = float(np.median(gaps[np.abs(gaps - gap) < 0.1 * gap]))
        index, fit = _fit(positions, period)
        regular = np.abs(positions - np.polyval(fit, index)) < _MAX_RESIDUAL * fit[0]
        steps = np.unique(index[regular])
        filled = steps.size / (steps[-1] - steps[0] + 1) if steps.size else 0.0
        if regular.mean() < _MIN_REGULAR or steps.size < _MIN_LINES or filled < _MIN_FILLED:
            continue
        if best is None or int(regular.sum()) > best[0]:
            best = int(regular.sum()), float(np.polyfit(index[regular], positions[regular], 1)[0])
    return best[1] if best else None


def _fit(positions: Values, period: float) -> tuple[Values, Values]:
    """Return the number of periods of each position, and the line through both.

    The numbers are counted from one line to the next, so that a small error of the period does not add up.
    """
    index = np.concatenate([[0.0], np.cumsum(np.round(np.diff(positions) / period))])
    return index, np.polyfit(index, positions, 1)
