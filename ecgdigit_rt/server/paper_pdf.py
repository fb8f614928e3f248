"""A printable page of the leads on ECG paper: vectors, drawn by PDFium, which reads PDFs here anyway.

A4 across, 25 mm/s and 10 mm/mV at natural size; a record of more than ten seconds at half the speed.
"""

from __future__ import annotations

import ctypes
import io
from collections.abc import Iterable, Sequence

import numpy as np
import pypdfium2
import pypdfium2.raw as pdfium
from numpy.typing import NDArray

from ecgdigit_rt.decode.pdf import PDFIUM
from ecgdigit_rt.results import Digitized, Lead, Row

Colour = tuple[int, int, int]
Points = NDArray[np.float64]

_PT_PER_MM = 72 / 25.4
_WIDTH_MM, _HEIGHT_MM = 297.0, 210.0
_LEFT_MM, _PAPER_TOP_MM, _PAPER_BOTTOM_MM, _EDGE_MM = 27.0, 23.0, 198.0, 11.0
_GAIN_MM_MV, _PULSE_MM = 10.0, 5.0
_SPEEDS_MM_S = (25.0, 12.5, 6.25)
_RECORD_MM = 260.0
_FINE, _BOLD, _INK, _QUIET = (252, 222, 218), (242, 178, 170), (20, 20, 34), (110, 108, 118)
_STROKE = 1


def pdf_from_page(page: Digitized) -> bytes:
    """The file's bytes. Rows stand as on the page, each lead in its time."""
    speed = next((one for one in _SPEEDS_MM_S if page.duration_s * one <= _RECORD_MM), _SPEEDS_MM_S[-1])
    with PDFIUM:
        document = pypdfium2.PdfDocument.new()
        try:
            sheet = _Sheet(document)
            _paper(sheet)
            _words(sheet, page, speed)
            _rows(sheet, page, speed)
            return sheet.finished()
        finally:
            document.close()


class _Sheet:
    """One page of a document; places are in millimetre from its top left corner."""

    def __init__(self, document: pypdfium2.PdfDocument) -> None:
        self._document = document
        self._page = document.new_page(_WIDTH_MM * _PT_PER_MM, _HEIGHT_MM * _PT_PER_MM)

    def lines(self, lines: Iterable[Points], colour: Colour, width_mm: float) -> None:
        """Lines of (n, 2) points each, as one path."""
        path = pdfium.FPDFPageObj_CreateNewPath(0, 0)
        for line in lines:
            for k, (x, y) in enumerate(self._places(line)):
                (pdfium.FPDFPath_LineTo if k else pdfium.FPDFPath_MoveTo)(path, x, y)
        pdfium.FPDFPath_SetDrawMode(path, pdfium.FPDF_FILLMODE_NONE, _STROKE)
        pdfium.FPDFPageObj_SetStrokeColor(path, *colour, 255)
        pdfium.FPDFPageObj_SetStrokeWidth(path, width_mm * _PT_PER_MM)
        pdfium.FPDFPageObj_SetLineJoin(path, pdfium.FPDF_LINEJOIN_ROUND)
        pdfium.FPDFPage_InsertObject(self._page, path)

    def text(self, text: str, at_mm: tuple[float, float], size_mm: float, colour: Colour, font: str) -> None:
        """font: one of the fourteen that every reader has. What is not Latin is a question mark there."""
        item = pdfium.FPDFPageObj_NewTextObj(self._document, font.encode(), size_mm * _PT_PER_MM)
        known = text.encode("latin-1", "replace").decode("latin-1")
        encoded = (known + "\0").encode("utf-16-le")
        buffer = ctypes.create_string_buffer(encoded, len(encoded))
        pdfium.FPDFText_SetText(item, ctypes.cast(buffer, pdfium.FPDF_WIDESTRING))
        pdfium.FPDFPageObj_SetFillColor(item, *colour, 255)
        x, y = self._places(np.array([at_mm]))[0]
        pdfium.FPDFPageObj_Transform(item, 1, 0, 0, 1, x, y)
        pdfium.FPDFPage_InsertObject(self._page, item)

    def finished(self) -> bytes:
        self._page.gen_content()
        out = io.BytesIO()
        self._document.save(out)
        return out.getvalue()

    def _places(self, points: Points) -> list[list[float]]:
        """Points of the PDF, whose y grows upwards."""
        scaled = np.array([0, _HEIGHT_MM]) + points * np.array([1, -1])
        places: list[list[float]] = (scaled * _PT_PER_MM).tolist()
        return places


def _paper(sheet: _Sheet) -> None:
    left, right, top, bottom = _EDGE_MM, _WIDTH_MM - _EDGE_MM, _PAPER_TOP_MM, _PAPER_BOTTOM_MM
    for every, colour, width in ((1.0, _FINE, 0.1), (5.0, _BOLD, 0.18)):
        down = [np.array([[x, top], [x, bottom]]) for x in np.arange(left, right + 0.01, every)]
        across = [np.array([[left, y], [right, y]]) for y in np.arange(top, bottom + 0.01, every)]
        sheet.lines([*down, *across], colour, width)


def _words(sheet: _Sheet, page: Digitized, speed: float) -> None:
    layout, provenance = page.layout, page.provenance
    read = f"{layout.name}, read at {layout.speed_mm_s:g} mm/s and {layout.gain_mm_mv:g} mm/mV"
    expected = f"expected {page.expected_db:.0f} dB" if np.isfinite(page.expected_db) else ""
    sheet.text(page.source.id[:80], (_EDGE_MM, 13), 4.6, _INK, "Helvetica-Bold")
    facts = "   ".join(filter(None, (f"{len(page.leads)} leads", read, expected)))
    sheet.text(facts, (_EDGE_MM, 19), 3.0, _QUIET, "Helvetica")
    scale = f"{speed:g} mm/s   {_GAIN_MM_MV:g} mm/mV   at 100 %"
    sheet.text(scale, (_WIDTH_MM - _EDGE_MM - 45, 19), 3.0, _INK, "Helvetica")
    made = f"{provenance.software}, {provenance.models}. " if provenance else ""
    notes = "".join(f"  Note: {note}." for note in page.notes)[:160]
    end = f"{made}For research, not a medical device.{notes}"
    sheet.text(end, (_EDGE_MM, 204), 2.6, _QUIET, "Helvetica")


def _rows(sheet: _Sheet, page: Digitized, speed: float) -> None:
    """Rows share the paper's height; where a trace is tall, it may cross into the next one, as on paper."""
    rows = page.layout.rows
    pitch = (_PAPER_BOTTOM_MM - _PAPER_TOP_MM) / max(len(rows), 1)
    for k, row in enumerate(rows):
        zero = _PAPER_TOP_MM + pitch * (k + 0.5)
        pulse = np.array([[-12.0, 0], [-10.5, 0], [-10.5, -1], [-5.5, -1], [-5.5, 0], [-4, 0]])
        sheet.lines([np.array([_LEFT_MM, zero]) + pulse * [1, _GAIN_MM_MV]], _INK, 0.25)
        sheet.lines(list(_row_lines(row, page, zero, speed)), _INK, 0.25)
        for one in row.segments:
            place = (_LEFT_MM + one.start_s * speed + 1, zero - min(pitch * 0.5 - 3.6, 11))
            name = one.lead if one.lead in page.leads else f"{one.lead} (not found)"
            sheet.text(name, place, 3.4, _INK, "Helvetica-Bold")


def _row_lines(row: Row, page: Digitized, zero: float, speed: float) -> Iterable[Points]:
    for one in row.segments:
        if one.start_s > 0:
            x = _LEFT_MM + one.start_s * speed
            yield np.array([[x, zero - 3], [x, zero + 3]])
        lead = page.leads.get(one.lead)
        if lead is not None:
            at, mv = shown(lead, one.start_s, one.end_s)
            if at.size > 1:
                height = np.clip(zero - mv * _GAIN_MM_MV, _PAPER_TOP_MM, _PAPER_BOTTOM_MM)
                yield np.stack([_LEFT_MM + at * speed, height], -1)


def shown(lead: Lead, start_s: float, end_s: float) -> Sequence[NDArray[np.float64]]:
    """Seconds and millivolts of a lead's samples in a window."""
    at = lead.start_s + np.arange(lead.mv.size) / lead.rate_hz
    inside = (at >= start_s - 1e-6) & (at < end_s - 1e-6)
    return at[inside], lead.mv[inside].astype(np.float64)
