"""A page's leads as a matplotlib figure, in the arrangement of the page, on ECG paper."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ecgdigit_rt.optional_dependency import missing_dependency_as_error
from ecgdigit_rt.results import Digitized, Lead

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ROW_MV = 3.0
_BOLD_S, _BOLD_MV = 0.2, 0.5
_INCH_S, _INCH_MV = 25 / 25.4, 10 / 25.4  # 25 mm/s and 10 mm/mV on a figure of natural size
_INK, _BOLD, _FINE = "#1b1f24", "#f0b8b8", "#f8dede"


def figure_from_page(page: Digitized, axes: Axes | None = None) -> Figure:
    """One row of the page below the other, each lead at its time. Raises DependencyMissing.

    axes: drawn into, or a new figure where none is given. A lead that stands twice is drawn where its
    longer stretch stands.
    """
    with missing_dependency_as_error("plot()", "matplotlib", "plot"):
        from matplotlib.figure import Figure
    rows = _rows(page)
    height = _ROW_MV * max(len(rows), 1)
    if axes is None:
        size = (max(page.duration_s, 1) * _INCH_S, height * _INCH_MV)
        axes = Figure(figsize=size, layout="constrained").add_subplot()
    for k, leads in enumerate(rows):
        zero = -_ROW_MV * (k + 0.5)
        for lead in leads:
            time_s = lead.start_s + np.arange(lead.mv.size) / lead.rate_hz
            axes.plot(time_s, zero + lead.mv, color=_INK, linewidth=0.8)
            axes.text(lead.start_s + 0.03, zero + 1.0, lead.name, color=_INK, fontsize=9, fontweight="bold")
    _draw_paper(axes, page.duration_s)
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, -height), max(high, 0))
    axes.set_title(f"{page.source.id}   {page.layout.name}   25 mm/s   10 mm/mV", fontsize=9, loc="left")
    figure = axes.get_figure(root=True)
    if figure is None:
        raise ValueError("these axes belong to no figure")
    return figure


def _rows(page: Digitized) -> list[list[Lead]]:
    """The leads by row of the page, from the top; rows of which nothing is left are left out.

    Rhythm strips choose first: a lead's longer stretch is theirs.
    """
    left = dict(page.leads)
    rows: dict[float, list[Lead]] = {}
    for row in sorted(page.layout.rows, key=lambda row: len(row.segments)):
        names = [segment.lead for segment in row.segments if segment.lead in left]
        rows[row.baseline_mm] = [left.pop(name) for name in names]
    return [rows[place] for place in sorted(rows) if rows[place]]


def _draw_paper(axes: Axes, seconds: float) -> None:
    from matplotlib.ticker import MultipleLocator

    for step, axis in ((_BOLD_S, axes.xaxis), (_BOLD_MV, axes.yaxis)):
        axis.set_major_locator(MultipleLocator(step))
        axis.set_minor_locator(MultipleLocator(step / 5))
    axes.grid(which="major", color=_BOLD, linewidth=0.7)
    axes.grid(which="minor", color=_FINE, linewidth=0.4)
    axes.set_axisbelow(True)
    axes.set_xlim(0, max(seconds, 1))
    axes.set_aspect(_INCH_MV / _INCH_S)
    axes.tick_params(which="both", length=0, labelbottom=False, labelleft=False)
