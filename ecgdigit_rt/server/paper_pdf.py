"""Printable PDF of the leads on ECG paper, as vector graphics on landscape A4.

Printed at 100 %, the scale is 25 mm/s and 10 mm/mV. Records longer than 10.4 s are drawn at 12.5 mm/s, and
records longer than 20.8 s at 6.25 mm/s.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from fpdf import FPDF
from numpy.typing import NDArray

from ecgdigit_rt.doubts import Doubt
from ecgdigit_rt.results import Digitized, Lead, Row

Colour = tuple[int, int, int]
Points = NDArray[np.float64]

_PT_PER_MM = 72 / 25.4
_WIDTH_MM, _HEIGHT_MM = 297.0, 210.0  # A4, ISO 216
_LEFT_MM, _PAPER_TOP_MM, _PAPER_BOTTOM_MM, _MARGIN_MM = 27.0, 23.0, 198.0, 11.0
_GAIN_MM_MV = 10.0
_SPEEDS_MM_S = (25.0, 12.5, 6.25)
_RECORD_MM = 260.0
_MINOR, _MAJOR, _INK, _GREY = (252, 222, 218), (242, 178, 170), (20, 20, 34), (110, 108, 118)
_DOUBT_BACKGROUND, _DOUBT_INK = (255, 236, 200), (125, 62, 0)
_TRACE_MM = 0.25
_FONT = "helvetica"
"""Positions, scales, colors and line widths. `_RECORD_MM` is the maximum width of a record: 10.4 seconds at
25 mm/s fill the grid to the right of `_LEFT_MM`. Hand-picked, not tuned, except for the size of A4."""

_MAX_NAME_LENGTH, _MAX_NOTES_LENGTH, _MAX_DOUBTS_LENGTH = 80, 160, 170
"""Maximum number of characters of the page id, of the notes and of the doubts, so that each fits on one line.
Hand-picked, not tuned."""


def pdf_from_page(page: Digitized) -> bytes:
    """Return a PDF. Rows are in the order of the page. Each segment is drawn at its time in the record."""
    fitting = (speed for speed in _SPEEDS_MM_S if page.duration_s * speed <= _RECORD_MM)
    speed = next(fitting, _SPEEDS_MM_S[-1])
    pdf = FPDF(orientation="landscape", unit="mm", format="A4")
    pdf.set_auto_page_break(False)
    pdf.add_page()
    _draw_grid(pdf)
    _draw_captions(pdf, page, speed)
    _draw_rows(pdf, page, speed)
    return bytes(pdf.output())


def _draw_lines(pdf: FPDF, lines: Iterable[Points], colour: Colour, width_mm: float) -> None:
    """Draw polylines. Each is an (n, 2) array of x and y in millimeters from the top left corner.

    Line joins are round, because miter joins would lengthen the narrow peaks of a trace.
    """
    pdf.set_draw_color(*colour)
    with pdf.local_context(line_width=width_mm, stroke_join_style="round"):
        for line in lines:
            pdf.polyline(line.tolist())


def _draw_text(
    pdf: FPDF, text: str, at_mm: tuple[float, float], size_mm: float, colour: Colour, style: str = ""
) -> None:
    """Draw text in a standard PDF font.

    A minus sign is replaced with a hyphen, and other characters outside Latin-1 with `?`.
    """
    pdf.set_font(_FONT, style, size_mm * _PT_PER_MM)
    pdf.set_text_color(*colour)
    pdf.text(*at_mm, text.replace("−", "-").encode("latin-1", "replace").decode("latin-1"))


def _draw_grid(pdf: FPDF) -> None:
    left, right, top, bottom = _MARGIN_MM, _WIDTH_MM - _MARGIN_MM, _PAPER_TOP_MM, _PAPER_BOTTOM_MM
    for step_mm, colour, width_mm in ((1.0, _MINOR, 0.1), (5.0, _MAJOR, 0.18)):
        vertical = [np.array([[x, top], [x, bottom]]) for x in np.arange(left, right + 0.01, step_mm)]
        horizontal = [np.array([[left, y], [right, y]]) for y in np.arange(top, bottom + 0.01, step_mm)]
        _draw_lines(pdf, [*vertical, *horizontal], colour, width_mm)


def _draw_captions(pdf: FPDF, page: Digitized, speed: float) -> None:
    layout, provenance = page.layout, page.provenance
    scale = f"{layout.name}, read at {layout.speed_mm_s:g} mm/s and {layout.gain_mm_mv:g} mm/mV"
    quality = f"expected {page.expected_db:z.0f} dB" if np.isfinite(page.expected_db) else ""
    _draw_text(pdf, page.source.id[:_MAX_NAME_LENGTH], (_MARGIN_MM, 13), 4.6, _INK, "B")
    summary = "   ".join(filter(None, (f"{len(page.leads)} leads", scale, quality)))
    _draw_text(pdf, summary, (_MARGIN_MM, 19), 3.0, _GREY)
    print_scale = f"{speed:g} mm/s   {_GAIN_MM_MV:g} mm/mV   at 100 %"
    _draw_text(pdf, print_scale, (_WIDTH_MM - _MARGIN_MM - 45, 19), 3.0, _INK)
    software = f"{provenance.software}, {provenance.models}. " if provenance else ""
    notes = "".join(f"  Note: {note}." for note in page.notes)[:_MAX_NOTES_LENGTH]
    _draw_text(pdf, f"{software}For research, not a medical device.{notes}", (_MARGIN_MM, 204), 2.6, _GREY)
    if page.doubts:
        _draw_doubts(pdf, page.doubts)


def _draw_doubts(pdf: FPDF, doubts: Sequence[Doubt]) -> None:
    """Draw the ids and the messages of the doubts in a box in the top margin. A long text is cut."""
    text = f"DOUBTFUL [{', '.join(doubt.id for doubt in doubts)}]: {' '.join(d.message for d in doubts)}"
    width = _WIDTH_MM - 2 * _MARGIN_MM
    pdf.set_fill_color(*_DOUBT_BACKGROUND)
    pdf.rect(_MARGIN_MM, 2.5, width, 5.5, style="F")
    if len(text) > _MAX_DOUBTS_LENGTH:
        text = f"{text[:_MAX_DOUBTS_LENGTH]} ..."
    _draw_text(pdf, text, (_MARGIN_MM + 1.5, 6.3), 2.8, _DOUBT_INK, "B")


def _draw_rows(pdf: FPDF, page: Digitized, speed: float) -> None:
    """Draw the rows at equal distances. A tall trace may overlap the next row, as on paper."""
    rows = page.layout.rows
    pitch_mm = (_PAPER_BOTTOM_MM - _PAPER_TOP_MM) / max(len(rows), 1)
    pulse = np.array([[-12.0, 0], [-10.5, 0], [-10.5, -1], [-5.5, -1], [-5.5, 0], [-4, 0]])
    for k, row in enumerate(rows):
        baseline_mm = _PAPER_TOP_MM + pitch_mm * (k + 0.5)
        _draw_lines(pdf, [np.array([_LEFT_MM, baseline_mm]) + pulse * [1, _GAIN_MM_MV]], _INK, _TRACE_MM)
        _draw_lines(pdf, _row_lines(row, page, baseline_mm, speed), _INK, _TRACE_MM)
        for segment in row.segments:
            at_mm = (_LEFT_MM + segment.start_s * speed + 1, baseline_mm - min(pitch_mm * 0.5 - 3.6, 11))
            name = segment.lead if segment.lead in page.leads else f"{segment.lead} (not found)"
            _draw_text(pdf, name, at_mm, 3.4, _INK, "B")


def _row_lines(row: Row, page: Digitized, baseline_mm: float, speed: float) -> Iterable[Points]:
    """Yield the separators and the traces of a row."""
    for segment in row.segments:
        if segment.start_s > 0:
            x = _LEFT_MM + segment.start_s * speed
            yield np.array([[x, baseline_mm - 3], [x, baseline_mm + 3]])
        lead = page.leads.get(segment.lead)
        if lead is not None:
            time_s, mv = _samples_in_window(lead, segment.start_s, segment.end_s)
            if time_s.size > 1:
                y = np.clip(baseline_mm - mv * _GAIN_MM_MV, _PAPER_TOP_MM, _PAPER_BOTTOM_MM)
                yield np.stack([_LEFT_MM + time_s * speed, y], -1)


def _samples_in_window(
    lead: Lead, start_s: float, end_s: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the times in seconds and the values in millivolts of the samples of a lead in a window."""
    time_s = lead.start_s + np.arange(lead.mv.size) / lead.rate_hz
    is_inside = (time_s >= start_s - 1e-6) & (time_s < end_s - 1e-6)
    return time_s[is_inside], lead.mv[is_inside].astype(np.float64)
