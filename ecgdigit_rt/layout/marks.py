"""Detection of printed marks: lead names, paper speed, gain and calibration pulses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from ecgdigit_rt.layout.baselines import Baseline
from ecgdigit_rt.layout.catalog import LayoutPlan
from ecgdigit_rt.layout.paper_heatmap import PaperHeatmap
from ecgdigit_rt.results import LEADS
from ecgdigit_rt.stages import PULSE

MARK_THRESHOLD = 0.25
"""Activation above which a mark counts as detected. Hand-picked, not tuned."""

# Hand-picked, not tuned.
_LABEL_REACH_MM = 14.0  # maximum distance of a label from its row
_LABEL_RANGE_MM = (-9.0, 12.0)  # range of a label's position relative to the start of its cell
_LABEL_WINDOW_CELLS = (7, 5)  # rows and columns of the heatmap around a label without a second label
_PULSE_INSET_MM = 6.0  # maximum distance of a pulse's centre from the end of a row, inwards
_PULSE_ABOVE_MM, _PULSE_BELOW_MM = 14.0, 3.0  # maximum distances of a pulse's centre from the baseline


@dataclass(frozen=True, slots=True)
class RowFrame:
    """Extent of the rows of a page. A mark belongs to a row if it is within `reach_mm` of the baseline."""

    baselines: Sequence[Baseline]
    start_mm: float
    end_mm: float
    reach_mm: float

    def cell_start_mm(self, column: int, columns: int) -> float:
        """Return the start of a cell in a row with `columns` equal cells."""
        return self.start_mm + (self.end_mm - self.start_mm) * column / columns


def frame_from_baselines(baselines: Sequence[Baseline]) -> RowFrame:
    """Return the frame with the median start and end of the rows.

    `reach_mm` is half of the smallest distance between rows, but at most `_LABEL_REACH_MM`.
    """
    gaps = np.diff([line.v_mm for line in baselines])
    return RowFrame(
        baselines,
        float(np.median([line.start_mm for line in baselines])),
        float(np.median([line.end_mm for line in baselines])),
        min(_LABEL_REACH_MM, 0.5 * float(gaps.min())) if gaps.size else _LABEL_REACH_MM,
    )


@dataclass(frozen=True, slots=True)
class Label:
    """Detected label with its position on paper and its activation, 0 to 1.

    `lead` is empty if the name was not read.
    """

    lead: str
    u_mm: float
    v_mm: float
    activation: float


def find_labels(heatmap: PaperHeatmap) -> list[Label]:
    """Return the detected lead names, but only the name with the highest activation around each position."""
    channels = np.stack([heatmap.channel(lead) for lead in LEADS])
    activation = channels.max(0)
    is_peak = cv2.dilate(activation, np.ones(_LABEL_WINDOW_CELLS, np.uint8)) <= activation
    rows, columns = np.nonzero(is_peak & (activation > MARK_THRESHOLD))
    return [
        Label(
            LEADS[int(channels[:, i, j].argmax())],
            float(heatmap.u_mm[j]),
            float(heatmap.v_mm[i]),
            float(activation[i, j]),
        )
        for i, j in zip(rows, columns, strict=True)
    ]


def misplaced_label_share(plan: LayoutPlan, frame: RowFrame, labels: Sequence[Label]) -> float:
    """Return the fraction of the labels' total activation at positions where the plan has no label.

    Labels far from all rows are ignored. The names of the labels do not matter.
    """
    total = misplaced = 0.0
    for label in labels:
        r = int(np.argmin([abs(line.v_mm - label.v_mm) for line in frame.baselines]))
        if abs(frame.baselines[r].v_mm - label.v_mm) > frame.reach_mm:
            continue
        total += label.activation
        columns = len(plan.rows[r])
        offsets_mm = [label.u_mm - frame.cell_start_mm(c, columns) for c in range(columns)]
        is_placed = any(_LABEL_RANGE_MM[0] <= offset <= _LABEL_RANGE_MM[1] for offset in offsets_mm)
        misplaced += label.activation * (not is_placed)
    return misplaced / total if total else 0.0


def printed_value(heatmap: PaperHeatmap, value_by_channel: Mapping[str, float]) -> tuple[float | None, float]:
    """Return the value whose text has the highest activation, and that activation.

    `value_by_channel` maps the names of heatmaps to values. The value is None if no text is detected.
    """
    peaks = {name: float(heatmap.channel(name).max()) for name in value_by_channel}
    best = max(peaks, key=lambda name: peaks[name])
    return (value_by_channel[best] if peaks[best] > MARK_THRESHOLD else None), peaks[best]


def pulse_side(heatmap: PaperHeatmap, start_mm: float, end_mm: float) -> str:
    """Return the side of the calibration pulses: `left`, `right`, or empty if no pulse is detected."""
    pulse = heatmap.channel(PULSE)
    sides = {
        "left": heatmap.u_mm < start_mm + _PULSE_INSET_MM,
        "right": heatmap.u_mm > end_mm - _PULSE_INSET_MM,
    }
    peaks = {side: float(pulse[:, cells].max()) if cells.any() else 0.0 for side, cells in sides.items()}
    best = max(peaks, key=lambda side: peaks[side])
    return best if peaks[best] > MARK_THRESHOLD else ""


def pulse_heights_mm(heatmap: PaperHeatmap, baselines: Sequence[Baseline]) -> list[float]:
    """Return the height of the pulse's centre above the baseline, for every row with a pulse.

    A pulse is 1 mV high, so this height in millimetres is half of the gain in mm/mV.
    """
    pulse = heatmap.channel(PULSE)
    gaps = np.diff([line.v_mm for line in baselines])
    above = min(_PULSE_ABOVE_MM, 0.75 * float(gaps.min())) if gaps.size else _PULSE_ABOVE_MM
    heights = []
    for line in baselines:
        rows = np.flatnonzero(
            (heatmap.v_mm > line.v_mm - above) & (heatmap.v_mm < line.v_mm + _PULSE_BELOW_MM)
        )
        band = pulse[rows]
        if band.size == 0 or band.max() < MARK_THRESHOLD:
            continue
        column = int(band.max(0).argmax())
        near = band[:, max(0, column - 2) : column + 3].sum(1)
        near = np.where(near > 0.5 * near.max(), near, 0)
        heights.append(line.v_mm - float((near * heatmap.v_mm[rows]).sum() / near.sum()))
    return heights
