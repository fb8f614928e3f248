"""A row's signal in millimetres, from the distributions that stage 2 gives."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ecgdigit_kernels.pchip import filled_gaps
from ecgdigit_kernels.trace_path import subpixel, trace_path
from ecgdigit_rt.stages import BINS_PER_MM, COLUMNS_PER_MM
from ecgdigit_rt.stages import STRIP_HALF_HEIGHT_MM as HALF_HEIGHT_MM

_JUMP_PENALTY = 0.15  # nats per bin: a 10 mm spike and back costs 12
_HALF_WINDOW = 8  # bins of the local expectation
_LEAST_MASS = 0.25
_LEAST_PRESENCE = 0.3
_LEAST_WEIGHT = 0.05  # of a column without a trace: the path drifts towards what little is seen
_PRESENCE_LIMIT = 4.0  # logits; so that a few loud columns do not outvote many
_SHORTEST_MM = 2.0
_EDGE_MM = 1.0
_LEAST_ON_EDGE = 3  # columns
_END_COLUMNS = 16


@dataclass(frozen=True, slots=True)
class RowTrace:
    """One row's curve, column by column; column k stands at start_mm + k / columns_per_mm.

    height_mm: (columns,) float32 above the baseline, NaN nowhere; outside the extent it holds the
    nearest value inside. confidence: (columns,) float32, 0 to 1, the probability mass around the
    path; 0 where the height was interpolated or lies outside the extent. presence: (columns,)
    float32, probability that a trace is there. first, stop: the columns of the extent (half open;
    equal when no trace is there).
    """

    height_mm: NDArray[np.float32] = field(repr=False)
    confidence: NDArray[np.float32] = field(repr=False)
    presence: NDArray[np.float32] = field(repr=False)
    start_mm: float
    half_height_mm: float
    first: int
    stop: int
    columns_per_mm: int = COLUMNS_PER_MM

    @property
    def extent_mm(self) -> tuple[float, float]:
        """The place of the first sample, and of the one that would follow the last.

        Presence is the share of a column that the trace covers, and a sample covers half a column to
        both sides: so presence summed over an end tells it to a fraction of a column.
        """
        if self.is_empty:
            return self.start_mm, self.start_mm
        left = min(self.first + _END_COLUMNS, self.stop)
        right = max(self.stop - _END_COLUMNS, self.first)
        first = left - float(self.presence[max(0, self.first - _END_COLUMNS) : left].sum())
        stop = right + float(self.presence[right : self.stop + _END_COLUMNS].sum())
        return self.start_mm + first / self.columns_per_mm, self.start_mm + stop / self.columns_per_mm

    @property
    def is_empty(self) -> bool:
        return self.stop == self.first

    def place_mm(self, column: int) -> float:
        """The place u of a column's centre."""
        return self.start_mm + column / self.columns_per_mm

    def parts_on_edge(self, reach_mm: float) -> list[slice]:
        """The columns within `reach_mm` of where the path runs at the strip's edge, as separate parts.

        There a taller strip may show more. A few columns do not count.
        """
        near = np.abs(self.height_mm) > self.half_height_mm - _EDGE_MM
        columns = np.flatnonzero((self.confidence > 0) & near)
        reach = round(reach_mm * self.columns_per_mm)
        parts = []
        for group in np.split(columns, np.flatnonzero(np.diff(columns) > 2 * reach) + 1):
            if group.size >= _LEAST_ON_EDGE:
                first, last = int(group[0]) - reach, int(group[-1]) + reach
                parts.append(slice(max(0, first), min(self.height_mm.size, last + 1)))
        return parts


def row_trace_from_logits(
    logits: NDArray[np.float32],
    presence_logits: NDArray[np.float32],
    start_mm: float,
    half_height_mm: float = HALF_HEIGHT_MM,
    jump_penalty: float = _JUMP_PENALTY,
) -> RowTrace:
    """Decode a strip's output.

    logits: float32 (8 * half_height_mm, columns), before the softmax over height, bin 0 at the top.
    presence_logits: float32 (columns,), before the sigmoid. start_mm: u of column 0's centre.
    Raises ValueError when the shapes do not fit.
    """
    bins = round(2 * half_height_mm * BINS_PER_MM)
    if logits.ndim != 2 or logits.shape[0] != bins:
        raise ValueError(f"logits must have {bins} bins, got {logits.shape}")
    if presence_logits.shape != logits.shape[1:]:
        raise ValueError(f"presence is {presence_logits.shape} for logits {logits.shape}")
    presence = np.asarray(1 / (1 + np.exp(-np.clip(presence_logits, -30, 30))), np.float32)
    weight = np.maximum(presence, np.float32(_LEAST_WEIGHT))
    path = trace_path(logits, weight, jump_penalty)
    position, mass = subpixel(logits, path, _HALF_WINDOW)
    height = half_height_mm - position / np.float32(BINS_PER_MM)
    first, stop = _extent(presence_logits)
    inside = np.zeros(height.size, bool)
    inside[first:stop] = True
    seen = inside & (mass >= _LEAST_MASS) & (presence >= _LEAST_PRESENCE)
    if np.count_nonzero(seen) < 2:
        first = stop = 0
        seen[:] = False
    return RowTrace(
        height_mm=filled_gaps(height, seen),
        confidence=np.where(seen, mass, 0).astype(np.float32),
        presence=presence,
        start_mm=start_mm,
        half_height_mm=half_height_mm,
        first=first,
        stop=stop,
    )


def spliced(trace: RowTrace, taller: RowTrace, part: slice, overlap_mm: float) -> RowTrace:
    """`trace` with the heights of `taller`, which begins at `part`, but for `overlap_mm` at its ends.

    Only where the taller look saw the trace at all.
    """
    overlap = round(overlap_mm * trace.columns_per_mm)
    left = part.start + (overlap if part.start > 0 else 0)
    right = part.stop - (overlap if part.stop < trace.height_mm.size else 0)
    own = slice(left - part.start, right - part.start)
    better = taller.confidence[own] > 0
    height, confidence = trace.height_mm.copy(), trace.confidence.copy()
    height[left:right][better] = taller.height_mm[own][better]
    confidence[left:right][better] = taller.confidence[own][better]
    return dataclasses.replace(trace, height_mm=height, confidence=confidence)


def _extent(presence_logits: NDArray[np.float32]) -> tuple[int, int]:
    """The stretch of columns whose presence logits add up to most: gaps bridged, specks left out.

    The maximum-sum stretch is the likeliest single interval when columns are taken as independent.
    """
    clipped = np.clip(presence_logits, -_PRESENCE_LIMIT, _PRESENCE_LIMIT).astype(np.float64)
    total = np.concatenate([[0.0], np.cumsum(clipped)])
    gain = total - np.minimum.accumulate(total)
    stop = int(gain.argmax())
    if gain[stop] <= 0:
        return 0, 0
    first = int(total[: stop + 1].argmin())
    if stop - first < _SHORTEST_MM * COLUMNS_PER_MM:
        return 0, 0
    return first, stop
