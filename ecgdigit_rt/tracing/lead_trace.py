"""Curve of a lead in millimetres, decoded from the distributions of the trace stage."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ecgdigit_kernels.pchip import fill_gaps
from ecgdigit_kernels.trace_path import subpixel_position, trace_path
from ecgdigit_rt.stages import BINS_PER_MM, COLUMNS_PER_MM
from ecgdigit_rt.stages import STRIP_HALF_HEIGHT_MM as HALF_HEIGHT_MM
from ecgdigit_rt.tracing.separators import extrapolate_under_separators
from ecgdigit_rt.tracing.strip_prediction import StripPrediction

_JUMP_PENALTY = 0.04
"""Cost of a jump of the path in nats per bin. A spike of 10 mm, up and down, costs 3 nats. This value scores
half a decibel more than 0.15. docs/accuracy.md compares 0.25 and 2.5 times this value on crossing rows."""
_HALF_WINDOW = 12
"""Number of bins on each side of the path that the local expectation includes. The most probable bin alone
scores 2.75 dB less (docs/accuracy.md, ablations)."""

_MIN_MASS = 0.17
"""Minimum probability mass around the path in a clear column. A uniform distribution has 0.156 (25 of 160
bins)."""

# Hand-picked, not tuned.
_MIN_PRESENCE = 0.3  # minimum presence in a clear column
_MIN_WEIGHT = 0.05  # minimum weight of a column, so that the path follows the faint ink in gaps
_MIN_EDGE_COLUMNS = 3  # minimum number of columns near the edge for a taller strip

_EDGE_MM = 1.0
"""Distance from the edge of the strip within which a path needs a taller strip. A distance of 2 mm gained 0.5
dB on one page and lost 2.6 dB on another (docs/accuracy.md, negative results, crossing rows)."""

_BOUNDARY_MM = 0.45
_BOUNDARY_WEIGHT = 0.1
"""Distance from a lead boundary within which the weight of a column is reduced, and factor of this reduction.
A separator at the boundary may hide both leads. With a low weight the path stays level there instead of
following the separator, which costs up to 6 dB. benchmarks/ablations.py has a variant with full weight."""

# Hand-picked, not tuned.
_WELL_INSIDE_MM = 5.0  # minimum distance from the edge of the strip of columns in which traces are compared
_MAX_DISAGREEMENT_MM = 2.0  # maximum median height difference of two traces that are merged
_SPIKE_COLUMNS, _SPIKE_MM = 8, 8.0
"""Number of columns at an end of a lead that a jump may separate from it, and height of the jump between two
columns. Steep flanks of 2 mV in 20 ms rise by 2 mm per column."""
_FRAME_COLUMNS, _FRAME_MM = 40, 3.0
"""Number of columns at an end that may follow a frame (2 mm), and their minimum distance from the lead."""
_START_TOLERANCE_MM = 0.02  # maximum distance by which a column precedes its segment: under half a column


@dataclass(frozen=True, slots=True)
class LeadTrace:
    """Curve of one segment. Column k is at `start_mm` + k / `columns_per_mm`.

    All arrays are float32 (columns,). `height_mm` is the height above the baseline of the row, without NaN.
    Gaps are interpolated, and beyond the outermost clear columns the nearest clear height is repeated.
    Columns under a separator are extrapolated.
    `confidence` is the probability mass around the path, 0 to 1, and 0 in gaps. `spread_mm` is the root mean
    square distance of the predicted distribution from the curve. `half_height_mm` is half the height of
    the strip.
    """

    height_mm: NDArray[np.float32] = field(repr=False)
    confidence: NDArray[np.float32] = field(repr=False)
    spread_mm: NDArray[np.float32] = field(repr=False)
    start_mm: float
    half_height_mm: float = HALF_HEIGHT_MM
    columns_per_mm: int = COLUMNS_PER_MM

    def position_mm(self, column: int) -> float:
        """Return the position of the centre of a column on paper, along the row."""
        return self.start_mm + column / self.columns_per_mm

    def spans_on_edge(self, margin_mm: float) -> list[tuple[float, float]]:
        """Return the spans (mm) in which the path is at an edge of the strip and needs a taller strip.

        `margin_mm` is the length that the taller strip shows on each side of a span. Columns whose margins
        touch belong to one span. A span with fewer than `_MIN_EDGE_COLUMNS` columns at the edge is ignored.
        """
        near = np.abs(self.height_mm) > self.half_height_mm - _EDGE_MM
        columns = np.flatnonzero((self.confidence > 0) & near)
        max_gap = 2 * margin_mm * self.columns_per_mm
        groups = np.split(columns, np.flatnonzero(np.diff(columns) > max_gap) + 1)
        return [
            (self.position_mm(int(group[0])), self.position_mm(int(group[-1])))
            for group in groups
            if group.size >= _MIN_EDGE_COLUMNS
        ]


def trace_between(
    strip: StripPrediction,
    start_mm: float,
    end_mm: float,
    boundaries_mm: Sequence[float] = (),
    jump_penalty: float = _JUMP_PENALTY,
) -> LeadTrace:
    """Decode the curve of one lead from `start_mm` to `end_mm`, independently of neighbouring leads.

    `boundaries_mm` are the boundaries between the leads of the row. The trace has at least one column, and is
    limited to the columns of the strip.
    """
    cells = np.array([start_mm - _START_TOLERANCE_MM, end_mm - _START_TOLERANCE_MM]) - strip.start_mm
    first, stop = np.ceil(cells * strip.columns_per_mm).astype(int)
    first = int(np.clip(first, 0, strip.columns - 1))
    stop = int(np.clip(stop, first + 1, strip.columns))
    logits = np.ascontiguousarray(strip.logits[:, first:stop])
    is_finite = np.isfinite(logits).all(axis=0)
    if not is_finite.all():  # columns in which a network overflows count as gaps
        logits = np.where(is_finite, logits, np.float32(0))
    presence = np.where(is_finite, strip.presence[first:stop], np.float32(0))
    weight = np.maximum(presence, np.float32(_MIN_WEIGHT))
    positions = strip.start_mm + np.arange(first, stop) / strip.columns_per_mm
    boundary_distance = np.min(
        [np.abs(positions - boundary) for boundary in (*boundaries_mm, np.inf)], axis=0
    )
    weight[boundary_distance < _BOUNDARY_MM] *= np.float32(_BOUNDARY_WEIGHT)
    path = trace_path(logits, weight, jump_penalty)
    position, mass, spread = subpixel_position(logits, path, _HALF_WINDOW)
    columns = np.arange(first, stop)
    inside_extent = (columns >= strip.extent[0]) & (columns < strip.extent[1])
    clear = inside_extent & (mass >= _MIN_MASS) & (presence >= _MIN_PRESENCE)
    height = fill_gaps(strip.half_height_mm - position / np.float32(BINS_PER_MM), clear)
    for end in (height[:_SPIKE_COLUMNS], height[::-1][:_SPIKE_COLUMNS]):
        _level_spike(end)
    return LeadTrace(
        height_mm=extrapolate_under_separators(height, logits, boundary_distance),
        confidence=np.where(clear, mass, 0).astype(np.float32),
        spread_mm=spread / np.float32(BINS_PER_MM),
        start_mm=strip.start_mm + first / strip.columns_per_mm,
        half_height_mm=strip.half_height_mm,
        columns_per_mm=strip.columns_per_mm,
    )


def _level_spike(end_mm: NDArray[np.float32]) -> None:
    """Level the columns at the end of a lead that a jump separates from it, in place. They are other ink."""
    jumps = np.flatnonzero(np.abs(np.diff(end_mm)) > _SPIKE_MM)
    if jumps.size:
        end_mm[: jumps[-1] + 1] = end_mm[jumps[-1] + 1]


def without_frame(trace: LeadTrace, side: str) -> LeadTrace:
    """Return a trace that does not follow a frame at one end, `left` or `right`.

    Columns that are far from the lead get the height of the first column behind the frame, and no confidence.
    """
    height, confidence = trace.height_mm.copy(), trace.confidence.copy()
    step = 1 if side == "left" else -1
    end = height[::step][: 2 * _FRAME_COLUMNS]
    away = np.flatnonzero(np.abs(end[:_FRAME_COLUMNS] - np.median(end[_FRAME_COLUMNS:])) > _FRAME_MM)
    if end.size < 2 * _FRAME_COLUMNS or not away.size:
        return trace
    stop = away[-1] + 1
    height[::step][:stop] = end[stop]
    confidence[::step][:stop] = 0
    return dataclasses.replace(trace, height_mm=height, confidence=confidence)


def merge_traces(trace: LeadTrace, taller: LeadTrace) -> LeadTrace:
    """Return `trace`, in which the clear columns of `taller` replace those of `trace`.

    `taller` is the trace of a taller strip over part of the columns of `trace`. A taller strip shows more
    rows, and about one in a hundred traces follows a neighbouring row. Therefore `trace` is returned
    unchanged if both traces disagree in most of the columns that are clear in both and in which `trace` is
    well inside its strip.
    """
    first = round((taller.start_mm - trace.start_mm) * trace.columns_per_mm)
    span = slice(first, first + taller.height_mm.size)
    clear = taller.confidence > 0
    inside = np.abs(trace.height_mm[span]) < trace.half_height_mm - _WELL_INSIDE_MM
    both = clear & inside & (trace.confidence[span] > 0)
    difference = np.abs(taller.height_mm - trace.height_mm[span])
    if both.any() and np.median(difference[both]) > _MAX_DISAGREEMENT_MM:
        return trace
    height, confidence, spread = trace.height_mm.copy(), trace.confidence.copy(), trace.spread_mm.copy()
    for target, source in (
        (height, taller.height_mm),
        (confidence, taller.confidence),
        (spread, taller.spread_mm),
    ):
        target[span][clear] = source[clear]
    return dataclasses.replace(trace, height_mm=height, confidence=confidence, spread_mm=spread)
