"""The marks of a page as stage 0 saw them, where they agree with how the page was read."""

from __future__ import annotations

import numpy as np

from ecgdigit_export.synth.truth import Mark
from ecgdigit_rt.layout.marks import MARK_LEVEL, find_labels
from ecgdigit_rt.layout.paper_heatmap import PaperHeatmap
from ecgdigit_rt.results import Layout
from ecgdigit_rt.stages import GAINS, PULSE, SPEEDS

_NEAR_MM = 25.0
_BOX_MM = (6.0, 4.0)
_PULSE_BOX_MM = (5.0, 10.0)


def seen_marks(heat: PaperHeatmap, layout: Layout) -> tuple[Mark, ...]:
    """Names that stand near their lead, the pulses, and the text of speed and gain."""
    begins = {
        (segment.lead, segment.start_mm, row.baseline_mm) for row in layout.rows for segment in row.segments
    }
    marks = [
        Mark(label.lead, label.u_mm, label.v_mm, *_BOX_MM)
        for label in find_labels(heat)
        if any(
            lead == label.lead and np.hypot(label.u_mm - u, label.v_mm - v) < _NEAR_MM
            for lead, u, v in begins
        )
    ]
    told = [name for name, value in SPEEDS.items() if value == layout.speed_mm_s]
    told += [name for name, value in GAINS.items() if value == layout.gain_mm_mv]
    for name in told:
        place = _peak(heat, name)
        if place is not None:
            marks.append(Mark(name, *place, *_BOX_MM))
    for row in layout.rows:
        place = _peak(heat, PULSE, row.baseline_mm)
        if place is not None:
            marks.append(Mark(PULSE, *place, *_PULSE_BOX_MM))
    return tuple(marks)


def _peak(heat: PaperHeatmap, name: str, baseline_mm: float | None = None) -> tuple[float, float] | None:
    """Where the channel glows most (mm), above a row's zero line if one is given; None where it does not."""
    glow = heat.channel(name)
    if baseline_mm is not None:
        glow = np.where((np.abs(heat.v_mm - baseline_mm) < 12.0)[:, None], glow, 0)
    i, j = np.unravel_index(int(glow.argmax()), glow.shape)
    if glow[i, j] < MARK_LEVEL:
        return None
    return float(heat.u_mm[j]), float(heat.v_mm[i])
