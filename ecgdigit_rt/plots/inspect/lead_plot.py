"""Inspection image of the result: the leads on ECG paper, over the truth if it is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.plots.ecg_paper import GAIN_MM_MV, MAJOR_COLOUR, MINOR_COLOUR, PAPER, SPEED_MM_S
from ecgdigit_rt.plots.inspect.canvas import (
    ALARM,
    GREY,
    INK,
    WIDTH_PX,
    Image,
    Legend,
    add_caption,
    draw_curves,
    draw_text,
)
from ecgdigit_rt.results import Digitized, Row, Segment

_TRUTH = (90, 165, 245)
_LEFT_MM, _RIGHT_MM, _BOTTOM_MM = 14.0, 4.0, 6.0
_CLEARANCE_MM, _MAX_EXCURSION_MM = 3.0, 45.0
_NAME_MM = 4.0
_TEXT_SIZE, _NAME_PX = 18, 56
"""Colour of the truth, and sizes. Hand-picked, not tuned.

The sizes are the margins of the paper, clearance and maximum excursion of a trace, height of the text line
with the names, font size, and distance from the start of a name to the text after it.
"""

_MIN_HALF_ROWS_MM, _MAX_MIN_HALF_ROW_MM = 45.0, 9.0
"""Minimum space above the baselines, summed over all rows, and upper limit of this minimum for a single row.

The same values apply below the baselines. Hand-picked, not tuned.
"""

_LOW_DB = 10.0
"""Signal-to-noise ratio below which the agreement of a lead is drawn in red. Hand-picked, not tuned."""


@dataclass(frozen=True, slots=True)
class TrueLead:
    """Truth of a lead, aligned in time and offset with the prediction, and their agreement.

    `mv` is float64 (samples,), from `start_s` on. `db` is the signal-to-noise ratio in dB, `nrmse_percent` is
    the root mean square error in percent of the range of the truth, and `pearson` is the correlation
    coefficient.
    """

    mv: NDArray[np.float64] = field(repr=False)
    rate_hz: float
    start_s: float
    db: float
    nrmse_percent: float
    pearson: float


@dataclass(frozen=True, slots=True)
class _Paper:
    """Image of ECG paper and its scale."""

    image: Image
    px_per_mm: float

    def curve(self, x_mm: NDArray[np.float64], y_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.stack([x_mm, y_mm], -1) * self.px_per_mm


def plot_from_leads(page: Digitized, truth: Mapping[str, TrueLead]) -> Image:
    """Return image 8: the rows of the page, at 25 mm/s and 10 mm/mV.

    The text after the name of a lead is its agreement with the truth, or its confidence if no truth is known.
    """
    seconds = max([page.duration_s, *(segment.end_s for row in page.layout.rows for segment in row.segments)])
    extents = [_extent_mm(row, page, truth) for row in page.layout.rows]
    height_mm = sum(above + below for above, below in extents) + _BOTTOM_MM
    paper = _empty_paper(_LEFT_MM + seconds * SPEED_MM_S + _RIGHT_MM, height_mm)
    top = 0.0
    for row, (above, below) in zip(page.layout.rows, extents, strict=True):
        _draw_pulse(paper, top + above)
        for segment in row.segments:
            _draw_segment(paper, segment, page, truth, (top, top + above))
        top += above + below
    facts = "25 mm/s · 10 mm/mV"
    legend: Legend = ()
    if truth:
        facts += " · per lead: signal-to-noise ratio, RMSE in % of the truth's range, Pearson's r"
        legend = ((INK, "digitized"), (_TRUTH, "truth, aligned as in the metric"))
    else:
        facts += " · per lead: confidence"
        legend = ((INK, "digitized"),)
    return add_caption(paper.image, "8  Leads", facts, legend)


def _samples_in_segment(
    mv: NDArray[np.floating], rate_hz: float, start_s: float, segment: Segment
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the times in seconds and the millivolts of the samples within a segment."""
    time_s = start_s + np.arange(mv.size) / rate_hz
    inside = (time_s >= segment.start_s - 1e-6) & (time_s < segment.end_s - 1e-6)
    return time_s[inside], mv[inside].astype(np.float64)


def _extent_mm(row: Row, page: Digitized, truth: Mapping[str, TrueLead]) -> tuple[float, float]:
    """Return the space in mm above and below the baseline of a row, including the names."""
    above = below = min(_MAX_MIN_HALF_ROW_MM, _MIN_HALF_ROWS_MM / len(page.layout.rows))
    for segment in row.segments:
        for lead in (page.leads.get(segment.lead), truth.get(segment.lead)):
            if lead is None:
                continue
            _, mv = _samples_in_segment(lead.mv, lead.rate_hz, lead.start_s, segment)
            if mv.size:
                above = max(above, float(mv.max()) * GAIN_MM_MV + _CLEARANCE_MM)
                below = max(below, -float(mv.min()) * GAIN_MM_MV + _CLEARANCE_MM)
    return min(above, _MAX_EXCURSION_MM) + _NAME_MM, min(below, _MAX_EXCURSION_MM)


def _empty_paper(width_mm: float, height_mm: float) -> _Paper:
    """Return ECG paper with minor lines every millimetre and major lines every five millimetres."""
    scale = WIDTH_PX / width_mm
    image = np.full((round(height_mm * scale), WIDTH_PX, 3), PAPER, np.uint8)
    paper = _Paper(image, scale)
    for every_mm, colour in ((1, MINOR_COLOUR), (5, MAJOR_COLOUR)):
        for mm in range(0, int(width_mm) + 1, every_mm):
            draw_curves(image, [paper.curve(np.full(2, float(mm)), np.array([0, height_mm]))], colour)
        for mm in range(0, int(height_mm) + 1, every_mm):
            draw_curves(image, [paper.curve(np.array([0, width_mm]), np.full(2, float(mm)))], colour)
    return paper


def _draw_pulse(paper: _Paper, baseline_mm: float) -> None:
    """Draw the calibration pulse, 1 mV high and 0.2 s wide."""
    x = np.array([3.0, 4.5, 4.5, 9.5, 9.5, 11.0])
    y = baseline_mm - GAIN_MM_MV * np.array([0.0, 0, 1, 1, 0, 0])
    draw_curves(paper.image, [paper.curve(x, y)], INK, 2)


def _draw_segment(
    paper: _Paper, segment: Segment, page: Digitized, truth: Mapping[str, TrueLead], y_mm: tuple[float, float]
) -> None:
    """Draw truth, prediction, name and agreement of a segment. `y_mm` is (top, baseline) of the row."""
    top, baseline = y_mm
    left = _LEFT_MM + segment.start_s * SPEED_MM_S
    true, lead = truth.get(segment.lead), page.leads.get(segment.lead)
    for source, colour, thickness in ((true, _TRUTH, 4), (lead, INK, 1)):
        if source is not None:
            time_s, mv = _samples_in_segment(source.mv, source.rate_hz, source.start_s, segment)
            height = np.clip(mv * GAIN_MM_MV, -_MAX_EXCURSION_MM, _MAX_EXCURSION_MM)
            curve = paper.curve(_LEFT_MM + time_s * SPEED_MM_S, baseline - height)
            draw_curves(paper.image, [curve], colour, thickness)
    if segment.start_s > 0:
        separator = paper.curve(np.full(2, left), np.array([baseline - 3, baseline + 3]))
        draw_curves(paper.image, [separator], GREY, 2)
    x, y = (left + 1) * paper.px_per_mm, (top + _NAME_MM) * paper.px_per_mm
    draw_text(paper.image, segment.lead, (x, y), INK, _TEXT_SIZE + 2, 700)
    is_whole_lead = lead is not None and segment.end_s - segment.start_s > 0.9 * lead.duration_s
    if lead is None:
        draw_text(paper.image, "not found", (x + _NAME_PX, y), ALARM, _TEXT_SIZE)
    elif true is not None and is_whole_lead:
        text = f"{true.db:.1f} dB · {true.nrmse_percent:.1f} % · r {true.pearson:.3f}"
        draw_text(paper.image, text, (x + _NAME_PX, y), ALARM if true.db < _LOW_DB else GREY, _TEXT_SIZE)
    elif is_whole_lead:
        draw_text(paper.image, f"{lead.confidence:.3f}", (x + _NAME_PX, y), GREY, _TEXT_SIZE)
