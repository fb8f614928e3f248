"""The last picture: the leads in millivolt on ECG paper, over the truth where that is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.plots.ecg_paper import BOLD, FINE, GAIN_MM_MV, PAPER, SPEED_MM_S
from ecgdigit_rt.plots.inspect.canvas import (
    ALARM,
    INK,
    QUIET,
    WIDTH_PX,
    Image,
    Legend,
    captioned,
    lines,
    words,
)
from ecgdigit_rt.results import Digitized, Row, Segment

_TRUTH = (90, 165, 245)
_LEFT_MM, _RIGHT_MM, _BOTTOM_MM = 14.0, 4.0, 6.0
_ROOM_MM, _MOST_MM = 3.0, 45.0
_HALF_ROWS_MM, _MOST_HALF_ROW_MM = 45.0, 9.0
"""Least room above all zero lines together, and as much below; a row has its share."""
_NAME_MM = 4.0
_TEXT_SIZE, _NAME_PX = 18, 56
_POOR_DB = 10.0


@dataclass(frozen=True, slots=True)
class TrueLead:
    """A lead's truth, moved in time and height to where the estimate stands, and how near that comes.

    mv: (samples,) from `start_s` on. nrmse_percent: of the truth's range.
    """

    mv: NDArray[np.float64] = field(repr=False)
    rate_hz: float
    start_s: float
    db: float
    nrmse_percent: float
    pearson: float


@dataclass(frozen=True, slots=True)
class _Paper:
    image: Image
    px_per_mm: float

    def curve(self, x_mm: NDArray[np.float64], y_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.stack([x_mm, y_mm], -1) * self.px_per_mm


def plot_from_leads(page: Digitized, truth: Mapping[str, TrueLead]) -> Image:
    """Picture 8: rows as on the page, 25 mm/s and 10 mm/mV; per lead its agreement with the truth."""
    seconds = max([page.duration_s, *(segment.end_s for row in page.layout.rows for segment in row.segments)])
    rooms = [_room_mm(row, page, truth) for row in page.layout.rows]
    high_mm = sum(up + down for up, down in rooms) + _BOTTOM_MM
    paper = _paper(_LEFT_MM + seconds * SPEED_MM_S + _RIGHT_MM, high_mm)
    top = 0.0
    for row, (up, down) in zip(page.layout.rows, rooms, strict=True):
        _pulse(paper, top + up)
        for segment in row.segments:
            _lead(paper, segment, page, truth, (top, top + up))
        top += up + down
    facts = "25 mm/s · 10 mm/mV"
    legend: Legend = ()
    if truth:
        facts += " · per lead: signal to noise, error in % of the truth's range, Pearson's r"
        legend = ((INK, "read from the page"), (_TRUTH, "truth, laid upon it as the metric does"))
    else:
        facts += " · per lead: confidence"
        legend = ((INK, "read from the page"),)
    return captioned(paper.image, "8  Leads", facts, legend)


def _shown(
    mv: NDArray[np.floating], rate_hz: float, start_s: float, segment: Segment
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Seconds and millivolts of the samples that lie in a segment's time."""
    at = start_s + np.arange(mv.size) / rate_hz
    inside = (at >= segment.start_s - 1e-6) & (at < segment.end_s - 1e-6)
    return at[inside], mv[inside].astype(np.float64)


def _room_mm(row: Row, page: Digitized, truth: Mapping[str, TrueLead]) -> tuple[float, float]:
    """Paper above and below a row's zero line, the names' line with it."""
    up = down = min(_MOST_HALF_ROW_MM, _HALF_ROWS_MM / len(page.layout.rows))
    for segment in row.segments:
        for lead in (page.leads.get(segment.lead), truth.get(segment.lead)):
            if lead is None:
                continue
            _, mv = _shown(lead.mv, lead.rate_hz, lead.start_s, segment)
            if mv.size:
                up = max(up, float(mv.max()) * GAIN_MM_MV + _ROOM_MM)
                down = max(down, -float(mv.min()) * GAIN_MM_MV + _ROOM_MM)
    return min(up, _MOST_MM) + _NAME_MM, min(down, _MOST_MM)


def _paper(width_mm: float, high_mm: float) -> _Paper:
    """Empty ECG paper: lines every millimetre, bold ones every five."""
    scale = WIDTH_PX / width_mm
    image = np.full((round(high_mm * scale), WIDTH_PX, 3), PAPER, np.uint8)
    paper = _Paper(image, scale)
    for every_mm, colour in ((1, FINE), (5, BOLD)):
        for mm in range(0, int(width_mm) + 1, every_mm):
            lines(image, [paper.curve(np.full(2, float(mm)), np.array([0, high_mm]))], colour)
        for mm in range(0, int(high_mm) + 1, every_mm):
            lines(image, [paper.curve(np.array([0, width_mm]), np.full(2, float(mm)))], colour)
    return paper


def _pulse(paper: _Paper, zero_mm: float) -> None:
    x = np.array([3.0, 4.5, 4.5, 9.5, 9.5, 11.0])
    y = zero_mm - GAIN_MM_MV * np.array([0.0, 0, 1, 1, 0, 0])
    lines(paper.image, [paper.curve(x, y)], INK, 2)


def _lead(
    paper: _Paper, segment: Segment, page: Digitized, truth: Mapping[str, TrueLead], y_mm: tuple[float, float]
) -> None:
    """One window: truth, estimate, name and figures. y_mm: the row's top and its zero line."""
    top, zero = y_mm
    left = _LEFT_MM + segment.start_s * SPEED_MM_S
    true, lead = truth.get(segment.lead), page.leads.get(segment.lead)
    for source, colour, thickness in ((true, _TRUTH, 4), (lead, INK, 1)):
        if source is not None:
            at, mv = _shown(source.mv, source.rate_hz, source.start_s, segment)
            height = np.clip(mv * GAIN_MM_MV, -_MOST_MM, _MOST_MM)
            curve = paper.curve(_LEFT_MM + at * SPEED_MM_S, zero - height)
            lines(paper.image, [curve], colour, thickness)
    if segment.start_s > 0:
        lines(paper.image, [paper.curve(np.full(2, left), np.array([zero - 3, zero + 3]))], QUIET, 2)
    x, y = (left + 1) * paper.px_per_mm, (top + _NAME_MM) * paper.px_per_mm
    words(paper.image, segment.lead, (x, y), INK, _TEXT_SIZE + 2, 700)
    is_all = lead is not None and segment.end_s - segment.start_s > 0.9 * lead.duration_s
    if lead is None:
        words(paper.image, "not found", (x + _NAME_PX, y), ALARM, _TEXT_SIZE)
    elif true is not None and is_all:
        text = f"{true.db:.1f} dB · {true.nrmse_percent:.1f} % · r {true.pearson:.3f}"
        words(paper.image, text, (x + _NAME_PX, y), ALARM if true.db < _POOR_DB else QUIET, _TEXT_SIZE)
    elif is_all:
        words(paper.image, f"{lead.confidence:.3f}", (x + _NAME_PX, y), QUIET, _TEXT_SIZE)
