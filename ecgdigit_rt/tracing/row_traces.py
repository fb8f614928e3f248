"""Prediction of all rows by the trace stage, and traces of their leads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ecgdigit_rt.layout.baselines import Baseline
from ecgdigit_rt.results import Layout, Row
from ecgdigit_rt.stages import BINS_PER_MM, COLUMNS_PER_MM, STRIP_HALF_HEIGHT_MM
from ecgdigit_rt.tracing.lead_trace import LeadTrace, merge_traces, trace_between, without_frame
from ecgdigit_rt.tracing.strip_inference import StripBox, StripPredictor
from ecgdigit_rt.tracing.strip_prediction import StripPrediction

_TALL_HALF_HEIGHTS_MM = (40.0, 80.0)
"""Half heights of the taller strips, tried in this order after the standard strip. Without taller strips, the
25 validation pages lose 1.2 dB (docs/accuracy.md, ablations)."""

# Hand-picked, not tuned.
_TALL_MARGIN_MM = 12.0  # margin of a taller strip on each side of the span that leaves the strip
_TALL_UNUSED_MM = 6.0  # outer part of that margin: it guides the path, but its trace is not used
_MIN_FRAME_MM = 0.3  # minimum width of a frame. Flanks of tall waves are at the edge for less.
_MIN_FRAMED_ROWS, _MIN_FRAMED_SHARE = 2, 0.6  # minimum number and fraction of the rows that a frame touches
_FRAME_REACH_MM, _FRAME_EDGE_MM = 1.0, 1.0  # distances from a row's end and from the strip's edge for a frame
_MARGIN_MM = 12.0  # margin of strips beyond the approximate ends of the layout
_STRONG_LINE = 0.6  # minimum strength of the lines that determine the extent, relative to the strongest one
_WIDER_MM = 25.0  # extension of strips if the record continues beyond them
_END_HALF_LENGTH_MM = 12.0  # half length of the short strip around an approximate row end


def predict_lines(predictor: StripPredictor, baselines: Sequence[Baseline]) -> list[StripPrediction]:
    """Predict one strip per line, over the usual extent of the lines with a margin on both sides.

    If most of the strong lines continue beyond the same side of their strips, wider strips are predicted
    once.
    """
    strongest = max(line.strength for line in baselines)
    strong = [line.strength > _STRONG_LINE * strongest for line in baselines]
    rows = [line for line, is_strong in zip(baselines, strong, strict=True) if is_strong]
    start = float(np.median([line.start_mm for line in rows])) - _MARGIN_MM
    end = float(np.median([line.end_mm for line in rows])) + _MARGIN_MM
    strips = _predict(predictor, baselines, start, end)
    cut = [strip for strip, is_strong in zip(strips, strong, strict=True) if is_strong and not strip.is_empty]
    is_cut_left = sum(strip.extent[0] == 0 for strip in cut) > len(cut) / 2
    is_cut_right = sum(strip.extent[1] == strip.columns for strip in cut) > len(cut) / 2
    if is_cut_left or is_cut_right:
        strips = _predict(
            predictor, baselines, start - _WIDER_MM * is_cut_left, end + _WIDER_MM * is_cut_right
        )
    return strips


def predict_rows(predictor: StripPredictor, layout: Layout) -> list[StripPrediction]:
    """Predict one strip per row of a layout."""
    rows = [Baseline(row.baseline_mm, row.start_mm, row.end_mm, strength=1.0) for row in layout.rows]
    return predict_lines(predictor, rows)


def _predict(
    predictor: StripPredictor, baselines: Sequence[Baseline], start_mm: float, end_mm: float
) -> list[StripPrediction]:
    return predictor([StripBox(start_mm, end_mm, line.v_mm, STRIP_HALF_HEIGHT_MM) for line in baselines])


def page_traces(
    predictor: StripPredictor, strips: Sequence[StripPrediction], layout: Layout
) -> list[list[LeadTrace]]:
    """Trace the leads of all rows of `layout`, whose extent is final. `strips` has one strip per row."""
    frames = _framed_sides(strips, layout)
    return [
        lead_traces(predictor, strip, row, frames) for strip, row in zip(strips, layout.rows, strict=True)
    ]


def _framed_sides(strips: Sequence[StripPrediction], layout: Layout) -> list[str]:
    """Return the sides, `left` and `right`, on which a frame touches the ends of the rows.

    The prediction of most rows then follows it to the edge of the strip. Single rows may end in a tall wave.
    """
    found = []
    for side in ("left", "right"):
        count = sum(_reaches_edge(strip, row, side) for strip, row in zip(strips, layout.rows, strict=True))
        if count >= max(_MIN_FRAMED_ROWS, _MIN_FRAMED_SHARE * len(layout.rows)):
            found.append(side)
    return found


def _reaches_edge(strip: StripPrediction, row: Row, side: str) -> bool:
    """Return whether the most probable heights near an end of a row are at the edge of the strip."""
    end_mm = row.start_mm if side == "left" else row.end_mm
    middle = round((end_mm - strip.start_mm) * strip.columns_per_mm)
    inner = round(_FRAME_REACH_MM * strip.columns_per_mm)
    first, stop = (middle, middle + inner) if side == "left" else (middle - inner, middle)
    logits = strip.logits[:, max(0, first) : max(0, stop)]
    margin = round(_FRAME_EDGE_MM * BINS_PER_MM)
    peaks = np.nan_to_num(logits).argmax(0)
    is_at_edge = (peaks < margin) | (peaks >= len(logits) - margin)
    return int(is_at_edge.sum()) >= _MIN_FRAME_MM * strip.columns_per_mm


def lead_traces(
    predictor: StripPredictor, strip: StripPrediction, row: Row, frames: Sequence[str] = ()
) -> list[LeadTrace]:
    """Return one trace per segment of the row. Where a trace leaves `strip`, taller strips are predicted.

    `frames` are the sides, `left` and `right`, on which a frame touches the row.
    """
    boundaries = [segment.start_mm for segment in row.segments[1:]]
    traces = []
    for segment in row.segments:
        sides = [
            side
            for side, outer in (("left", row.segments[0]), ("right", row.segments[-1]))
            if side in frames and segment is outer
        ]
        span_mm = (segment.start_mm, segment.end_mm)
        traces.append(
            _trace_segment(
                predictor, strip, span_mm, boundaries, row.baseline_mm, _TALL_HALF_HEIGHTS_MM, sides
            )
        )
    return traces


def _trace_segment(
    predictor: StripPredictor,
    strip: StripPrediction,
    span_mm: tuple[float, float],
    boundaries_mm: Sequence[float],
    baseline_mm: float,
    tall_half_heights_mm: Sequence[float],
    frames: Sequence[str] = (),
) -> LeadTrace:
    """Trace a span of `strip`, and trace again in the next taller strip where the trace leaves the strip."""
    trace = trace_between(strip, *span_mm, boundaries_mm)
    for side in frames:
        trace = without_frame(trace, side)
    if not tall_half_heights_mm:
        return trace
    for first, last in trace.spans_on_edge(_TALL_MARGIN_MM):
        begin = trace.position_mm(round((first - _TALL_MARGIN_MM - trace.start_mm) * COLUMNS_PER_MM))
        (tall,) = predictor([StripBox(begin, last + _TALL_MARGIN_MM, baseline_mm, tall_half_heights_mm[0])])
        inner = _TALL_MARGIN_MM - _TALL_UNUSED_MM
        trace_end = trace.position_mm(trace.height_mm.size)  # the record may extend beyond the strip
        inner_span = max(span_mm[0], trace.start_mm, first - inner), min(span_mm[1], trace_end, last + inner)
        taller = _trace_segment(
            predictor, tall, inner_span, boundaries_mm, baseline_mm, tall_half_heights_mm[1:]
        )
        trace = merge_traces(trace, taller)
    return trace


@dataclass(frozen=True, slots=True)
class RowEnds:
    """Start and end of the trace of one row on paper (mm). None if an end is not inside the strip."""

    start_mm: float | None
    end_mm: float | None


def row_ends_from_strip(strip: StripPrediction) -> RowEnds:
    """Return the ends of the trace that are inside the strip."""
    has_start = not strip.is_empty and strip.extent[0] > 0
    has_end = not strip.is_empty and strip.extent[1] < strip.columns
    start, end = strip.extent_mm
    return RowEnds(start if has_start else None, end if has_end else None)


def predict_row_ends(predictor: StripPredictor, lines: Sequence[Baseline]) -> list[RowEnds]:
    """Return the ends of each row, predicted from short strips, which takes less time than whole rows.

    All rows are assumed to start and end together.
    """
    approximate = [float(np.median([getattr(line, end) for line in lines])) for end in ("start_mm", "end_mm")]
    boxes = [
        StripBox(at - _END_HALF_LENGTH_MM, at + _END_HALF_LENGTH_MM, line.v_mm, STRIP_HALF_HEIGHT_MM)
        for line in lines
        for at in approximate
    ]
    ends = [row_ends_from_strip(strip) for strip in predictor(boxes)]
    return [RowEnds(left.start_mm, right.end_mm) for left, right in zip(ends[::2], ends[1::2], strict=True)]
