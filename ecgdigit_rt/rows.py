"""Stage 2's host side: where the record begins and ends, then every row's trace, sampled once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecgdigit_engine.runner import Runner
from ecgdigit_rt.mesh import Mesh
from ecgdigit_rt.record import Layout
from ecgdigit_rt.stages import COLUMNS_PER_MM
from ecgdigit_rt.stages import STRIP_HALF_HEIGHT_MM as HALF_HEIGHT_MM
from ecgdigit_rt.strips import strip_from_image
from ecgdigit_rt.trace import RowTrace, row_trace_from_logits

_END_REACH_MM = 9.6
_MARGIN_MM = 5.0
_TALL_HALF_HEIGHT_MM = 40.0
_USUAL_WIDTHS_MM = (250.0, 125.0)
_WIDTH_TOLERANCE_MM = 8.0
_AGREEMENT_MM = 0.6
_SAME_PLACE_MM = 0.15


def common_extent_mm(
    starts: Sequence[float], ends: Sequence[float], pulse_side: str = ""
) -> tuple[float, float]:
    """Start and end of the record on paper, from where the rows' traces begin and end.

    Machines print 250 mm (or half of that) and start all rows together: then every row's two ends
    measure one number, and their mean is good to a fraction of a 500 Hz sample (0.05 mm). A calibration
    pulse that runs into the trace hides the end it stands at (`pulse_side` left or right): where the two
    sides disagree, the other one is believed. With any other width, the medians.
    """
    start, end = float(np.median(starts)), float(np.median(ends))
    for width in _USUAL_WIDTHS_MM:
        if abs(end - start - width) > _WIDTH_TOLERANCE_MM:
            continue
        by_side = {"left": np.asarray(starts), "right": np.asarray(ends) - width}
        if abs(end - start - width) > _SAME_PLACE_MM and pulse_side in by_side:
            del by_side[pulse_side]
        measured = np.concatenate(list(by_side.values()))
        middle = float(np.median(measured))
        agreeing = measured[np.abs(measured - middle) < _AGREEMENT_MM]
        start = float(agreeing.mean()) if agreeing.size else middle
        return start, start + width
    return start, end


def _traces(
    runner: Runner,
    image: NDArray[np.uint8],
    mesh: Mesh,
    spans: Sequence[tuple[float, float, float]],
    half_height_mm: float = HALF_HEIGHT_MM,
) -> list[RowTrace]:
    """Traces of strips of one length: spans hold start, end and baseline in mm."""
    strips = [strip_from_image(image, mesh, *span, half_height_mm) for span in spans]
    found = runner.run({"pixels": np.stack(strips)})
    return [
        row_trace_from_logits(logits, presence, span[0], half_height_mm)
        for logits, presence, span in zip(
            found["height_logits"], found["presence_logits"], spans, strict=True
        )
    ]


@dataclass(frozen=True, slots=True)
class RowEnds:
    """Where one row's trace begins and ends on paper (mm), None where the look did not show it."""

    start_mm: float | None
    end_mm: float | None


def row_ends(runner: Runner, image: NDArray[np.uint8], mesh: Mesh, layout: Layout) -> list[RowEnds]:
    """Look at the rows' two ends alone, to know the record's place before anything is sampled for good.

    Then column k of the real strips is sample k, and nothing has to be interpolated between samples.
    """
    reach = _END_REACH_MM
    left = [(row.start_mm - reach, row.start_mm + reach, row.baseline_mm) for row in layout.rows]
    right = [(row.end_mm - reach, row.end_mm + reach, row.baseline_mm) for row in layout.rows]
    traces = _traces(runner, image, mesh, left + right)
    ends = []
    for start, end in zip(traces[: len(left)], traces[len(left) :], strict=True):
        begins = not start.is_empty and start.first > 0
        stops = not end.is_empty and end.stop < end.presence.size
        ends.append(RowEnds(start.extent_mm[0] if begins else None, end.extent_mm[1] if stops else None))
    return ends


def record_extent_mm(ends: Sequence[RowEnds], layout: Layout, pulse_side: str) -> tuple[float, float]:
    """The record's start and end from its rows' ends, or the layout's own where no end was seen."""
    rough = layout.rows[0]
    starts = [row.start_mm for row in ends if row.start_mm is not None]
    stops = [row.end_mm for row in ends if row.end_mm is not None]
    return common_extent_mm(starts or [rough.start_mm], stops or [rough.end_mm], pulse_side)


def row_traces(
    runner: Runner, image: NDArray[np.uint8], mesh: Mesh, layout: Layout, extent_mm: tuple[float, float]
) -> list[RowTrace]:
    """One trace per row, its columns in step with `extent_mm`; taller strips where a trace leaves its own."""
    start, end = extent_mm
    first = start - round(_MARGIN_MM * COLUMNS_PER_MM) / COLUMNS_PER_MM
    traces = []
    for row in layout.rows:
        span = (first, end + _MARGIN_MM, row.baseline_mm)
        trace = _traces(runner, image, mesh, [span])[0]
        if trace.touches_edge:
            trace = _traces(runner, image, mesh, [span], _TALL_HALF_HEIGHT_MM)[0]
        traces.append(trace)
    return traces


def settled_extent_mm(
    traces: Sequence[RowTrace], extent_mm: tuple[float, float], pulse_side: str
) -> tuple[float, float]:
    """The extent that the whole rows show, or the first look's where both agree."""
    shown = [trace.extent_mm for trace in traces if not trace.is_empty]
    if not shown:
        return extent_mm
    start, end = common_extent_mm([s for s, _ in shown], [e for _, e in shown], pulse_side)
    agree = abs(start - extent_mm[0]) < _SAME_PLACE_MM and abs(end - extent_mm[1]) < _SAME_PLACE_MM
    return extent_mm if agree else (start, end)
