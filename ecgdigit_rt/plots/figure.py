"""Matplotlib figure of the leads, arranged as on the page, on ECG paper."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ecgdigit_rt.optional_dependency import missing_dependency_as_error
from ecgdigit_rt.results import Digitized, Lead

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ROW_MV = 3.0  # distance between two rows. Hand-picked, not tuned.
_MAJOR_S, _MAJOR_MV = 0.2, 0.5  # distance between two major grid lines: 5 mm on paper
_INCH_PER_S, _INCH_PER_MV = 25 / 25.4, 10 / 25.4  # scale in print: 25 mm/s and 10 mm/mV
_INK, _MAJOR_COLOUR, _MINOR_COLOUR = "#1b1f24", "#f0b8b8", "#f8dede"


def figure_from_page(page: Digitized, axes: Axes | None = None) -> Figure:
    """Return a figure with the rows of the page, each lead at its time.

    The leads are drawn into `axes`, or into a new figure if `axes` is None. A lead with two segments is drawn
    in the row of the longer segment. Raises DependencyMissing if matplotlib is not installed, or ValueError
    if `axes` does not belong to a figure.
    """
    with missing_dependency_as_error("plot()", "matplotlib", "plot"):
        from matplotlib.figure import Figure
    rows = _rows(page)
    height = _ROW_MV * max(len(rows), 1)
    if axes is None:
        size = (max(page.duration_s, 1) * _INCH_PER_S, height * _INCH_PER_MV)
        axes = Figure(figsize=size, layout="constrained").add_subplot()
    for k, leads in enumerate(rows):
        baseline = -_ROW_MV * (k + 0.5)
        for lead in leads:
            time_s = lead.start_s + np.arange(lead.mv.size) / lead.rate_hz
            axes.plot(time_s, baseline + lead.mv, color=_INK, linewidth=0.8)
            x, y = lead.start_s + 0.03, baseline + 1.0
            axes.text(x, y, lead.name, color=_INK, fontsize=9, fontweight="bold")
    _draw_paper(axes, page.duration_s)
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, -height), max(high, 0))
    doubts = "".join(f"   {doubt.id}" for doubt in page.doubts)
    mark = f"   {page.status}:{doubts}" if doubts else ""
    title = f"{page.source.id}   {page.layout.name}   25 mm/s   10 mm/mV{mark}"
    axes.set_title(title, fontsize=9, loc="left")
    figure = axes.get_figure(root=True)
    if figure is None:
        raise ValueError("the axes do not belong to a figure")
    return figure


def _rows(page: Digitized) -> list[list[Lead]]:
    """Return the leads by row, from top to bottom, without empty rows.

    Leads are assigned to rhythm strips first, because rhythm strips contain the longer segment.
    """
    unassigned = dict(page.leads)
    rows: dict[float, list[Lead]] = {}
    for row in sorted(page.layout.rows, key=lambda row: len(row.segments)):
        names = [segment.lead for segment in row.segments if segment.lead in unassigned]
        rows[row.baseline_mm] = [unassigned.pop(name) for name in names]
    return [rows[baseline] for baseline in sorted(rows) if rows[baseline]]


def _draw_paper(axes: Axes, seconds: float) -> None:
    from matplotlib.ticker import MultipleLocator

    for step, axis in ((_MAJOR_S, axes.xaxis), (_MAJOR_MV, axes.yaxis)):
        axis.set_major_locator(MultipleLocator(step))
        axis.set_minor_locator(MultipleLocator(step / 5))
    axes.grid(which="major", color=_MAJOR_COLOUR, linewidth=0.7)
    axes.grid(which="minor", color=_MINOR_COLOUR, linewidth=0.4)
    axes.set_axisbelow(True)
    axes.set_xlim(0, max(seconds, 1))
    axes.set_aspect(_INCH_PER_MV / _INCH_PER_S)
    axes.tick_params(which="both", length=0, labelbottom=False, labelleft=False)
