"""Curves of a line drawing: strokes joined to curves, calibration pulses, and the rows of curves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.drawing import Drawing, Pen, Points
from ecgdigit_rt.vector.grid import GridScale, straight_pens

Values = NDArray[np.float64]

# Hand-picked, not tuned. Lengths are in millimetres of ECG paper.
_TOUCH_MM = 0.02  # maximum distance between the end of a stroke and the start of the next one
_MAX_GAP_MM, _MAX_STEP_MM = 0.4, 8.0
"""Maximum gap along the row between two parts of a curve, and maximum difference of their heights: a few
samples, on a steep part of a QRS complex."""
_MAX_BACKWARD_MM = 0.05  # maximum length by which a curve may go backwards
_MIN_CURVE_MM = 15.0  # minimum length of a curve along the row
_MIN_POINTS = 40  # minimum number of points of a curve
_MIN_HEIGHTS = 8  # minimum number of different heights of a curve
_MIN_OBLIQUE = 0.02  # minimum fraction of the segments of a curve that are not parallel to an axis
_MAX_IRREGULAR = 0.1  # maximum deviation of equidistant points, relative to their distance
_STEP_QUANTILE = 0.1  # quantile of the distances between points that is the distance between samples
_SAME_MM = 0.002  # distance along the row up to which two points are one column
_PULSE_MM = (3.0, 45.0)  # heights of calibration pulses: at least 5 mm, at most two pulses of 20 mm
_PLATEAU_MM = (1.0, 15.0)  # length of the plateau of a pulse: 0.2 s at 5 to 75 mm/s
_FLAT_MM = 0.1  # maximum difference of the heights of a plateau
_EDGE_MM = 0.5  # maximum length of a pulse's edge along the row: a few samples
_MAX_PULSE_MM = 25.0  # maximum length of a separate pulse along the row
_COLUMN_MM = 4.0  # maximum difference between the ends of the curves of one column


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Curve of one or more leads in millimetres of ECG paper.

    u_mm: (points,), increasing, positions along the row. v_mm: (points,), heights, which increase downward.
    """

    u_mm: Values = field(repr=False)
    v_mm: Values = field(repr=False)

    @property
    def start_mm(self) -> float:
        """Position of the first point."""
        return float(self.u_mm[0])

    @property
    def end_mm(self) -> float:
        """Position of the last point."""
        return float(self.u_mm[-1])

    @property
    def baseline_mm(self) -> float:
        """Median height, weighted by the length along the row."""
        widths = np.diff(self.u_mm)
        middles = (self.v_mm[1:] + self.v_mm[:-1]) / 2
        order = np.argsort(middles)
        total = np.cumsum(widths[order])
        return float(middles[order][np.searchsorted(total, total[-1] / 2)])

    @property
    def step_mm(self) -> float:
        """Distance between samples along the row. Points on a straight line may be missing in the file."""
        return float(np.quantile(np.diff(self.u_mm), _STEP_QUANTILE))

    def between(self, start_mm: float, end_mm: float) -> Curve:
        """Return the part from `start_mm` up to, but without, `end_mm`.

        The ends are rounded to points if these are within half a sample. Otherwise they are interpolated.
        """
        step = self.step_mm
        half = step / 2
        u = self.u_mm[(self.u_mm >= start_mm - half) & (self.u_mm < end_mm - half)]
        first, last = np.clip([start_mm, end_mm - step], self.start_mm, self.end_mm)
        if not u.size or u[0] > first + half:
            u = np.concatenate([[first], u])
        if u[-1] < last - half:
            u = np.concatenate([u, [last]])
        return Curve(u, np.interp(u, self.u_mm, self.v_mm))


@dataclass(frozen=True, slots=True)
class Pulse:
    """Calibration pulse: its height, and the position of its centre, all in millimetres."""

    height_mm: float
    u_mm: float
    v_mm: float


@dataclass(frozen=True, slots=True)
class Curves:
    """Curves of a page, and its calibration pulses."""

    curves: tuple[Curve, ...]
    pulses: tuple[Pulse, ...]


def curves_from_drawing(drawing: Drawing, scale: GridScale) -> Curves:
    """Return the curves and the pulses of an upright drawing.

    Strokes of one pen that continue each other are joined. A curve is long, never goes backwards, and has
    many heights. Frames, rules and grid lines have none of these properties together. Lines far outside the
    paper are ignored.
    """
    grid = straight_pens(drawing)
    curves: list[Curve] = []
    pulses: list[Pulse] = []
    by_pen: dict[Pen, list[Points]] = {}
    unit = np.array([scale.x, scale.y])
    paper = np.array(drawing.size_px) / unit
    for stroke in drawing.strokes:
        if not stroke.pen.is_fill:
            by_pen.setdefault(stroke.pen, []).append(stroke.points / unit)
    for pen, lines in by_pen.items():
        chains = _touching(lines)
        separate = [pulse for chain in chains if (pulse := _separate_pulse(chain)) is not None]
        pulses += separate
        if pen in grid:
            continue
        inside = [_forward(chain) for chain in chains if (np.abs(chain - paper / 2) <= paper).all()]
        for chain in _joined(inside):
            found = _curve(chain)
            if found is not None:
                curve, own = _without_pulses(found)
                pulses += own
                if _is_long(curve.u_mm):
                    curves.append(curve)
    return Curves(tuple(curves), tuple(pulses))


def _touching(lines: Sequence[Points]) -> list[Points]:
    """Join strokes of which one starts where another one ends."""
    first, last = _keys([line[0] for line in lines]), _keys([line[-1] for line in lines])
    starts: dict[tuple[int, int], list[int]] = {}
    for index, key in enumerate(first):
        starts.setdefault(key, []).append(index)
    is_used = [False] * len(lines)
    is_continuation = {index for key in last for index in starts.get(key, ())}
    heads = [index for index in range(len(lines)) if index not in is_continuation]
    chains = []
    for head in (*heads, *range(len(lines))):
        if is_used[head]:
            continue
        parts, index = [lines[head]], head
        is_used[head] = True
        while following := [other for other in starts.get(last[index], ()) if not is_used[other]]:
            index = following[0]
            is_used[index] = True
            parts.append(lines[index][1:])
        chains.append(np.concatenate(parts))
    return chains


def _keys(points: Sequence[Values]) -> list[tuple[int, int]]:
    """Return the cells of points. Points that touch are in the same cell, apart from cells' edges."""
    cells = np.round(np.array(points) / _TOUCH_MM).astype(int)
    return list(zip(cells[:, 0].tolist(), cells[:, 1].tolist(), strict=True))


def _forward(chain: Points) -> Points:
    """Return a chain from left to right."""
    return chain[::-1] if chain[0, 0] > chain[-1, 0] else chain


def _joined(chains: Iterable[Points]) -> Iterator[Points]:
    """Join chains across small gaps along the row. Each chain is continued by the nearest one in height."""
    ordered = sorted((chain for chain in chains if _is_forward(chain)), key=lambda chain: float(chain[0, 0]))
    open_ends: list[list[Points]] = []
    for chain in ordered:
        candidates = [
            parts
            for parts in open_ends
            if -_SAME_MM <= chain[0, 0] - parts[-1][-1, 0] <= _MAX_GAP_MM
            and abs(chain[0, 1] - parts[-1][-1, 1]) <= _MAX_STEP_MM
        ]
        if candidates:
            nearest = min(candidates, key=lambda parts: abs(chain[0, 1] - parts[-1][-1, 1]))
            nearest.append(chain)
        else:
            open_ends.append([chain])
    for parts in open_ends:
        yield np.concatenate(parts)


def _is_forward(chain: Points) -> bool:
    steps = np.diff(chain[:, 0])
    return bool(np.ptp(chain[:, 0]) > 0 and steps.min() > -_MAX_BACKWARD_MM)


def _curve(chain: Points) -> Curve | None:
    """Return a chain as a curve, None if it is too short, straight or rectangular."""
    steps = np.abs(np.diff(chain, axis=0))
    is_oblique = (steps[:, 0] > _SAME_MM) & (steps[:, 1] > _SAME_MM)
    if (
        not _is_long(chain[:, 0])
        or np.unique(np.round(chain[:, 1], 2)).size < _MIN_HEIGHTS
        or is_oblique.mean() < _MIN_OBLIQUE
    ):
        return None
    line = _without_vertical_lines(chain)
    return Curve(line[:, 0], line[:, 1])


def _is_long(u: Values) -> bool:
    return bool(u.size >= _MIN_POINTS and u[-1] - u[0] >= _MIN_CURVE_MM)


def _without_vertical_lines(chain: Points) -> Points:
    """Return a chain whose vertical lines have only their first and last point.

    A vertical line that returns to its start, such as a bar between two leads, is left out.
    """
    u = np.maximum.accumulate(chain[:, 0])
    group = np.concatenate([[0], np.cumsum(np.diff(u) >= _SAME_MM)])
    first = np.flatnonzero(np.diff(group, prepend=-1))
    last = np.append(first[1:], u.size) - 1
    keep = np.zeros(u.size, bool)
    keep[first] = keep[last] = True
    for start, stop in zip(first.tolist(), last.tolist(), strict=True):
        if stop > start and abs(chain[stop, 1] - chain[start, 1]) < _TOUCH_MM:
            keep[start] = keep[stop] = stop - start < 2
            keep[stop] = False
    return np.stack([u[keep], chain[keep, 1]], 1)


def _on_lattice(u: Values) -> Values:
    """Return positions at exact multiples of the distance between samples, if they are near such multiples.

    Files store positions with few decimals, and some writers leave out points on a straight line.
    """
    steps = np.diff(u)
    index = np.concatenate([[0.0], np.cumsum(np.round(steps / np.quantile(steps, _STEP_QUANTILE)))])
    if (np.diff(index) == 0).any():
        return u
    slope, start = np.polyfit(index, u, 1)
    lattice = start + slope * index
    return np.asarray(lattice) if np.abs(lattice - u).max() < _MAX_IRREGULAR * slope else u


def _separate_pulse(chain: Points) -> Pulse | None:
    """Return a chain that is a calibration pulse: flat, up, a plateau, and down to the same height."""
    if np.ptp(chain[:, 0]) > _MAX_PULSE_MM or len(chain) < 4:
        return None
    line = _forward(_without_retraced(chain))
    found = _pulse(line)
    if found is None:
        return None
    first, last, pulse = found
    outside = np.concatenate([line[:first, 1], line[last + 1 :, 1]])
    foot = pulse.v_mm + pulse.height_mm / 2
    return pulse if (np.abs(outside - foot) < _FLAT_MM).all() else None


def _without_retraced(chain: Points) -> Points:
    """Return a chain without lines that are drawn back and forth."""
    kept: list[Values] = []
    for point in chain:
        if len(kept) > 1 and np.abs(kept[-2] - point).max() < _TOUCH_MM:
            kept.pop()
        else:
            kept.append(point)
    return np.array(kept)


def _pulse(line: Points) -> tuple[int, int, Pulse] | None:
    """Return the first pulse of a line: the points before and after it, and its size."""
    u, v = line[:, 0], line[:, 1]
    rises = np.flatnonzero((v[:-1] - v[1:] > _PULSE_MM[0]) & (np.diff(u) < _EDGE_MM))
    for rise in rises.tolist():
        top, height = v[rise + 1], v[rise] - v[rise + 1]
        off = np.flatnonzero(np.abs(v[rise + 1 :] - top) > _FLAT_MM)
        if not off.size or height > _PULSE_MM[1]:
            continue
        fall = rise + int(off[0])  # last point of the plateau
        width = u[fall] - u[rise + 1]
        is_down = abs(v[fall + 1] - v[rise]) < _FLAT_MM and u[fall + 1] - u[fall] < _EDGE_MM
        if is_down and _PLATEAU_MM[0] <= width <= _PLATEAU_MM[1]:
            return rise, fall + 1, Pulse(float(height), float(u[rise] + width / 2), float(top + height / 2))
    return None


def _without_pulses(curve: Curve) -> tuple[Curve, list[Pulse]]:
    """Return the curve without the pulses at its ends, and these pulses."""
    line, pulses = np.stack([curve.u_mm, curve.v_mm], 1), []
    for _ in range(2):
        found = _pulse(line[: np.searchsorted(line[:, 0], line[0, 0] + _MAX_PULSE_MM)])
        if found is not None:
            _, last, pulse = found
            pulses.append(pulse)
            line = line[_end_of_foot(line, last) :]
        line = (line * (-1, 1))[::-1]  # the other end
    curve = Curve(_on_lattice(line[:, 0]), line[:, 1])
    return curve, [Pulse(pulse.height_mm, abs(pulse.u_mm), pulse.v_mm) for pulse in pulses]


def _end_of_foot(line: Points, last: int) -> int:
    """Return the first point after the flat line that follows a pulse: the start of the record.

    The flat line is drawn with one segment, or with many points of one height.
    """
    step = float(np.median(np.diff(line[:, 0])))
    long = np.flatnonzero(np.diff(line[last : last + 3, 0]) > 3 * step)
    if long.size:
        end = last + int(long[-1]) + 1
    else:
        flat = np.abs(line[last:, 1] - line[last, 1]) < _FLAT_MM / 2
        end = last + max(int(np.argmin(flat)) - 1, 0)
    same = np.flatnonzero(line[end:, 0] - line[end, 0] < _SAME_MM)
    return end + int(same[-1])


def rows_from_curves(curves: Sequence[Curve]) -> list[list[Curve]]:
    """Return the curves of each row from left to right. The rows are in order from the top down.

    Curves with the same ends are a column. The n-th curves of all columns are one row, also if the columns
    are at different heights. A curve across several columns is a row of its own.
    """
    columns: list[list[Curve]] = []
    for curve in sorted(curves, key=lambda curve: (curve.start_mm, curve.end_mm)):
        for column in columns:
            ends = abs(curve.start_mm - column[0].start_mm), abs(curve.end_mm - column[0].end_mm)
            if max(ends) < _COLUMN_MM:
                column.append(curve)
                break
        else:
            columns.append([curve])
    for column in columns:
        column.sort(key=lambda curve: curve.baseline_mm)
    parallel: list[list[list[Curve]]] = []
    for column in sorted(columns, key=lambda column: column[0].start_mm):
        for group in parallel:
            if column[0].start_mm > group[-1][0].end_mm - _COLUMN_MM and len(column) == len(group[0]):
                group.append(column)
                break
        else:
            parallel.append([column])
    rows = [[column[index] for column in group] for group in parallel for index in range(len(group[0]))]
    return sorted(rows, key=lambda row: float(np.mean([curve.baseline_mm for curve in row])))
