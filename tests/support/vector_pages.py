"""Vector PDFs of known signals, drawn by matplotlib, reportlab and cairo."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from painted_pages import simulated_leads

from ecgdigit_rt.layout.catalog import LAYOUTS, lead_from_cell

Values = NDArray[np.float64]

WIDTH_MM, HEIGHT_MM = 297.0, 210.0
LEFT_MM, TOP_MM, BOTTOM_MM = 22.0, 40.0, 200.0
ROW_MM = 250.0
RATE_HZ = 500.0
RED, PINK, BLACK = (0.9, 0.5, 0.5), (0.98, 0.8, 0.8), (0.0, 0.0, 0.0)
STYLES = ("path", "pieces", "segments")
"""One path per curve, polylines of 50 points, and one path per segment."""


@dataclass(frozen=True)
class Line:
    """Polyline (n, 2) in millimetres of the page, downwards, with its colour and width in millimetres."""

    points: Values
    colour: tuple[float, float, float] = BLACK
    width_mm: float = 0.25


@dataclass(frozen=True)
class Text:
    """Text with its lower left corner in millimetres of the page."""

    text: str
    x_mm: float
    y_mm: float


@dataclass(frozen=True)
class VectorPage:
    """Lines and texts of a page, and the true leads: start in seconds, and samples at 500 Hz in mV."""

    lines: list[Line]
    texts: list[Text]
    leads: Mapping[str, tuple[float, Values]] = field(repr=False)


def vector_page(
    layout: str = "3x4+1",
    speed_mm_s: float = 25.0,
    gain_mm_mv: float = 10.0,
    *,
    style: str = "path",
    has_grid: bool = True,
    has_pulses: bool = True,
) -> VectorPage:
    """Return a page of this layout with a grid, pulses, names and a printed scale."""
    signals = simulated_leads(3)
    rows = LAYOUTS[layout].rows
    lines = list(_grid()) if has_grid else []
    texts = [Text(f"{speed_mm_s:g} mm/s   {gain_mm_mv:g} mm/mV", LEFT_MM, 207.0)]
    leads: dict[str, tuple[float, Values]] = {}
    pitch = (BOTTOM_MM - TOP_MM) / len(rows)
    for index, cells in enumerate(rows):
        baseline = TOP_MM + pitch * (index + 0.6)
        if has_pulses:
            lines.append(Line(_pulse(baseline, gain_mm_mv)))
        count = round(ROW_MM / speed_mm_s * RATE_HZ / len(cells))
        for column, cell in enumerate(cells):
            lead = lead_from_cell(cell)
            mv = signals[lead][column * count : (column + 1) * count]
            x = LEFT_MM + (column * count + np.arange(mv.size)) * speed_mm_s / RATE_HZ
            points = np.stack([x, baseline - gain_mm_mv * mv], 1)
            lines += [Line(part) for part in _parts(points, style)]
            texts.append(Text(lead, float(x[0]) + 1.0, baseline - 6.0))
            if lead not in leads or leads[lead][1].size < mv.size:
                leads[lead] = (column * count / RATE_HZ, mv)
    return VectorPage(lines, texts, leads)


def _grid() -> Iterator[Line]:
    for step, colour, width in ((1.0, PINK, 0.08), (5.0, RED, 0.16)):
        for x in np.arange(5.0, 292.5, step):
            yield Line(np.array([(x, 20.0), (x, 205.0)]), colour, width)
        for y in np.arange(20.0, 205.5, step):
            yield Line(np.array([(5.0, y), (290.0, y)]), colour, width)


def _pulse(baseline: float, gain: float) -> Values:
    """Return a pulse of 0.2 s and 1 mV, left of the record."""
    foot, top = baseline, baseline - gain
    return np.array([(10.0, foot), (12.0, foot), (12.0, top), (17.0, top), (17.0, foot), (19.0, foot)])


def _parts(points: Values, style: str) -> Iterator[Values]:
    step = {"path": len(points), "pieces": 49, "segments": 1}[style]
    for first in range(0, len(points) - 1, step):
        yield points[first : first + step + 1]


def write_with_matplotlib(page: VectorPage, path: Path) -> None:
    """Write a page with matplotlib, whose axes fill the page."""
    import matplotlib as mpl
    from matplotlib.backends.backend_pdf import FigureCanvasPdf
    from matplotlib.collections import LineCollection
    from matplotlib.figure import Figure

    with mpl.rc_context({"path.simplify": False}):
        figure = Figure(figsize=(WIDTH_MM / 25.4, HEIGHT_MM / 25.4))
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, WIDTH_MM), ylim=(HEIGHT_MM, 0))
        axes.axis("off")
        for line in page.lines:
            if len(line.points) == 2:
                continue
            axes.plot(*line.points.T, color=line.colour, linewidth=line.width_mm * 72 / 25.4)
        short = [line for line in page.lines if len(line.points) == 2]
        if short:
            axes.add_collection(
                LineCollection(
                    [line.points for line in short],
                    colors=[line.colour for line in short],
                    linewidths=[line.width_mm * 72 / 25.4 for line in short],
                )
            )
        for text in page.texts:
            axes.text(text.x_mm, text.y_mm, text.text, fontsize=8)
        figure.set_canvas(FigureCanvasPdf(figure))
        figure.savefig(path, format="pdf")


def write_with_reportlab(page: VectorPage, path: Path) -> None:
    """Write a page with reportlab. Its coordinates increase upwards."""
    from reportlab.lib.units import mm
    from reportlab.pdfgen.canvas import Canvas

    canvas = Canvas(str(path), pagesize=(WIDTH_MM * mm, HEIGHT_MM * mm))
    for line in page.lines:
        canvas.setStrokeColorRGB(*line.colour)
        canvas.setLineWidth(line.width_mm * mm)
        drawn = canvas.beginPath()
        for index, (x, y) in enumerate(line.points.tolist()):
            (drawn.lineTo if index else drawn.moveTo)(x * mm, (HEIGHT_MM - y) * mm)
        canvas.drawPath(drawn, stroke=1, fill=0)
    canvas.setFont("Helvetica", 8)
    for text in page.texts:
        canvas.drawString(text.x_mm * mm, (HEIGHT_MM - text.y_mm) * mm, text.text)
    canvas.save()


def write_with_cairo(page: VectorPage, path: Path) -> None:
    """Write a page with cairo, in a scaled coordinate system."""
    import cairocffi

    surface = cairocffi.PDFSurface(str(path), WIDTH_MM * 72 / 25.4, HEIGHT_MM * 72 / 25.4)
    context = cairocffi.Context(surface)
    context.scale(72 / 25.4, 72 / 25.4)
    for line in page.lines:
        context.set_source_rgb(*line.colour)
        context.set_line_width(line.width_mm)
        for x, y in line.points.tolist():
            context.line_to(x, y)
        context.stroke()
    context.set_font_size(2.8)
    context.set_source_rgb(*BLACK)
    for text in page.texts:
        context.move_to(text.x_mm, text.y_mm)
        context.show_text(text.text)
    surface.finish()


WRITERS: Mapping[str, Callable[[VectorPage, Path], None]] = {
    "matplotlib": write_with_matplotlib,
    "reportlab": write_with_reportlab,
    "cairo": write_with_cairo,
}


def rotate_pdf(path: Path, degrees: int) -> None:
    """Set the rotation of the only page of a PDF."""
    import pypdfium2

    document = pypdfium2.PdfDocument(path)
    document[0].set_rotation(degrees)
    rotated = path.with_suffix(".rotated")
    document.save(rotated)
    document.close()
    rotated.replace(path)
