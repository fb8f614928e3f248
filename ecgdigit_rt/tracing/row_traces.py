"""Stage 2's host side: every row seen once, and its leads traced, taller where they leave the strip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ecgdigit_rt.results import Layout, Row
from ecgdigit_rt.stages import COLUMNS_PER_MM, STRIP_HALF_HEIGHT_MM
from ecgdigit_rt.tracing.lead_trace import LeadTrace, StripPrediction, merged, trace_between
from ecgdigit_rt.tracing.strip_inference import StripBox, StripPredictor

_TALLER_MM = (40.0, 80.0)  # half heights of the strips that follow the usual one
_TALL_REACH_MM = 12.0  # seen on either side of what leaves the strip
_TALL_OVERLAP_MM = 6.0  # of that reach, what only serves the taller look to find its way
_MARGIN_MM = 12.0  # beyond the layout's rough ends
_WIDER_MM = 25.0  # where the record goes on beyond the strip
_END_REACH_MM = 12.0


def predict_rows(look: StripPredictor, layout: Layout) -> list[StripPrediction]:
    """One strip per row, over the layout's rough extent and a margin; wider where most rows go on."""
    start = min(row.start_mm for row in layout.rows) - _MARGIN_MM
    end = max(row.end_mm for row in layout.rows) + _MARGIN_MM
    strips = _all(look, layout, start, end)
    cut_left = sum(not strip.is_empty and strip.extent[0] == 0 for strip in strips)
    cut_right = sum(not strip.is_empty and strip.extent[1] == strip.columns for strip in strips)
    if max(cut_left, cut_right) > len(strips) / 2:
        start -= _WIDER_MM * (cut_left > len(strips) / 2)
        end += _WIDER_MM * (cut_right > len(strips) / 2)
        strips = _all(look, layout, start, end)
    return strips


def _all(look: StripPredictor, layout: Layout, start_mm: float, end_mm: float) -> list[StripPrediction]:
    return look([StripBox(start_mm, end_mm, row.baseline_mm, STRIP_HALF_HEIGHT_MM) for row in layout.rows])


def page_traces(
    look: StripPredictor, strips: Sequence[StripPrediction], layout: Layout
) -> list[list[LeadTrace]]:
    """Every row's leads; strips: one per row of the layout, whose ends are now known."""
    return [lead_traces(look, strip, row) for strip, row in zip(strips, layout.rows, strict=True)]


def lead_traces(look: StripPredictor, strip: StripPrediction, row: Row) -> list[LeadTrace]:
    """One trace per segment of the row, as `strip` shows it and taller ones where it leaves that."""
    seams = [segment.start_mm for segment in row.segments[1:]]
    return [
        _tall_enough(look, strip, (segment.start_mm, segment.end_mm), seams, row.baseline_mm, _TALLER_MM)
        for segment in row.segments
    ]


def _tall_enough(
    look: StripPredictor,
    strip: StripPrediction,
    span_mm: tuple[float, float],
    seams_mm: Sequence[float],
    baseline_mm: float,
    taller_mm: Sequence[float],
) -> LeadTrace:
    trace = trace_between(strip, *span_mm, seams_mm)
    if not taller_mm:
        return trace
    for first, last in trace.spans_on_edge(_TALL_REACH_MM):
        begin = trace.place_mm(round((first - _TALL_REACH_MM - trace.start_mm) * COLUMNS_PER_MM))
        (tall,) = look([StripBox(begin, last + _TALL_REACH_MM, baseline_mm, taller_mm[0])])
        inner = _TALL_REACH_MM - _TALL_OVERLAP_MM
        seen_to = trace.place_mm(trace.height_mm.size)  # the record may be wider than what is seen of it
        own = max(span_mm[0], trace.start_mm, first - inner), min(span_mm[1], seen_to, last + inner)
        trace = merged(trace, _tall_enough(look, tall, own, seams_mm, baseline_mm, taller_mm[1:]))
    return trace


@dataclass(frozen=True, slots=True)
class RowEnds:
    """Where one row's trace begins and ends on paper (mm), None where the look did not show it."""

    start_mm: float | None
    end_mm: float | None


def row_ends_from_strip(strip: StripPrediction) -> RowEnds:
    """The ends that lie inside the strip."""
    begins = not strip.is_empty and strip.extent[0] > 0
    stops = not strip.is_empty and strip.extent[1] < strip.columns
    start, end = strip.extent_mm
    return RowEnds(start if begins else None, end if stops else None)


def row_ends(look: StripPredictor, layout: Layout) -> list[RowEnds]:
    """Look at the rows' two ends alone, which is quick."""
    boxes = [
        StripBox(at - _END_REACH_MM, at + _END_REACH_MM, row.baseline_mm, STRIP_HALF_HEIGHT_MM)
        for row in layout.rows
        for at in (row.start_mm, row.end_mm)
    ]
    seen = [row_ends_from_strip(strip) for strip in look(boxes)]
    return [RowEnds(a.start_mm, b.end_mm) for a, b in zip(seen[::2], seen[1::2], strict=True)]
