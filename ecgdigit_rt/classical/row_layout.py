"""Layout of a page from the number of its rows and the positions of printed labels.

Text is not read. Layouts that differ only in their lead names, such as Cabrera's order, cannot be
distinguished, and the standard order is assumed. Other orders must be specified with `--layout`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ecgdigit_rt.classical.paper_ink import PaperInk
from ecgdigit_rt.classical.printed_labels import find_label_candidates, label_score
from ecgdigit_rt.classical.pulse import PagePulses, find_pulses
from ecgdigit_rt.classical.row_baselines import find_row_baselines
from ecgdigit_rt.errors import NotAnEcg, UnknownLayout
from ecgdigit_rt.layout.baselines import Baseline
from ecgdigit_rt.layout.catalog import LAYOUTS, LayoutPlan
from ecgdigit_rt.layout.layout_support import row_count_text
from ecgdigit_rt.layout.marks import frame_from_baselines
from ecgdigit_rt.layout.match import NO_OVERRIDES, LayoutOverrides, layout_from_plan
from ecgdigit_rt.results import Layout
from ecgdigit_rt.stages import STANDARD_GAIN_MM_MV, STANDARD_SPEED_MM_S

# Hand-picked, not tuned.
_GAP_WEIGHT, _EVENNESS_WEIGHT, _LABEL_WEIGHT = 0.6, 1.0, 0.7  # weights of the terms of a plan's score
_RARE_PENALTY = 0.3  # penalty of a rare layout
_CLEAR_ROW = 0.7  # strength relative to the strongest row, above which a plan cannot leave out a row
_MIN_LABEL_SCORE = 0.35  # minimum score of the labels that is evidence of an ECG
_RAGGEDNESS_MM = 30.0  # mean misalignment of a row (sum of both ends) that divides the evenness by e

_CANDIDATES = tuple(plan for plan in LAYOUTS.values() if not plan.name.startswith("cabrera"))
"""Plans that can be recognised without reading lead names."""


@dataclass(frozen=True, slots=True)
class ClassicalLayout:
    """Layout and pulses of a page. The extents of the rows are accurate to a few millimetres.

    `score` ranks the rotations of one page. `notes` lists assumed values.
    """

    layout: Layout
    pulses: PagePulses
    score: float
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _PlanMatch:
    """Plan with the baselines of its rows, the score of its labels and the total score."""

    plan: LayoutPlan
    baselines: list[Baseline]
    label_score: float
    score: float


def read_layout(
    paper: PaperInk, overrides: LayoutOverrides = NO_OVERRIDES, *, needs_marks: bool | None = None
) -> ClassicalLayout:
    """Return the layout and the pulses of a page.

    If `needs_marks`, lead names or pulses are required at the rows as evidence of an ECG. By default they are
    required unless `overrides` specifies a plan. Raises NoRowsFound, UnknownLayout, or NotAnEcg if required
    marks are missing.
    """
    requires_marks = overrides.plan is None if needs_marks is None else needs_marks
    baselines = find_row_baselines(paper)
    if overrides.plan is None:
        match = _best_match(paper, baselines)
    else:
        match = _match_plan(paper, baselines, overrides.plan)
    pulses = find_pulses(paper, match.baselines)
    if requires_marks and match.label_score < _MIN_LABEL_SCORE and not pulses.pulses:
        raise NotAnEcg("neither lead names nor a calibration pulse were detected at its rows")
    frame = frame_from_baselines(match.baselines)
    layout = layout_from_plan(
        match.plan,
        match.baselines,
        frame.start_mm,
        frame.end_mm,
        overrides.speed_mm_s or pulses.speed_mm_s or STANDARD_SPEED_MM_S,
        overrides.gain_mm_mv or pulses.gain_mm_mv or STANDARD_GAIN_MM_MV,
    )
    pulse_score = len(pulses.pulses) / len(match.baselines) * (1 if pulses.side == "left" else 0.5)
    return ClassicalLayout(layout, pulses, match.score + pulse_score, _notes(layout, pulses, overrides))


def _notes(layout: Layout, pulses: PagePulses, overrides: LayoutOverrides) -> tuple[str, ...]:
    """Return notes on assumed values."""
    notes = []
    if overrides.plan is None:
        rows = len(layout.rows)
        notes.append(f"layout {layout.name} assumed from {rows} rows: the classical method reads no text")
    if not (overrides.speed_mm_s or pulses.speed_mm_s):
        notes.append(f"{layout.speed_mm_s:g} mm/s assumed: no calibration pulse detected")
    if not (overrides.gain_mm_mv or pulses.gain_mm_mv):
        notes.append(f"{layout.gain_mm_mv:g} mm/mV assumed: no calibration pulse detected")
    return tuple(notes)


def _best_match(paper: PaperInk, baselines: list[Baseline]) -> _PlanMatch:
    strongest = max(baseline.strength for baseline in baselines)
    clear = sum(baseline.strength > _CLEAR_ROW * strongest for baseline in baselines)
    plans = [plan for plan in _CANDIDATES if clear <= len(plan.rows) <= len(baselines)]
    if not plans:
        raise UnknownLayout([row_count_text(clear)], [plan.name for plan in _CANDIDATES])
    return max((_match_plan(paper, baselines, plan) for plan in plans), key=lambda match: match.score)


def _match_plan(paper: PaperInk, baselines: list[Baseline], plan: LayoutPlan) -> _PlanMatch:
    """Return the plan on the strongest baselines, with its score. Raises UnknownLayout."""
    count = len(plan.rows)
    if len(baselines) < count:
        detected = f"{row_count_text(len(baselines))}, but the specified layout {plan.name} has {count}"
        raise UnknownLayout([detected], list(LAYOUTS))
    ranked = sorted(baselines, key=lambda baseline: -baseline.strength)
    rows = sorted(ranked[:count], key=lambda baseline: baseline.v_mm)
    next_strength = ranked[count].strength if len(ranked) > count else 0.0
    gap = (ranked[count - 1].strength - next_strength) / ranked[0].strength
    frame = frame_from_baselines(rows)
    labelled = label_score(plan, frame, find_label_candidates(paper, frame))
    score = _GAP_WEIGHT * gap + _EVENNESS_WEIGHT * _evenness(rows) + _LABEL_WEIGHT * labelled
    return _PlanMatch(plan, rows, labelled, score - _RARE_PENALTY * plan.is_rare)


def _evenness(baselines: Sequence[Baseline]) -> float:
    """Return the evenness of the rows: 1 if they are equally spaced with aligned ends, otherwise less."""
    gaps = np.diff([baseline.v_mm for baseline in baselines])
    spacing = float(np.abs(gaps / np.median(gaps) - 1).max()) if gaps.size else 0.0
    frame = frame_from_baselines(baselines)
    ragged_mm = np.mean(
        [abs(row.start_mm - frame.start_mm) + abs(row.end_mm - frame.end_mm) for row in baselines]
    )
    return float(np.exp(-spacing) * np.exp(-ragged_mm / _RAGGEDNESS_MM))
