"""Leads that are printed twice, such as a short lead and its rhythm strip, complete each other.

Where one of the two traces has a low confidence, for example beside a calibration pulse or under a stain, the
other one often is clear.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from itertools import combinations

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


def _complete(
    segments: tuple[Segment, Segment], traces: tuple[LeadTrace, LeadTrace], speed_mm_s: float
) -> tuple[LeadTrace, LeadTrace] | None:
    """Return both traces with their low-confidence columns completed, or None if they do not agree."""
    start_s = max(segment.start_s for segment in segments)
    firsts = [
        (segment.start_mm + (start_s - segment.start_s) * speed_mm_s - trace.start_mm) * trace.columns_per_mm
        for segment, trace in zip(segments, traces, strict=True)
    ]
    first_a, first_b = (round(first) for first in firsts)
    lag = _best_lag(segments, traces, (first_a, first_b))
    if lag is None:
        return None
    shift, offset = lag
    a, b = traces
    sign = -1.0 if segments[0].is_inverted != segments[1].is_inverted else 1.0
    spans = _spans(first_a, first_b + shift, a.height_mm.size, b.height_mm.size)
    completed_a = _filled(a, b, spans, sign, offset)
    completed_b = _filled(b, a, spans[::-1], sign, -sign * offset)
    return completed_a, completed_b


def _spans(first_a: int, first_b: int, size_a: int, size_b: int) -> tuple[slice, slice]:
    """Return the columns of two traces that show the same time."""
    skip = max(0, -first_a, -first_b)
    first_a, first_b = first_a + skip, first_b + skip
    count = max(0, min(size_a - first_a, size_b - first_b))
    return slice(first_a, first_a + count), slice(first_b, first_b + count)


def _best_lag(
    segments: tuple[Segment, Segment], traces: tuple[LeadTrace, LeadTrace], firsts: tuple[int, int]
) -> tuple[int, float] | None:
    """Return the displacement of the second trace in columns, and the height of the first above the second.

    Returns None if the traces do not agree at any displacement.
    """
    a, b = traces
    sign = -1.0 if segments[0].is_inverted != segments[1].is_inverted else 1.0
    noise_a, noise_b = trace_noise_mm(a), trace_noise_mm(b)
    most = round(_MAX_LAG_MM * a.columns_per_mm)
    best: tuple[float, int, float] | None = None
    for shift in range(-most, most + 1):
        own, others = _spans(firsts[0], firsts[1] + shift, a.height_mm.size, b.height_mm.size)
        clear = (noise_a[own] < MIN_NOISE_MM) & (noise_b[others] < MIN_NOISE_MM)
        if clear.sum() < max(_MIN_CLEAR * clear.size, 2):
            continue
        heights = a.height_mm[own][clear].astype(np.float64), sign * b.height_mm[others][clear]
        if min(map(np.ptp, heights)) == 0:  # flat traces have no correlation
            continue
        correlation = float(np.corrcoef(*heights)[0, 1])
        if correlation > max(_MIN_CORRELATION, best[0] if best else 0):
            best = correlation, shift, float(np.median(heights[0] - heights[1]))
    return None if best is None else best[1:]


def _filled(
    trace: LeadTrace, other: LeadTrace, spans: tuple[slice, slice], sign: float, offset: float
) -> LeadTrace:
    """Return a trace whose low-confidence columns are moved towards the other one."""
    own, others = spans
    noise, other_noise = trace_noise_mm(trace)[own], trace_noise_mm(other)[others]
    weight = np.where(noise > MIN_NOISE_MM, noise**2 / (noise**2 + other_noise**2), 0)
    if not weight.any():
        return trace
    replaced = {}
    for name, target in (
        ("height_mm", sign * other.height_mm[others] + offset),
        ("confidence", other.confidence[others]),
        ("spread_mm", other.spread_mm[others]),
    ):
        values = getattr(trace, name).copy()
        values[own] += (weight * (target - values[own])).astype(np.float32)
        replaced[name] = values
    return dataclasses.replace(trace, **replaced)
