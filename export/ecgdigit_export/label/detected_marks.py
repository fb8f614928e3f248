"""Marks that the locate stage detects on a page and that match the layout of the page."""

from __future__ import annotations

import numpy as np

from ecgdigit_export.synth.truth import Mark
from ecgdigit_rt.layout.marks import MARK_THRESHOLD, find_labels
from ecgdigit_rt.layout.paper_heatmap import PaperHeatmap
from ecgdigit_rt.results import Layout
from ecgdigit_rt.stages import GAINS, PULSE, SPEEDS

# Maximum distance of a lead name from the point where its segment starts on the baseline, maximum vertical
# distance of a pulse from the baseline of its row, and box sizes (width, height) of texts and of pulses.
# Hand-picked, not tuned.
_MAX_LABEL_DISTANCE_MM = 25.0
_MAX_PULSE_DISTANCE_MM = 12.0
_BOX_MM = (6.0, 4.0)
_PULSE_BOX_MM = (5.0, 10.0)


def detected_marks(heatmap: PaperHeatmap, layout: Layout) -> tuple[Mark, ...]:
    """Return the marks of lead names near their segments, of pulses, and of the layout's speed and gain."""
    starts = {
        (segment.lead, segment.start_mm, row.baseline_mm) for row in layout.rows for segment in row.segments
    }
    marks = [
        Mark(label.lead, label.u_mm, label.v_mm, *_BOX_MM)
        for label in find_labels(heatmap)
        if any(
            lead == label.lead and np.hypot(label.u_mm - u, label.v_mm - v) < _MAX_LABEL_DISTANCE_MM
            for lead, u, v in starts
        )
    ]
    texts = [name for name, value in SPEEDS.items() if value == layout.speed_mm_s]
    texts += [name for name, value in GAINS.items() if value == layout.gain_mm_mv]
    for name in texts:
        peak = _peak(heatmap, name)
        if peak is not None:
            marks.append(Mark(name, *peak, *_BOX_MM))
    for row in layout.rows:
        peak = _peak(heatmap, PULSE, row.baseline_mm)
        if peak is not None:
            marks.append(Mark(PULSE, *peak, *_PULSE_BOX_MM))
    return tuple(marks)


def _peak(heatmap: PaperHeatmap, name: str, baseline_mm: float | None = None) -> tuple[float, float] | None:
    """Return the position (mm) of the maximum of a channel, or None if the maximum is below `MARK_THRESHOLD`.

    If `baseline_mm` is specified, only positions near this baseline are searched.
    """
    activation = heatmap.channel(name)
    if baseline_mm is not None:
        is_near = np.abs(heatmap.v_mm - baseline_mm) < _MAX_PULSE_DISTANCE_MM
        activation = np.where(is_near[:, None], activation, 0)
    i, j = np.unravel_index(int(activation.argmax()), activation.shape)
    if activation[i, j] < MARK_THRESHOLD:
        return None
    return float(heatmap.u_mm[j]), float(heatmap.v_mm[i])
