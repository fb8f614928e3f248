"""Stage 2's host side: every row's trace, sampled once, and taller where it leaves its strip."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecgdigit_engine.runner import Runner
from ecgdigit_rt.mesh import Mesh
from ecgdigit_rt.record import Layout
from ecgdigit_rt.stages import STRIP_HALF_HEIGHT_MM
from ecgdigit_rt.strips import strip_from_image
from ecgdigit_rt.trace import RowTrace, row_trace_from_logits, spliced

Look = Callable[[float, float, float, float], RowTrace]
"""A strip's start, end, baseline and half height in mm → the trace in it."""

_HALF_HEIGHTS_MM = (STRIP_HALF_HEIGHT_MM, 40.0, 80.0)
_TALL_REACH_MM = 12.0  # seen on either side of what leaves the strip
_TALL_OVERLAP_MM = 6.0  # of that reach, what only serves the taller look to find its way
_MARGIN_MM = 12.0  # beyond the layout's rough ends
_WIDER_MM = 25.0  # where the record goes on beyond the strip
_END_REACH_MM = 12.0


def strip_look(runner: Runner, image: NDArray[np.uint8], mesh: Mesh) -> Look:
    """Looks through stage 2 at a picture (height, width, 3) uint8."""

    def look(start_mm: float, end_mm: float, baseline_mm: float, half_height_mm: float) -> RowTrace:
        strip = strip_from_image(image, mesh, start_mm, end_mm, baseline_mm, half_height_mm)
        found = runner.run({"pixels": strip[None]})
        return row_trace_from_logits(
            found["height_logits"][0], found["presence_logits"][0], start_mm, half_height_mm
        )

    return look


def row_traces(look: Look, layout: Layout) -> list[RowTrace]:
    """One trace per row, over the layout's rough extent and a margin; wider where most rows go on."""
    start = min(row.start_mm for row in layout.rows) - _MARGIN_MM
    end = max(row.end_mm for row in layout.rows) + _MARGIN_MM
    traces = _all(look, layout, start, end)
    cut_left = sum(not trace.is_empty and trace.first == 0 for trace in traces)
    cut_right = sum(not trace.is_empty and trace.stop == trace.presence.size for trace in traces)
    if max(cut_left, cut_right) > len(traces) / 2:
        start -= _WIDER_MM * (cut_left > len(traces) / 2)
        end += _WIDER_MM * (cut_right > len(traces) / 2)
        traces = _all(look, layout, start, end)
    return traces


def _all(look: Look, layout: Layout, start_mm: float, end_mm: float) -> list[RowTrace]:
    return [_tall_enough(look, start_mm, end_mm, row.baseline_mm, _HALF_HEIGHTS_MM) for row in layout.rows]


def _tall_enough(
    look: Look, start_mm: float, end_mm: float, baseline_mm: float, half_heights_mm: Sequence[float]
) -> RowTrace:
    """A strip's trace; the parts in which it runs at the strip's edge are looked at in the next height."""
    trace = look(start_mm, end_mm, baseline_mm, half_heights_mm[0])
    if len(half_heights_mm) == 1:
        return trace
    for part in trace.parts_on_edge(_TALL_REACH_MM):
        span = (trace.place_mm(part.start), trace.place_mm(part.stop))
        taller = _tall_enough(look, *span, baseline_mm, half_heights_mm[1:])
        trace = spliced(trace, taller, part, _TALL_OVERLAP_MM)
    return trace


@dataclass(frozen=True, slots=True)
class RowEnds:
    """Where one row's trace begins and ends on paper (mm), None where the look did not show it."""

    start_mm: float | None
    end_mm: float | None


def ends_of(trace: RowTrace) -> RowEnds:
    """The ends that lie inside the strip."""
    begins = not trace.is_empty and trace.first > 0
    stops = not trace.is_empty and trace.stop < trace.presence.size
    start, end = trace.extent_mm
    return RowEnds(start if begins else None, end if stops else None)


def row_ends(look: Look, layout: Layout) -> list[RowEnds]:
    """Look at the rows' two ends alone, which is quick."""
    ends = []
    for row in layout.rows:
        left, right = (
            ends_of(look(at - _END_REACH_MM, at + _END_REACH_MM, row.baseline_mm, STRIP_HALF_HEIGHT_MM))
            for at in (row.start_mm, row.end_mm)
        )
        ends.append(RowEnds(left.start_mm, right.end_mm))
    return ends
