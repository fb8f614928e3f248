"""Which lead stands where: rows from their zero lines, names from the labels, doubts from known layouts."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.errors import UnknownLayout
from ecgdigit_rt.reading.layouts import LAYOUTS, LayoutPlan
from ecgdigit_rt.reading.lines import Line, zero_lines
from ecgdigit_rt.reading.paper_heat import PaperHeat
from ecgdigit_rt.record import LEADS, Layout, Row, Segment
from ecgdigit_rt.stages import GAINS, PULSE, SPEEDS

_MARK_LEVEL = 0.25
_LABEL_REACH_MM = 10.0
_GAP_WEIGHT = 0.6
_PLAIN_LABEL = 0.3


def _label_scores(heat: PaperHeat, lines: list[Line], columns: int) -> NDArray[np.float64]:
    """Heat of each lead's name at the start of each cell of a rows × columns page: (12, rows, columns)."""
    start = float(np.median([line.start_mm for line in lines]))
    width = float(np.median([line.end_mm for line in lines])) - start
    gaps = np.diff([line.v_mm for line in lines])
    reach_mm = min(_LABEL_REACH_MM, 0.55 * float(gaps.min())) if gaps.size else _LABEL_REACH_MM
    scores = np.zeros((len(LEADS), len(lines), columns))
    for r, line in enumerate(lines):
        rows = np.abs(heat.v_mm - line.v_mm) <= reach_mm
        for c in range(columns):
            from_mm = start + width * c / columns
            cells = (heat.u_mm >= from_mm - 9) & (heat.u_mm <= from_mm + 12)
            for k, lead in enumerate(LEADS):
                window = heat.channel(lead)[np.ix_(rows, cells)]
                scores[k, r, c] = float(window.max()) if window.size else 0.0
    return scores


def _fit(plan: LayoutPlan, scores: NDArray[np.float64]) -> float:
    """How well a plan explains the labels: mean log-odds-like score of the names it expects."""
    total, count = 0.0, 0
    for r, leads in enumerate(plan.rows):
        step = scores.shape[2] // len(leads)
        for c, lead in enumerate(leads):
            others = np.delete(scores[:, r, c * step], LEADS.index(lead))
            total += scores[LEADS.index(lead), r, c * step] - 0.5 * float(others.max())
            count += 1
    return total / count


def _with_rhythm_leads(plan: LayoutPlan, scores: NDArray[np.float64]) -> LayoutPlan:
    """The plan with its rhythm strips named by their labels, where those speak plainly.

    Which leads run below the others is the user's choice at the machine.
    """
    rows = list(plan.rows)
    for r, leads in enumerate(plan.rows):
        best = LEADS[int(scores[:, r, 0].argmax())]
        if len(leads) < plan.columns and leads != (best,):
            heat, expected = scores[LEADS.index(best), r, 0], scores[LEADS.index(leads[0]), r, 0]
            if heat > _PLAIN_LABEL and heat > 2 * expected:
                rows[r] = (best,)
    return dataclasses.replace(plan, rows=tuple(rows))


def _strongest(lines: list[Line], count: int) -> tuple[list[Line], float]:
    """The `count` strongest lines from the top down, and how clearly they stand out from the rest."""
    ranked = sorted(lines, key=lambda line: -line.strength)
    rest = ranked[count].strength if len(ranked) > count else 0.0
    gap = (ranked[count - 1].strength - rest) / ranked[0].strength
    return sorted(ranked[:count], key=lambda line: line.v_mm), gap


def chosen_plan(heat: PaperHeat, lines: list[Line]) -> tuple[LayoutPlan, list[Line]]:
    """The known layout that agrees best with the labels and the rows, and the lines that are its rows.

    A line of text may look like a weak row, so a plan takes the strongest lines; leaving out one that
    is as strong as those taken counts against it. Raises UnknownLayout with what was seen.
    """
    best: tuple[float, LayoutPlan, list[Line], NDArray[np.float64]] | None = None
    for plan in LAYOUTS.values():
        if len(plan.rows) > len(lines):
            continue
        taken, gap = _strongest(lines, len(plan.rows))
        labels = _label_scores(heat, taken, plan.columns)
        score = _fit(plan, labels) + _GAP_WEIGHT * gap
        if best is None or score > best[0]:
            best = (score, plan, taken, labels)
    clear = len(_strongest_group(lines))
    if best is None or len(best[2]) < clear:
        seen = [lead for lead in LEADS if heat.channel(lead).max() > _MARK_LEVEL]
        raise UnknownLayout([f"{clear} rows", *seen], list(LAYOUTS))
    _, plan, taken, labels = best
    return _with_rhythm_leads(plan, labels), taken


def _strongest_group(lines: list[Line]) -> list[Line]:
    """The lines that are rows beyond doubt."""
    limit = 0.8 * max(line.strength for line in lines)
    return [line for line in lines if line.strength >= limit]


def _printed(heat: PaperHeat, values: dict[str, float], default: float) -> float:
    """The value whose text glows most, or the default where none does."""
    found = {name: float(heat.channel(name).max()) for name in values}
    best = max(found, key=lambda name: found[name])
    return values[best] if found[best] > _MARK_LEVEL else default


def layout_from_plan(
    plan: LayoutPlan, lines: list[Line], start_mm: float, end_mm: float, speed_mm_s: float, gain_mm_mv: float
) -> Layout:
    """Rows at the found heights; every row spans `start_mm` to `end_mm`, split equally among its leads."""
    rows = []
    for leads, line in zip(plan.rows, lines, strict=True):
        cuts = np.linspace(start_mm, end_mm, len(leads) + 1)
        times = (cuts - start_mm) / speed_mm_s
        rows.append(
            Row(
                line.v_mm,
                tuple(
                    Segment(lead, float(cuts[i]), float(cuts[i + 1]), float(times[i]), float(times[i + 1]))
                    for i, lead in enumerate(leads)
                ),
            )
        )
    return Layout(plan.name, tuple(rows), speed_mm_s, gain_mm_mv)


def _pulse_side(heat: PaperHeat, start_mm: float, end_mm: float) -> str:
    """Where the calibration pulse stands: left, right, or nowhere that was seen."""
    pulse = heat.channel(PULSE)
    sides = {"left": heat.u_mm < start_mm + 6, "right": heat.u_mm > end_mm - 6}
    glow = {side: float(pulse[:, cells].max()) if cells.any() else 0.0 for side, cells in sides.items()}
    best = max(glow, key=lambda side: glow[side])
    return best if glow[best] > _MARK_LEVEL else ""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a page's marks say. `layout`'s extents are good to a few millimetres.

    pulse_side: `left` or `right`, where the calibration pulse stands, or empty.
    """

    plan: LayoutPlan
    lines: list[Line]
    layout: Layout
    pulse_side: str


def read_layout(heat: PaperHeat) -> Reading:
    """Rows, plan, speed and gain of the page. Raises NoRowsFound or UnknownLayout."""
    lines = zero_lines(heat)
    plan, lines = chosen_plan(heat, lines)
    start = float(np.median([line.start_mm for line in lines]))
    end = float(np.median([line.end_mm for line in lines]))
    speed, gain = _printed(heat, SPEEDS, 25.0), _printed(heat, GAINS, 10.0)
    layout = layout_from_plan(plan, lines, start, end, speed, gain)
    return Reading(plan, lines, layout, _pulse_side(heat, start, end))
