"""Leads of a line drawing: the points of the file, sampled at 500 Hz."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.drawing import DrawingNotUnderstood
from ecgdigit_rt.results import RATE_HZ, Layout, Lead, Row, Segment
from ecgdigit_rt.vector.curves import Curve
from ecgdigit_rt.vector.grid import GridScale

Values = NDArray[np.float64]

# Hand-picked, not tuned.
_MIN_POINTS = 10  # minimum number of points of a lead
_SNAP_MM = 4.0  # maximum distance from a boundary between two leads to the end of a curve
_MAX_GAP_MM = 1.5  # maximum length of samples that are missing at the end of a lead; longer gaps are spaces
_MAX_ROUNDING = 0.1  # maximum distance of a sample from a point of the file, relative to that of samples
_RATE_TOLERANCE = 0.003  # maximum deviation of the rate of equidistant points from 500 Hz
_MIN_QUANTUM_MM = 1e-4  # resolution of exact heights


def layout_with_curves(layout: Layout, rows: Sequence[Sequence[Curve]]) -> tuple[Layout, list[list[Curve]]]:
    """Return the layout with the exact extents of its segments, and the curve of each segment.

    `rows` contains the curves of each row. Boundaries between leads are at equal distances, unless curves end
    near them. Raises DrawingNotUnderstood if a lead has hardly any points.
    """
    new_rows, curves = [], []
    for row, row_curves in zip(layout.rows, rows, strict=True):
        parts = _parts(row_curves, len(row.segments))
        new_rows.append(replace(row, segments=tuple(_segments(row, parts, layout.speed_mm_s))))
        curves.append(parts)
    return replace(layout, rows=tuple(new_rows)), curves


def _parts(curves: Sequence[Curve], count: int) -> list[Curve]:
    """Return the curves of the `count` leads of a row."""
    starts = [curve.start_mm for curve in curves]
    ends = [curve.end_mm + curve.step_mm for curve in curves]  # each point lasts until the next one
    cuts = np.linspace(starts[0], ends[-1], count + 1)
    parts = []
    for left, right in zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True):
        first, last = _snapped(left, starts), _snapped(right, ends)
        inside = [
            curve.between(max(first, start), min(last, end))
            for curve, start, end in zip(curves, starts, ends, strict=True)
            if end - curve.step_mm / 2 > first and start < last - curve.step_mm / 2
        ]
        if not inside or sum(part.u_mm.size for part in inside) < _MIN_POINTS:
            raise DrawingNotUnderstood("a lead of its layout has hardly any points")
        parts.append(
            Curve(
                np.concatenate([part.u_mm for part in inside]), np.concatenate([part.v_mm for part in inside])
            )
        )
    return parts


def _snapped(position_mm: float, ends_mm: Sequence[float]) -> float:
    nearest = min(ends_mm, key=lambda end: abs(end - position_mm))
    return nearest if abs(nearest - position_mm) < _SNAP_MM else position_mm


def _segments(row: Row, parts: Sequence[Curve], speed_mm_s: float) -> list[Segment]:
    """Return the segments of a row with the extents of their curves. Spaces between leads take no time."""
    segments: list[Segment] = []
    at_s, previous_mm = row.segments[0].start_s, parts[0].start_mm
    for segment, part in zip(row.segments, parts, strict=True):
        gap_mm = part.start_mm - previous_mm
        at_s += gap_mm / speed_mm_s if gap_mm <= _MAX_GAP_MM else 0.0
        end_s = at_s + (part.end_mm - part.start_mm) / speed_mm_s
        segments.append(Segment(segment.lead, part.start_mm, part.end_mm, at_s, end_s, segment.is_inverted))
        at_s, previous_mm = end_s, part.end_mm
    return segments


def leads_from_curves(layout: Layout, curves: Sequence[Sequence[Curve]], scale: GridScale) -> list[Lead]:
    """Return every segment of the layout as a lead, sampled at 500 Hz, in the order of the page."""
    return [
        _lead(segment, curve, layout, scale)
        for row, row_curves in zip(layout.rows, curves, strict=True)
        for segment, curve in zip(row.segments, row_curves, strict=True)
    ]


def _lead(segment: Segment, curve: Curve, layout: Layout, scale: GridScale) -> Lead:
    u = _sample_positions(curve, layout.speed_mm_s)
    v = _heights_mm(curve, u)
    mm_mv = -layout.gain_mm_mv if segment.is_inverted else layout.gain_mm_mv
    return Lead(
        name=segment.lead,
        mv=((curve.baseline_mm - v) / mm_mv).astype(np.float32),
        rate_hz=RATE_HZ,
        start_s=segment.start_s,
        confidence=1.0,
        curve_px=np.stack([u * scale.x, v * scale.y], 1).astype(np.float32),
        expected_error_mv=_quantum_mm(curve.v_mm) / float(np.sqrt(12)) / layout.gain_mm_mv,
    )


def _sample_positions(curve: Curve, speed_mm_s: float) -> Values:
    """Return the positions of the samples: the points of the file if they have a rate of 500 Hz.

    Otherwise, the positions are those of 500 Hz, between which the curve is linear, as it is drawn.
    """
    step_mm = speed_mm_s / RATE_HZ
    count = round((curve.end_mm - curve.start_mm) / curve.step_mm) + 1
    if abs(curve.step_mm / step_mm - 1) < _RATE_TOLERANCE:
        return np.linspace(curve.start_mm, curve.end_mm, count)
    count = int(np.floor((curve.end_mm - curve.start_mm) / step_mm + 1e-6)) + 1
    return np.asarray(curve.start_mm + np.arange(count) * step_mm)


def _heights_mm(curve: Curve, u: Values) -> Values:
    """Return the heights at positions along the curve.

    A point of the file near a position is a sample: its position is rounded in the file, and the height of
    the steep line through it would be wrong by more than the rounding.
    """
    right = np.clip(np.searchsorted(curve.u_mm, u), 1, curve.u_mm.size - 1)
    nearest = right - (u - curve.u_mm[right - 1] < curve.u_mm[right] - u)
    is_sample = np.abs(curve.u_mm[nearest] - u) < _MAX_ROUNDING * curve.step_mm
    return np.where(is_sample, curve.v_mm[nearest], np.interp(u, curve.u_mm, curve.v_mm))


def _quantum_mm(heights_mm: Values) -> float:
    """Return the resolution of the file: the distance between neighbouring heights."""
    steps = np.diff(np.unique(np.round(heights_mm / _MIN_QUANTUM_MM)))
    return float(np.quantile(steps, 0.1)) * _MIN_QUANTUM_MM if steps.size else _MIN_QUANTUM_MM
