"""Completion of leads that are printed twice, such as a short lead and its rhythm strip.

Where one of the two traces has a low confidence, for example beside a calibration pulse or under a stain, the
other one often is clear.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.results import Layout, Segment
from ecgdigit_rt.tracing.lead_trace import LeadTrace
from ecgdigit_rt.tracing.trace_noise import MIN_NOISE_MM, trace_noise_mm

Values = NDArray[np.float64]
Place = tuple[int, int]
"""Row of a segment, and its index in the row."""

# Hand-picked, not tuned.
_MIN_CORRELATION = 0.9  # minimum correlation of the clear columns. Leads of different times correlate less.
_MIN_CLEAR = 0.5  # minimum share of the columns that are clear in both traces
_MAX_LAG_MM = 0.5  # maximum displacement between the rows, for example on tilted pages


def complete_repeats(
    traces: Sequence[Sequence[LeadTrace]], layout: Layout
) -> tuple[list[list[LeadTrace]], list[Place]]:
    """Return the traces with low-confidence columns completed, and the rhythm strips with a repeat.

    Segments of a lead are repeats if they share time and agree where both are clear. Clear columns do not
    change. The rhythm strips, as (row, segment) indices, are the longer segments of the repeats. They were
    recorded at the same time as the other leads.
    """
    out = [list(row) for row in traces]
    strips = []
    for (i, j), (k, m) in _same_lead(layout):
        segments = layout.rows[i].segments[j], layout.rows[k].segments[m]
        completed = _complete(segments, (out[i][j], out[k][m]), layout.speed_mm_s)
        if completed is not None:
            out[i][j], out[k][m] = completed
            longer = segments[0].end_s - segments[0].start_s > segments[1].end_s - segments[1].start_s
            strips.append((i, j) if longer else (k, m))
    return out, strips


def _same_lead(layout: Layout) -> Iterator[tuple[Place, Place]]:
    """Yield the pairs of segments of the same lead that share time."""
    every = [(i, j, segment) for i, row in enumerate(layout.rows) for j, segment in enumerate(row.segments)]
    for (i, j, one), (k, m, other) in combinations(every, 2):
        shares_time = min(one.end_s, other.end_s) > max(one.start_s, other.start_s)
        if one.lead == other.lead and shares_time:
            yield (i, j), (k, m)


class _Piece(NamedTuple):
    """Columns of a trace, and their expected noise in mm."""

    trace: LeadTrace
    columns: slice
    noise_mm: Values

    @property
    def height_mm(self) -> Values:
        """Heights of the columns."""
        return self.trace.height_mm[self.columns].astype(np.float64)


def _complete(
    segments: tuple[Segment, Segment], traces: tuple[LeadTrace, LeadTrace], speed_mm_s: float
) -> tuple[LeadTrace, LeadTrace] | None:
    """Return both traces with their low-confidence columns completed, or None if they do not agree."""
    start_s = max(segment.start_s for segment in segments)
    starts_mm = [segment.start_mm + (start_s - segment.start_s) * speed_mm_s for segment in segments]
    firsts = [
        round((start_mm - trace.start_mm) * trace.columns_per_mm)
        for start_mm, trace in zip(starts_mm, traces, strict=True)
    ]
    sign = -1.0 if segments[0].is_inverted != segments[1].is_inverted else 1.0
    agreement = _agreement(traces, firsts, sign)
    if agreement is None:
        return None
    first, second, offset_mm = agreement
    return (
        _filled(first, second, sign * second.height_mm + offset_mm),
        _filled(second, first, sign * (first.height_mm - offset_mm)),
    )


def _agreement(
    traces: tuple[LeadTrace, LeadTrace], firsts: Sequence[int], sign: float
) -> tuple[_Piece, _Piece, float] | None:
    """Return the columns of both traces that show the same time, and the offset between their heights.

    The displacement between the rows is the one with the highest correlation. Returns None if the traces do
    not agree at any displacement. `sign` is -1 if one of the segments is inverted.
    """
    (a, b), (noise_a, noise_b) = traces, [trace_noise_mm(trace) for trace in traces]
    most = round(_MAX_LAG_MM * a.columns_per_mm)
    best, highest = None, _MIN_CORRELATION
    for lag in range(-most, most + 1):
        own, others = _spans(firsts[0], firsts[1] + lag, a.height_mm.size, b.height_mm.size)
        first, second = _Piece(a, own, noise_a[own]), _Piece(b, others, noise_b[others])
        is_clear = (first.noise_mm < MIN_NOISE_MM) & (second.noise_mm < MIN_NOISE_MM)
        if is_clear.sum() < max(_MIN_CLEAR * is_clear.size, 2):
            continue
        heights = first.height_mm[is_clear], sign * second.height_mm[is_clear]
        if min(map(np.ptp, heights)) == 0:  # flat traces have no correlation
            continue
        correlation = float(np.corrcoef(*heights)[0, 1])
        if correlation > highest:
            best, highest = (first, second, float(np.median(heights[0] - heights[1]))), correlation
    return best


def _spans(first_a: int, first_b: int, size_a: int, size_b: int) -> tuple[slice, slice]:
    """Return the columns of two traces that show the same time."""
    skip = max(0, -first_a, -first_b)
    first_a, first_b = first_a + skip, first_b + skip
    count = max(0, min(size_a - first_a, size_b - first_b))
    return slice(first_a, first_a + count), slice(first_b, first_b + count)


def _filled(own: _Piece, other: _Piece, other_height_mm: Values) -> LeadTrace:
    """Return a trace whose low-confidence columns are moved towards the other one.

    `other_height_mm` are the heights of the other trace, relative to the baseline of this one.
    """
    variance, other_variance = own.noise_mm**2, other.noise_mm**2
    weight = np.where(own.noise_mm > MIN_NOISE_MM, variance / (variance + other_variance), 0)
    if not weight.any():
        return own.trace
    filled = own.trace.height_mm.copy(), own.trace.confidence.copy(), own.trace.spread_mm.copy()
    targets: tuple[NDArray[np.floating], ...] = (
        other_height_mm,
        other.trace.confidence[other.columns],
        other.trace.spread_mm[other.columns],
    )
    for values, target in zip(filled, targets, strict=True):
        values[own.columns] += (weight * (target - values[own.columns])).astype(np.float32)
    return dataclasses.replace(own.trace, height_mm=filled[0], confidence=filled[1], spread_mm=filled[2])
