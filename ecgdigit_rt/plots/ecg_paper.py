"""Plot of the leads on standard ECG paper, 25 mm/s and 10 mm/mV.

Coordinates are in millimetres. They are scaled with `PX_PER_MM` only when they are drawn. Sizes and colours
are hand-picked, not tuned.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.results import ALL_LEADS, FURTHER_LEADS, LEADS, Lead

SPEED_MM_S = 25.0
GAIN_MM_MV = 10.0
RECORD_S = 10.0
"""Speed, gain and duration of a standard printout."""

PX_PER_MM = 7.2
WIDTH_PX = 1980
"""Scale and width of the plot. A standard printout with its margins fills the width."""

MARGIN_MM = 15.0
"""Margin to the left of the traces, for the calibration pulse."""

TOP_MM, BOTTOM_MM = 8.0, 9.0
MIN_ROW_MM, CLEARANCE_MM = 22.0, 4.0
"""Margins at the top and at the bottom, minimum height of a row, and clearance above and below its trace."""

MAX_EXCURSION_MM = 60.0
"""Maximum distance of a trace from its baseline. Larger deflections are clipped."""

# Colours of thermal paper.
PAPER = (255, 252, 250)
MINOR_COLOUR, MAJOR_COLOUR = (255, 226, 222), (247, 184, 176)
INK, GREY = (25, 25, 40), (120, 110, 120)

SUBPIXEL_BITS = 4  # number of fractional bits of coordinates in OpenCV's drawing functions

FONT = cv2.FontFace("sans")
Colour = tuple[int, int, int]
Image = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class PlacedLead:
    """Lead and its position on the time axis. It is drawn from `start_s` on, for at most `seconds`."""

    lead: Lead
    start_s: float
    seconds: float


def paper_from_leads(leads: Mapping[str, Lead], colours: Mapping[str, Colour]) -> Image:
    """Return an image of the leads on ECG paper, uint8 RGB (height, WIDTH_PX, 3).

    Leads are arranged in columns, as on a printed page. A lead that is clearly longer than its column is also
    drawn below the columns, as a rhythm strip of up to 10 s. The height of a row depends on its traces. The
    names of missing standard leads are drawn in grey at their positions, unless there are only further leads.
    Further leads are drawn below the standard leads.
    """
    rows, missing = _arrange_rows(leads)
    extents = [_extent_mm(row) for row in rows]
    height_mm = TOP_MM + sum(up + down for up, down in extents) + BOTTOM_MM
    image = _empty_paper(round(height_mm * PX_PER_MM))
    top = TOP_MM
    for k, (row, (above, below)) in enumerate(zip(rows, extents, strict=True)):
        baseline = top + above
        _draw_pulse(image, baseline)
        for placed in row:
            _draw_lead(image, placed, baseline, colours[placed.lead.name])
        for name, start_s in missing.get(k, ()):
            _draw_text(image, f"{name} –", _x_mm(start_s) + 1, top + 4.5, 3.4, GREY)
        top += above + below
    _draw_time_axis(image, height_mm)
    return image


def _arrange_rows(
    leads: Mapping[str, Lead],
) -> tuple[list[list[PlacedLead]], dict[int, list[tuple[str, float]]]]:
    """Return the rows of leads, and the names and start times of missing leads by row index.

    A single lead is drawn in rows of 10 s, without missing leads.
    """
    if len(leads) == 1:
        (only,) = leads.values()
        width = round(RECORD_S * only.rate_hz)
        parts = [only.mv[first : first + width] for first in range(0, only.mv.size, width)]
        return [[PlacedLead(replace(only, mv=mv), 0.0, RECORD_S)] for mv in parts], {}
    lengths = sorted(lead.duration_s for lead in leads.values())
    typical = lengths[len(lengths) // 2] if lengths else RECORD_S / 4
    columns = next((n for n in (4, 2) if typical <= RECORD_S / n * 1.1), 1)
    seconds = RECORD_S / columns
    further = [name for name in FURTHER_LEADS if name in leads]
    standard = () if further and len(further) == len(leads) else LEADS
    rows: list[list[PlacedLead]] = []
    missing: dict[int, list[tuple[str, float]]] = {}
    for names in (standard, further):
        first, row_count = len(rows), math.ceil(len(names) / columns)
        rows += [[] for _ in range(row_count)]
        for i, name in enumerate(names):
            row, start_s = first + i % row_count, i // row_count * seconds
            if name in leads:
                rows[row].append(PlacedLead(leads[name], start_s, seconds))
            else:
                missing.setdefault(row, []).append((name, start_s))
    long = [name for name in ALL_LEADS if name in leads and leads[name].duration_s > seconds * 1.2]
    rows += [[PlacedLead(leads[name], 0.0, RECORD_S)] for name in long]
    return rows, missing


def _visible_mv(placed: PlacedLead) -> NDArray[np.float32]:
    return placed.lead.mv[: round(placed.seconds * placed.lead.rate_hz)]


def _extent_mm(row: Sequence[PlacedLead]) -> tuple[float, float]:
    """Return the space in mm that a row needs above and below its baseline."""
    peaks = [float(_visible_mv(placed).max()) * GAIN_MM_MV for placed in row if placed.lead.mv.size]
    lows = [float(_visible_mv(placed).min()) * GAIN_MM_MV for placed in row if placed.lead.mv.size]
    above = max([MIN_ROW_MM / 2, *(peak + CLEARANCE_MM for peak in peaks)])
    below = max([MIN_ROW_MM / 2, *(CLEARANCE_MM - low for low in lows)])
    return min(above, MAX_EXCURSION_MM), min(below, MAX_EXCURSION_MM)


def _x_mm(time_s: float) -> float:
    return MARGIN_MM + time_s * SPEED_MM_S


def _points(x_mm: NDArray[np.float64], y_mm: NDArray[np.float64]) -> NDArray[np.int32]:
    scaled = np.stack([x_mm, y_mm], axis=1) * PX_PER_MM - 0.5
    return np.round(scaled * (1 << SUBPIXEL_BITS)).astype(np.int32)


def _draw_line(image: Image, points: NDArray[np.int32], colour: Colour, thickness: int) -> None:
    cv2.polylines(image, [points], False, colour, thickness, cv2.LINE_AA, SUBPIXEL_BITS)


def _empty_paper(height_px: int) -> Image:
    image = np.full((height_px, WIDTH_PX, 3), PAPER, np.uint8)
    for every_mm, colour, thickness in ((1, MINOR_COLOUR, 1), (5, MAJOR_COLOUR, 2)):
        for k in range(0, int(WIDTH_PX / PX_PER_MM) + 1, every_mm):
            x = round(k * PX_PER_MM)
            cv2.line(image, (x, 0), (x, height_px), colour, thickness)
        for k in range(0, int(height_px / PX_PER_MM) + 1, every_mm):
            y = round(k * PX_PER_MM)
            cv2.line(image, (0, y), (WIDTH_PX, y), colour, thickness)
    return image


def _draw_pulse(image: Image, baseline_mm: float) -> None:
    """Draw the calibration pulse, 1 mV high and 0.2 s wide, at the start of a row."""
    x = np.array([4.0, 5.5, 5.5, 10.5, 10.5, 12.0])
    y = baseline_mm - GAIN_MM_MV * np.array([0.0, 0, 1, 1, 0, 0])
    _draw_line(image, _points(x, y), INK, 2)


def _draw_lead(image: Image, placed: PlacedLead, baseline_mm: float, colour: Colour) -> None:
    """Draw the trace, the separator before it, and the name of the lead above its first 0.35 s."""
    mv = _visible_mv(placed).astype(np.float64)
    x = _x_mm(placed.start_s) + np.arange(mv.size) / placed.lead.rate_hz * SPEED_MM_S
    y = baseline_mm - np.clip(mv * GAIN_MM_MV, -MAX_EXCURSION_MM, MAX_EXCURSION_MM)
    if placed.start_s > 0:
        separator = np.full(2, _x_mm(placed.start_s))
        _draw_line(image, _points(separator, baseline_mm + np.array([-3.0, 3.0])), GREY, 2)
    _draw_line(image, _points(x, y), INK, 2)
    start_top = y[: max(1, round(0.35 * placed.lead.rate_hz))].min() if mv.size else baseline_mm
    name_y = min(baseline_mm - 6.0, start_top - 1.5)
    _draw_text(image, placed.lead.name, _x_mm(placed.start_s) + 1.0, name_y, 4.2, colour, 700)


def _draw_text(
    image: Image, text: str, x_mm: float, y_mm: float, size_mm: float, colour: Colour,
    weight: int = 400,
) -> None:  # fmt: skip
    point = (round(x_mm * PX_PER_MM), round(y_mm * PX_PER_MM))
    cv2.putText(image, text, point, colour, FONT, round(size_mm * PX_PER_MM), weight)


def _draw_time_axis(image: Image, height_mm: float) -> None:
    """Draw ticks every second along the bottom, and the scale in the top right corner."""
    y = height_mm - 5.5
    for second in range(int(RECORD_S) + 1):
        x = np.full(2, _x_mm(second))
        _draw_line(image, _points(x, np.array([y - 1.0, y + 0.5])), GREY, 2)
        _draw_text(image, f"{second} s", _x_mm(second) - 1.3, y + 4.0, 2.6, GREY)
    _draw_text(image, "25 mm/s    10 mm/mV", _x_mm(RECORD_S) - 29.0, 5.0, 2.8, GREY)
