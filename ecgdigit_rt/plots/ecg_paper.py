"""Twelve leads drawn as a cardiologist expects them: on ECG paper, 25 mm/s, 10 mm/mV.

Everything is in millimetre until the last step; `PX_PER_MM` is the one scale.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.results import LEADS, Lead

PX_PER_MM = 7.2
SPEED_MM_S = 25.0
GAIN_MM_MV = 10.0
RECORD_S = 10.0
WIDTH_PX = 1980

MARGIN_MM = 15.0
"""Left of the traces, where the calibration pulse stands."""

TOP_MM, BOTTOM_MM = 8.0, 9.0
ROW_MM, ROOM_MM = 22.0, 4.0
"""The least height of a row, and what stays free above and below its trace."""

PAPER = (255, 252, 250)
FINE, BOLD = (255, 226, 222), (247, 184, 176)
INK, FAINT = (25, 25, 40), (120, 110, 120)
SUBPIXEL_BITS = 4

FONT = cv2.FontFace("sans")
Colour = tuple[int, int, int]
Image = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Trace:
    """One lead in its place: `start_s` on the paper's own time axis, at most `seconds` of it."""

    lead: Lead
    start_s: float
    seconds: float


def paper_from_leads(leads: Mapping[str, Lead], colours: Mapping[str, Colour]) -> Image:
    """Draw the leads on paper: (height, WIDTH_PX, 3) uint8 RGB.

    Short leads stand in columns as on a printed page; a lead that outlasts its column is drawn in
    full below as a rhythm strip. A row is as high as its trace needs. Leads that were not found
    are named in grey where they would stand.
    """
    rows, absent = _rows(leads)
    extents = [_extent_mm(row) for row in rows]
    height_mm = TOP_MM + sum(up + down for up, down in extents) + BOTTOM_MM
    image = _grid(round(height_mm * PX_PER_MM))
    top = TOP_MM
    for place, (row, (up, down)) in enumerate(zip(rows, extents, strict=True)):
        zero = top + up
        _pulse(image, zero)
        for trace in row:
            _trace(image, trace, zero, colours[trace.lead.name])
        for name, start_s in absent.get(place, ()):
            _text(image, f"{name} –", _x_mm(start_s) + 1, top + 4.5, 3.4, FAINT)
        top += up + down
    _time_base(image, height_mm)
    return image


def _rows(
    leads: Mapping[str, Lead],
) -> tuple[list[list[Trace]], dict[int, list[tuple[str, float]]]]:
    """Rows of traces, and by row the names and places of the leads that are absent."""
    lengths = sorted(lead.duration_s for lead in leads.values())
    typical = lengths[len(lengths) // 2] if lengths else RECORD_S / 4
    columns = next((n for n in (4, 2) if typical <= RECORD_S / n * 1.1), 1)
    seconds = RECORD_S / columns
    high = len(LEADS) // columns
    rows: list[list[Trace]] = [[] for _ in range(high)]
    absent: dict[int, list[tuple[str, float]]] = {}
    for i, name in enumerate(LEADS):
        row, start_s = i % high, i // high * seconds
        if name in leads:
            rows[row].append(Trace(leads[name], start_s, seconds))
        else:
            absent.setdefault(row, []).append((name, start_s))
    long = [name for name in LEADS if name in leads and leads[name].duration_s > seconds * 1.2]
    rows += [[Trace(leads[name], 0.0, RECORD_S)] for name in long]
    return rows, absent


def _shown_mv(trace: Trace) -> NDArray[np.float32]:
    return trace.lead.mv[: round(trace.seconds * trace.lead.rate_hz)]


def _extent_mm(row: Sequence[Trace]) -> tuple[float, float]:
    """Room above and below the zero line, in whole boxes of 5 mm; the names stand above."""
    peaks = [float(_shown_mv(t).max()) * GAIN_MM_MV for t in row if t.lead.mv.size]
    lows = [float(_shown_mv(t).min()) * GAIN_MM_MV for t in row if t.lead.mv.size]
    up = max([ROW_MM / 2, *(p + ROOM_MM for p in peaks)])
    down = max([ROW_MM / 2, *(ROOM_MM - p for p in lows)])
    return min(up, 60.0), min(down, 60.0)


def _x_mm(time_s: float) -> float:
    return MARGIN_MM + time_s * SPEED_MM_S


def _points(x_mm: NDArray[np.float64], y_mm: NDArray[np.float64]) -> NDArray[np.int32]:
    scaled = np.stack([x_mm, y_mm], axis=1) * PX_PER_MM - 0.5
    return np.round(scaled * (1 << SUBPIXEL_BITS)).astype(np.int32)


def _line(image: Image, points: NDArray[np.int32], colour: Colour, thickness: int) -> None:
    cv2.polylines(image, [points], False, colour, thickness, cv2.LINE_AA, SUBPIXEL_BITS)


def _grid(height_px: int) -> Image:
    image = np.full((height_px, WIDTH_PX, 3), PAPER, np.uint8)
    for every_mm, colour, thickness in ((1, FINE, 1), (5, BOLD, 2)):
        for k in range(0, int(WIDTH_PX / PX_PER_MM) + 1, every_mm):
            x = round(k * PX_PER_MM)
            cv2.line(image, (x, 0), (x, height_px), colour, thickness)
        for k in range(0, int(height_px / PX_PER_MM) + 1, every_mm):
            y = round(k * PX_PER_MM)
            cv2.line(image, (0, y), (WIDTH_PX, y), colour, thickness)
    return image


def _pulse(image: Image, zero_mm: float) -> None:
    """The 1 mV, 0.2 s calibration pulse at the start of a row."""
    x = np.array([4.0, 5.5, 5.5, 10.5, 10.5, 12.0])
    y = zero_mm - GAIN_MM_MV * np.array([0.0, 0, 1, 1, 0, 0])
    _line(image, _points(x, y), INK, 2)


def _trace(image: Image, trace: Trace, zero_mm: float, colour: Colour) -> None:
    mv = _shown_mv(trace).astype(np.float64)
    x = _x_mm(trace.start_s) + np.arange(mv.size) / trace.lead.rate_hz * SPEED_MM_S
    y = zero_mm - np.clip(mv * GAIN_MM_MV, -60, 60)
    if trace.start_s > 0:  # where one lead ends and the next begins
        edge = np.full(2, _x_mm(trace.start_s))
        _line(image, _points(edge, zero_mm + np.array([-3.0, 3.0])), FAINT, 2)
    _line(image, _points(x, y), INK, 2)
    head = y[: max(1, round(0.35 * trace.lead.rate_hz))].min() if mv.size else zero_mm
    name_y = min(zero_mm - 6.0, head - 1.5)
    _text(image, trace.lead.name, _x_mm(trace.start_s) + 1.0, name_y, 4.2, colour, 700)


def _text(
    image: Image, text: str, x_mm: float, y_mm: float, size_mm: float, colour: Colour,
    weight: int = 400,
) -> None:  # fmt: skip
    place = (round(x_mm * PX_PER_MM), round(y_mm * PX_PER_MM))
    cv2.putText(image, text, place, colour, FONT, round(size_mm * PX_PER_MM), weight)


def _time_base(image: Image, height_mm: float) -> None:
    """Second marks along the bottom, and the scale."""
    y = height_mm - 5.5
    for second in range(int(RECORD_S) + 1):
        x = np.full(2, _x_mm(second))
        _line(image, _points(x, np.array([y - 1.0, y + 0.5])), FAINT, 2)
        _text(image, f"{second} s", _x_mm(second) - 1.3, y + 4.0, 2.6, FAINT)
    _text(image, "25 mm/s    10 mm/mV", _x_mm(RECORD_S) - 29.0, 5.0, 2.8, FAINT)
