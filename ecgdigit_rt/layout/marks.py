"""Printed marks on the paper: names at the rows, speed and gain as text, the calibration pulse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.layout.baselines import Baseline
from ecgdigit_rt.layout.catalog import LayoutPlan
from ecgdigit_rt.layout.paper_heatmap import PaperHeatmap
from ecgdigit_rt.results import LEADS
from ecgdigit_rt.stages import PULSE

MARK_LEVEL = 0.25
_LABEL_REACH_MM = 14.0
_CELL_MM = (-9.0, 12.0)
"""A lead's name stands this far before or behind the start of its cell."""
_LABEL_SPACING_CELLS = (7, 5)  # of the heat, down and along: of two labels nearer than that one is none
_PULSE_OUTSIDE_MM = 6.0
_PULSE_ABOVE_MM, _PULSE_BELOW_MM = 14.0, 3.0  # the zero line: where a pulse's middle is looked for


@dataclass(frozen=True, slots=True)
class Frame:
    """Where the rows of a page stand, and how far from one of them a mark belongs to it."""

    lines: Sequence[Baseline]
    start_mm: float
    end_mm: float
    reach_mm: float

    def cell_start_mm(self, column: int, columns: int) -> float:
        return self.start_mm + (self.end_mm - self.start_mm) * column / columns


def frame_of(lines: Sequence[Baseline]) -> Frame:
    gaps = np.diff([line.v_mm for line in lines])
    return Frame(
        lines,
        float(np.median([line.start_mm for line in lines])),
        float(np.median([line.end_mm for line in lines])),
        min(_LABEL_REACH_MM, 0.5 * float(gaps.min())) if gaps.size else _LABEL_REACH_MM,
    )


def label_scores(heat: PaperHeatmap, frame: Frame, columns: int) -> NDArray[np.float64]:
    """Heat of each lead's name at the start of each cell of a rows × columns page: (12, rows, columns)."""
    scores = np.zeros((len(LEADS), len(frame.lines), columns))
    channels = np.stack([heat.channel(lead) for lead in LEADS])
    for r, line in enumerate(frame.lines):
        rows = np.abs(heat.v_mm - line.v_mm) <= frame.reach_mm
        band = channels[:, rows]
        for c in range(columns):
            from_mm = frame.cell_start_mm(c, columns)
            cells = (heat.u_mm >= from_mm + _CELL_MM[0]) & (heat.u_mm <= from_mm + _CELL_MM[1])
            window = band[:, :, cells]
            scores[:, r, c] = window.max((1, 2)) if window.size else 0.0
    return scores


@dataclass(frozen=True, slots=True)
class Label:
    """A lead's name that was seen, and where."""

    lead: str
    u_mm: float
    v_mm: float
    heat: float


def find_labels(heat: PaperHeatmap) -> list[Label]:
    """Names that glow plainly, each place once with the lead that glows most there."""
    channels = np.stack([heat.channel(lead) for lead in LEADS])
    glow = channels.max(0)
    tops = cv2.dilate(glow, np.ones(_LABEL_SPACING_CELLS, np.uint8)) <= glow
    rows, columns = np.nonzero(tops & (glow > MARK_LEVEL))
    return [
        Label(
            LEADS[int(channels[:, i, j].argmax())],
            float(heat.u_mm[j]),
            float(heat.v_mm[i]),
            float(glow[i, j]),
        )
        for i, j in zip(rows, columns, strict=True)
    ]


def misplaced_label_share(plan: LayoutPlan, frame: Frame, labels: Sequence[Label]) -> float:
    """What share of the labels' heat at the rows stands where the plan has no lead, whatever they say."""
    total = missed = 0.0
    for label in labels:
        r = int(np.argmin([abs(line.v_mm - label.v_mm) for line in frame.lines]))
        if abs(frame.lines[r].v_mm - label.v_mm) > frame.reach_mm:
            continue
        total += label.heat
        columns = len(plan.rows[r])
        apart = [label.u_mm - frame.cell_start_mm(c, columns) for c in range(columns)]
        missed += label.heat * (not any(_CELL_MM[0] <= from_mm <= _CELL_MM[1] for from_mm in apart))
    return missed / total if total else 0.0


def printed(heat: PaperHeatmap, values: Mapping[str, float]) -> tuple[float | None, float]:
    """The value whose text glows most, and how much; no value where none does."""
    found = {name: float(heat.channel(name).max()) for name in values}
    best = max(found, key=lambda name: found[name])
    return (values[best] if found[best] > MARK_LEVEL else None), found[best]


def pulse_side(heat: PaperHeatmap, start_mm: float, end_mm: float) -> str:
    """Where the calibration pulse stands: left, right, or nowhere that was seen."""
    pulse = heat.channel(PULSE)
    sides = {
        "left": heat.u_mm < start_mm + _PULSE_OUTSIDE_MM,
        "right": heat.u_mm > end_mm - _PULSE_OUTSIDE_MM,
    }
    glow = {side: float(pulse[:, cells].max()) if cells.any() else 0.0 for side, cells in sides.items()}
    best = max(glow, key=lambda side: glow[side])
    return best if glow[best] > MARK_LEVEL else ""


def pulse_heights_mm(heat: PaperHeatmap, lines: Sequence[Baseline]) -> list[float]:
    """By row with a pulse, how far the middle of its heat lies above the row's zero line.

    A pulse of one millivolt rises from the zero line, so its middle lies half the gain above it.
    """
    pulse = heat.channel(PULSE)
    gaps = np.diff([line.v_mm for line in lines])
    above = min(_PULSE_ABOVE_MM, 0.75 * float(gaps.min())) if gaps.size else _PULSE_ABOVE_MM
    found = []
    for line in lines:
        rows = np.flatnonzero((heat.v_mm > line.v_mm - above) & (heat.v_mm < line.v_mm + _PULSE_BELOW_MM))
        band = pulse[rows]
        if band.size == 0 or band.max() < MARK_LEVEL:
            continue
        column = int(band.max(0).argmax())
        near = band[:, max(0, column - 2) : column + 3].sum(1)
        near = np.where(near > 0.5 * near.max(), near, 0)
        found.append(line.v_mm - float((near * heat.v_mm[rows]).sum() / near.sum()))
    return found
