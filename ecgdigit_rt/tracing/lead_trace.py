"""A lead's curve in millimetres, from the distributions that stage 2 gives of a strip."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ecgdigit_kernels.pchip import fill_gaps
from ecgdigit_kernels.trace_path import subpixel, trace_path
from ecgdigit_rt.stages import BINS_PER_MM, COLUMNS_PER_MM
from ecgdigit_rt.stages import STRIP_HALF_HEIGHT_MM as HALF_HEIGHT_MM
from ecgdigit_rt.tracing.separators import extrapolate_under_separators

_JUMP_PENALTY = 0.04  # nats per bin: a 10 mm spike and back costs 3
_HALF_WINDOW = 12  # bins of the local expectation
_LEAST_MASS = 0.17  # a little more than of a column that tells nothing
_LEAST_PRESENCE = 0.3
_LEAST_WEIGHT = 0.05  # of a column without a trace: the path drifts towards what little is seen
_PRESENCE_LIMIT = 4.0  # logits; so that a few loud columns do not outvote many
_SHORTEST_MM = 2.0
_EDGE_MM = 1.0
_LEAST_ON_EDGE = 3  # columns
_END_COLUMNS = 16
_SEAM_MM = 0.45
_SEAM_WEIGHT = 0.1
"""Where leads meet a bar may hide both, so what is seen there counts little and the path stays level."""
_WELL_INSIDE_MM = 5.0
_OF_ONE_MIND_MM = 2.0
_OWN_MM = 0.02  # a column may stand before its stretch's start by so much: less than half a column


@dataclass(frozen=True)
class StripPrediction:
    """What stage 2 says of a strip; column k's centre stands at start_mm + k / columns_per_mm.

    logits: float32 (8 * half_height_mm, columns), before the softmax over height, bin 0 at the top.
    presence_logits: float32 (columns,), before the sigmoid: of the share that the trace covers.
    Raises ValueError when the shapes do not fit.
    """

    logits: NDArray[np.float32] = field(repr=False)
    presence_logits: NDArray[np.float32] = field(repr=False)
    start_mm: float
    half_height_mm: float = HALF_HEIGHT_MM
    columns_per_mm: int = COLUMNS_PER_MM

    def __post_init__(self) -> None:
        bins = round(2 * self.half_height_mm * BINS_PER_MM)
        if self.logits.ndim != 2 or self.logits.shape[0] != bins:
            raise ValueError(f"logits must have {bins} bins, got {self.logits.shape}")
        if self.presence_logits.shape != self.logits.shape[1:]:
            raise ValueError(f"presence is {self.presence_logits.shape} for logits {self.logits.shape}")

    @property
    def columns(self) -> int:
        return self.presence_logits.size

    @cached_property
    def presence(self) -> NDArray[np.float32]:
        """(columns,) float32, the share of each column that the trace covers."""
        return np.asarray(1 / (1 + np.exp(-np.clip(self._told_presence, -30, 30))), np.float32)

    @property
    def _told_presence(self) -> NDArray[np.float32]:
        """The presence logits; what is no number tells of no trace."""
        return np.nan_to_num(self.presence_logits, nan=-np.inf, posinf=np.inf, neginf=-np.inf)

    @cached_property
    def extent(self) -> tuple[int, int]:
        """The columns in which the trace begins and stops (half open; equal when there is none).

        The stretch whose presence logits add up to most, which bridges gaps and leaves specks out: the
        likeliest single interval when columns are taken as independent.
        """
        clipped = np.clip(self._told_presence, -_PRESENCE_LIMIT, _PRESENCE_LIMIT).astype(np.float64)
        total = np.concatenate([[0.0], np.cumsum(clipped)])
        gain = total - np.minimum.accumulate(total)
        stop = int(gain.argmax())
        first = int(total[: stop + 1].argmin())
        if gain[stop] <= 0 or stop - first < _SHORTEST_MM * self.columns_per_mm:
            return 0, 0
        return first, stop

    @property
    def is_empty(self) -> bool:
        first, stop = self.extent
        return first == stop

    @property
    def extent_mm(self) -> tuple[float, float]:
        """The place of the first sample, and of the one that would follow the last.

        Presence is the share of a column that the trace covers, and a sample covers half a column to
        both sides: so presence summed over an end tells it to a fraction of a column.
        """
        if self.is_empty:
            return self.start_mm, self.start_mm
        begin, end = self.extent
        left, right = min(begin + _END_COLUMNS, end), max(end - _END_COLUMNS, begin)
        first = left - float(self.presence[max(0, begin - _END_COLUMNS) : left].sum())
        stop = right + float(self.presence[right : end + _END_COLUMNS].sum())
        return self.start_mm + first / self.columns_per_mm, self.start_mm + stop / self.columns_per_mm


@dataclass(frozen=True, slots=True)
class LeadTrace:
    """A stretch of curve; column k stands at start_mm + k / columns_per_mm.

    height_mm: (columns,) float32 above the row's baseline, NaN nowhere; where nothing was seen it joins
    what was, and beyond that holds the nearest value. confidence: (columns,) float32, 0 to 1, the
    probability mass around the path, 0 where nothing was seen. spread_mm: (columns,) float32, how far the
    curve may be from there, as stage 2 sees it. half_height_mm: of the strip it was seen in.
    """

    height_mm: NDArray[np.float32] = field(repr=False)
    confidence: NDArray[np.float32] = field(repr=False)
    spread_mm: NDArray[np.float32] = field(repr=False)
    start_mm: float
    half_height_mm: float = HALF_HEIGHT_MM
    columns_per_mm: int = COLUMNS_PER_MM

    def place_mm(self, column: int) -> float:
        """The place u of a column's centre."""
        return self.start_mm + column / self.columns_per_mm

    def spans_on_edge(self, reach_mm: float) -> list[tuple[float, float]]:
        """Where the path runs at the strip's edge (mm): there a taller strip may show more.

        Places nearer than twice `reach_mm` are one. A few columns do not count.
        """
        near = np.abs(self.height_mm) > self.half_height_mm - _EDGE_MM
        columns = np.flatnonzero((self.confidence > 0) & near)
        apart = 2 * reach_mm * self.columns_per_mm
        groups = np.split(columns, np.flatnonzero(np.diff(columns) > apart) + 1)
        return [
            (self.place_mm(int(group[0])), self.place_mm(int(group[-1])))
            for group in groups
            if group.size >= _LEAST_ON_EDGE
        ]


def trace_between(
    seen: StripPrediction,
    start_mm: float,
    end_mm: float,
    seams_mm: Sequence[float] = (),
    jump_penalty: float = _JUMP_PENALTY,
) -> LeadTrace:
    """The curve from `start_mm` up to `end_mm`, which is one lead's and knows nothing of its neighbours.

    seams_mm: where the row's leads meet. Of the strip's columns at least one is taken. Places the strip
    does not reach are not in the trace.
    """
    cells = np.array([start_mm - _OWN_MM, end_mm - _OWN_MM]) - seen.start_mm
    first, stop = np.ceil(cells * seen.columns_per_mm).astype(int)
    first = int(np.clip(first, 0, seen.columns - 1))
    stop = int(np.clip(stop, first + 1, seen.columns))
    logits = np.ascontiguousarray(seen.logits[:, first:stop])
    is_sound = np.isfinite(logits).all(axis=0)
    if not is_sound.all():  # a network that overflows says nothing of those columns
        logits = np.where(is_sound, logits, np.float32(0))
    presence = np.where(is_sound, seen.presence[first:stop], np.float32(0))
    weight = np.maximum(presence, np.float32(_LEAST_WEIGHT))
    places = seen.start_mm + np.arange(first, stop) / seen.columns_per_mm
    from_seam = np.min([np.abs(places - seam) for seam in (*seams_mm, np.inf)], axis=0)
    weight[from_seam < _SEAM_MM] *= np.float32(_SEAM_WEIGHT)
    path = trace_path(logits, weight, jump_penalty)
    position, mass, spread = subpixel(logits, path, _HALF_WINDOW)
    inside = np.arange(first, stop)
    inside_extent = (inside >= seen.extent[0]) & (inside < seen.extent[1])
    clear = inside_extent & (mass >= _LEAST_MASS) & (presence >= _LEAST_PRESENCE)
    height = fill_gaps(seen.half_height_mm - position / np.float32(BINS_PER_MM), clear)
    return LeadTrace(
        height_mm=extrapolate_under_separators(height, logits, from_seam),
        confidence=np.where(clear, mass, 0).astype(np.float32),
        spread_mm=spread / np.float32(BINS_PER_MM),
        start_mm=seen.start_mm + first / seen.columns_per_mm,
        half_height_mm=seen.half_height_mm,
        columns_per_mm=seen.columns_per_mm,
    )


def merged(trace: LeadTrace, better: LeadTrace) -> LeadTrace:
    """`trace` with what `better`, a taller look that lies within it, saw; columns stand at the same places.

    A taller strip shows more rows, and one look in a hundred follows another one. Where `trace` runs well
    inside its strip the two must be of one mind in most columns, or it stays as it is.
    """
    first = round((better.start_mm - trace.start_mm) * trace.columns_per_mm)
    own = slice(first, first + better.height_mm.size)
    seen = better.confidence > 0
    inside = np.abs(trace.height_mm[own]) < trace.half_height_mm - _WELL_INSIDE_MM
    both = seen & inside & (trace.confidence[own] > 0)
    if both.any() and np.median(np.abs(better.height_mm - trace.height_mm[own])[both]) > _OF_ONE_MIND_MM:
        return trace
    height, confidence, spread = trace.height_mm.copy(), trace.confidence.copy(), trace.spread_mm.copy()
    for values, others in (
        (height, better.height_mm),
        (confidence, better.confidence),
        (spread, better.spread_mm),
    ):
        values[own][seen] = others[seen]
    return dataclasses.replace(trace, height_mm=height, confidence=confidence, spread_mm=spread)
