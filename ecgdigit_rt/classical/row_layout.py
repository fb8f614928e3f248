"""Which lead stands where, by the count of rows and by where something is printed beside them.

Nothing is read: of two layouts that look alike but for their names, such as Cabrera's order, the usual
one is taken. A page with another order must be told (`--layout`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ecgdigit_rt.classical.labels import named_share, small_prints
from ecgdigit_rt.classical.paper_ink import PaperInk
from ecgdigit_rt.classical.pulse import Pulses, page_pulses
from ecgdigit_rt.classical.row_baselines import zero_lines
from ecgdigit_rt.errors import NotAnEcg, UnknownLayout
from ecgdigit_rt.layout.baselines import Baseline
from ecgdigit_rt.layout.calibration import USUAL_GAIN_MM_MV, USUAL_SPEED_MM_S
from ecgdigit_rt.layout.catalog import LAYOUTS, LayoutPlan
from ecgdigit_rt.layout.marks import frame_of
from ecgdigit_rt.layout.match import NO_OVERRIDES, LayoutOverrides, layout_from_plan
from ecgdigit_rt.results import Layout

_GAP_WEIGHT, _EVEN_WEIGHT, _PRINTS_WEIGHT, _RARE = 0.6, 1.0, 0.7, 0.3
_CLEAR_ROW = 0.7  # of the strongest: such a row cannot be left out
_LEAST_NAMED = 0.35
_KNOWN = tuple(plan for plan in LAYOUTS.values() if not plan.name.startswith("cabrera"))


@dataclass(frozen=True, slots=True)
class ClassicalReading:
    """The page's layout, whose extents are good to a few millimetres, its pulses, and how plainly it is one:
    `score` compares one page turned in several ways. notes: in words, what was assumed."""

    layout: Layout
    pulses: Pulses
    score: float
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Choice:
    plan: LayoutPlan
    lines: list[Baseline]
    named: float
    score: float


def read_layout(
    paper: PaperInk, told: LayoutOverrides = NO_OVERRIDES, *, needs_marks: bool | None = None
) -> ClassicalReading:
    """Rows, plan, gain and speed.

    needs_marks: whether something must be printed at the rows that says that they are leads; without it,
    only where no plan was told. Raises NoRowsFound, UnknownLayout, and NotAnEcg where that is missing.
    """
    must = told.plan is None if needs_marks is None else needs_marks
    lines = zero_lines(paper)
    choice = _chosen(paper, lines) if told.plan is None else _of_plan(paper, lines, told.plan)
    pulses = page_pulses(paper, choice.lines)
    if must and choice.named < _LEAST_NAMED and not pulses.found:
        raise NotAnEcg("neither lead names nor a calibration pulse are seen at its rows")
    frame = frame_of(choice.lines)
    layout = layout_from_plan(
        choice.plan,
        choice.lines,
        frame.start_mm,
        frame.end_mm,
        told.speed_mm_s or pulses.speed_mm_s or USUAL_SPEED_MM_S,
        told.gain_mm_mv or pulses.gain_mm_mv or USUAL_GAIN_MM_MV,
    )
    upright = len(pulses.found) / len(choice.lines) * (1 if pulses.side == "left" else 0.5)
    return ClassicalReading(layout, pulses, choice.score + upright, _assumed(layout, pulses, told))


def _assumed(layout: Layout, pulses: Pulses, told: LayoutOverrides) -> tuple[str, ...]:
    notes = []
    if told.plan is None:
        notes.append(f"{layout.name} is assumed of {len(layout.rows)} rows: no text is read")
    if not (told.speed_mm_s or pulses.speed_mm_s):
        notes.append(f"{layout.speed_mm_s:g} mm/s is assumed: no pulse tells it")
    if not (told.gain_mm_mv or pulses.gain_mm_mv):
        notes.append(f"{layout.gain_mm_mv:g} mm/mV is assumed: no pulse tells it")
    return tuple(notes)


def _chosen(paper: PaperInk, lines: list[Baseline]) -> _Choice:
    strongest = max(line.strength for line in lines)
    clear = sum(line.strength > _CLEAR_ROW * strongest for line in lines)
    plans = [plan for plan in _KNOWN if clear <= len(plan.rows) <= len(lines)]
    if not plans:
        known = [f"{plan.name} with {len(plan.rows)}" for plan in _KNOWN]
        raise UnknownLayout([f"{clear} rows"], known)
    return max((_of_plan(paper, lines, plan) for plan in plans), key=lambda choice: choice.score)


def _of_plan(paper: PaperInk, lines: list[Baseline], plan: LayoutPlan) -> _Choice:
    """The plan on its strongest lines, and how well it explains the page. Raises UnknownLayout."""
    count = len(plan.rows)
    if len(lines) < count:
        raise UnknownLayout([f"{len(lines)} rows"], [f"{plan.name} has {count}"])
    ranked = sorted(lines, key=lambda line: -line.strength)
    taken = sorted(ranked[:count], key=lambda line: line.v_mm)
    rest = ranked[count].strength if len(ranked) > count else 0.0
    gap = (ranked[count - 1].strength - rest) / ranked[0].strength
    frame = frame_of(taken)
    named = named_share(plan, frame, small_prints(paper, frame))
    score = _GAP_WEIGHT * gap + _EVEN_WEIGHT * _evenness(taken) + _PRINTS_WEIGHT * named
    return _Choice(plan, taken, named, score - _RARE * plan.is_rare)


def _evenness(lines: Sequence[Baseline]) -> float:
    """1 for rows that begin and end together and stand equally far apart, less where they do not."""
    gaps = np.diff([line.v_mm for line in lines])
    apart = float(np.abs(gaps / np.median(gaps) - 1).max()) if gaps.size else 0.0
    frame = frame_of(lines)
    ragged = np.mean([abs(x.start_mm - frame.start_mm) + abs(x.end_mm - frame.end_mm) for x in lines])
    return float(np.exp(-apart) * np.exp(-ragged / 30))
