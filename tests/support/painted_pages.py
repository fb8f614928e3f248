"""Pages without pixels: painted heatmaps of printed marks, and curves of rows from simulated signals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from ecgdigit_export.synth.signals import RATE_HZ, simulated_recording
from ecgdigit_rt.layout.baselines import Baseline
from ecgdigit_rt.layout.catalog import INVERTED_PREFIX, LayoutPlan, lead_from_cell, plan_from_text
from ecgdigit_rt.layout.page_text import PageText
from ecgdigit_rt.layout.paper_heatmap import CELL_U_MM, CELL_V_MM, PaperHeatmap
from ecgdigit_rt.layout.row_curve import CURVE_STEP_MM, RowCurve
from ecgdigit_rt.results import LEADS
from ecgdigit_rt.stages import HEATMAPS

Values = NDArray[np.float64]
Signals = Mapping[str, Values]

START_MM, WIDTH_MM = 20.0, 250.0
SPEED_MM_S, GAIN_MM_MV = 25.0, 10.0
SCALE = ("speed_25", "gain_10")
"""Channels of a printed standard scale."""

NAME_OFFSET_MM = (2.0, -6.0)
"""Distance of painted names from the start of their cells, to the right and downwards."""


@dataclass(frozen=True)
class PaintedName:
    """Lead name with its position on paper. `activation` is that of the locate stage, 0 to 1."""

    lead: str
    u_mm: float
    v_mm: float
    activation: float = 0.9


def simulated_leads(seed: int = 0) -> dict[str, Values]:
    """Return twelve simultaneous leads of 10 s at 500 Hz in mV."""
    recording = simulated_recording(np.random.default_rng(seed)).astype(np.float64)
    return dict(zip(LEADS, recording, strict=True))


def painted_heatmap(names: Iterable[PaintedName], scale: Sequence[str] = SCALE) -> PaperHeatmap:
    """Return heatmaps of a sheet of 300 x 220 mm with these names and this printed scale."""
    u = np.arange(0, 300, CELL_U_MM, dtype=np.float32)
    v = np.arange(0, 220, CELL_V_MM, dtype=np.float32)
    heatmaps = np.zeros((len(HEATMAPS), v.size, u.size), np.float32)
    for name in names:
        i, j = round(name.v_mm / CELL_V_MM), round(name.u_mm / CELL_U_MM)
        heatmaps[HEATMAPS.index(name.lead), i, j] = name.activation
    for channel in scale:
        heatmaps[HEATMAPS.index(channel), -8, 20] = 0.9
    return PaperHeatmap(heatmaps, u, v)


def even_baselines_mm(rows: int) -> list[float]:
    """Return the heights of evenly spaced rows on the sheet."""
    return [30.0 + 160.0 / rows * (row + 0.5) for row in range(rows)]


def curve_from_heights(
    heights_mm: Values, v_mm: float = 50.0, start_mm: float = START_MM, strength: float = 1.0
) -> RowCurve:
    """Return the curve with these heights, one every `CURVE_STEP_MM`."""
    end_mm = start_mm + heights_mm.size * CURVE_STEP_MM
    return RowCurve(Baseline(v_mm, start_mm, end_mm, strength), start_mm, heights_mm)


def straight_curve(v_mm: float, width_mm: float = WIDTH_MM, strength: float = 1.0) -> RowCurve:
    """Return a frame or rule: a straight line with the noise of a scan."""
    count = round(width_mm / CURVE_STEP_MM)
    noise = np.random.default_rng(round(v_mm)).normal(0, 0.04, count)
    return curve_from_heights(noise, v_mm, strength=strength)


def lead_heights_mm(mv: Values, start_s: float, count: int, speed_mm_s: float = SPEED_MM_S) -> Values:
    """Return `count` heights of a lead from `start_s` on, one every `CURVE_STEP_MM`."""
    times = start_s + np.arange(count) * CURVE_STEP_MM / speed_mm_s
    return np.asarray(np.interp(times, np.arange(mv.size) / RATE_HZ, mv) * GAIN_MM_MV)


def row_heights_mm(
    leads: Sequence[str], signals: Signals, start_s: float = 0.0, width_mm: float = WIDTH_MM
) -> Values:
    """Return the heights of a row that equal parts of the record share among these leads."""
    count = round(width_mm / CURVE_STEP_MM)
    cuts = np.linspace(0, count, len(leads) + 1).round().astype(int)
    parts = []
    for cell, first, stop in zip(leads, cuts[:-1], cuts[1:], strict=True):
        sign = -1 if cell.startswith(INVERTED_PREFIX) else 1
        at_s = start_s + first * CURVE_STEP_MM / SPEED_MM_S
        parts.append(sign * lead_heights_mm(signals[lead_from_cell(cell)], at_s, int(stop - first)))
    return np.concatenate(parts)


@dataclass
class PaintedPage:
    """Page of a layout. Change `names` and `curves` before `text` and `read`."""

    plan: LayoutPlan
    names: list[PaintedName]
    curves: list[RowCurve]
    scale: Sequence[str] = field(default=SCALE)

    @property
    def text(self) -> PageText:
        """Text of the page: the painted names and the printed scale."""
        return PageText(painted_heatmap(self.names, self.scale))

    def without_names(self, *leads: str) -> PaintedPage:
        """Return the page without the names of some leads."""
        return replace(self, names=[name for name in self.names if name.lead not in leads])


def painted_page(
    layout: str,
    signals: Signals | None = None,
    *,
    drawn_as: str | None = None,
    offset_mm: tuple[float, float] = NAME_OFFSET_MM,
) -> PaintedPage:
    """Return a page with evenly spaced rows and all names.

    `layout` is the layout of the names. `drawn_as` is the layout of the signals, if it is another one.
    """
    plan = plan_from_text(layout)
    drawn = plan_from_text(drawn_as or layout)
    signals = signals or simulated_leads()
    baselines = even_baselines_mm(len(plan.rows))
    names, curves = [], []
    for row, (leads, v_mm) in enumerate(zip(plan.rows, baselines, strict=True)):
        for column, cell in enumerate(leads):
            u_mm = START_MM + WIDTH_MM * column / len(leads) + offset_mm[0]
            names.append(PaintedName(lead_from_cell(cell), u_mm, v_mm + offset_mm[1]))
        heights = row_heights_mm(drawn.rows[row], signals)
        curves.append(curve_from_heights(heights, v_mm))
    return PaintedPage(plan, names, curves)
