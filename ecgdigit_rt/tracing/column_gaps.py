"""Gaps between the columns of a page in which time passes.

Some machines leave a gap between two columns, often with the name of the next lead. The width of the record
is that of a record without gaps, so the gaps hide the ends or the starts of the leads. Gaps in which no time
passes make the record wider (`ecgdigit_rt.tracing.record_extent`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

from ecgdigit_rt.results import Layout, Row
from ecgdigit_rt.tracing.strip_prediction import StripPrediction

# Hand-picked, not tuned.
_REACH_MM = 9.0  # distance from the regular boundary of two leads within which a gap is searched
_MIN_RUN_MM = 1.2  # minimum width of the part of a gap that neither a separator nor a name covers
_MAX_PRESENCE = 0.3  # presence of the trace in a gap
_MAX_RAGGED_MM = 0.5  # maximum deviation of the ends of a gap
_MIN_FOUND, _MIN_SHARE = 3, 0.5  # minimum number and fraction of the boundaries that show a gap
_MIN_GAP_MM = 1.5  # minimum width of a gap on one side of the boundary. Separators hide up to 0.75 mm.


def with_column_gaps(layout: Layout, strips: Sequence[StripPrediction]) -> Layout:
    """Return the layout whose leads start and end at the gaps between the columns, if there are gaps.

    `layout` has regular columns, and `strips` are the predictions of its rows. All gaps have the same width.
    """
    found = np.array(list(_gaps(layout, strips))).reshape(-1, 2)
    boundaries = sum(len(row.segments) - 1 for row in layout.rows)
    if len(found) < max(_MIN_FOUND, _MIN_SHARE * boundaries):
        return layout
    is_same = np.abs(found[:, 1] - np.median(found[:, 1])) < _MAX_RAGGED_MM
    if is_same.sum() < max(_MIN_FOUND, _MIN_SHARE * boundaries):
        return layout
    before_mm, after_mm = np.median(found[is_same], axis=0)
    gap = (max(-before_mm, 0.0), max(after_mm, 0.0))
    if max(gap) < _MIN_GAP_MM:
        return layout
    return dataclasses.replace(
        layout, rows=tuple(_gapped(row, gap, layout.speed_mm_s) for row in layout.rows)
    )


def _gaps(layout: Layout, strips: Sequence[StripPrediction]) -> Iterator[tuple[float, float]]:
    """Yield start and end of the widest part without a trace near each boundary, relative to the boundary."""
    for row, strip in zip(layout.rows, strips, strict=True):
        for segment in row.segments[1:]:
            around = segment.start_mm + np.array([-_REACH_MM, _REACH_MM]) - strip.start_mm
            first, stop = np.clip(np.round(around * strip.columns_per_mm).astype(int), 0, strip.columns)
            absent = np.flatnonzero(strip.presence[first:stop] < _MAX_PRESENCE)
            runs = np.split(absent, np.flatnonzero(np.diff(absent) > 1) + 1)
            widest = max(runs, key=len)
            if (
                widest.size < _MIN_RUN_MM * strip.columns_per_mm
                or widest[0] == 0
                or widest[-1] == stop - first - 1
            ):
                continue
            ends = strip.start_mm + (first + np.array([widest[0], widest[-1] + 1])) / strip.columns_per_mm
            yield float(ends[0] - segment.start_mm), float(ends[1] - segment.start_mm)


def _gapped(row: Row, gap_mm: tuple[float, float], speed_mm_s: float) -> Row:
    """Return the row with gaps from `gap_mm[0]` before each boundary to `gap_mm[1]` after it.

    The lead behind a boundary starts at the same time as without the gap.
    """
    last = len(row.segments) - 1
    segments = []
    for k, segment in enumerate(row.segments):
        start_mm = segment.start_mm + gap_mm[1] * (k > 0)
        end_mm = segment.end_mm - gap_mm[0] * (k < last)
        end_s = segment.start_s + (end_mm - start_mm) / speed_mm_s
        segments.append(dataclasses.replace(segment, start_mm=start_mm, end_mm=end_mm, end_s=end_s))
    return dataclasses.replace(row, segments=tuple(segments))
