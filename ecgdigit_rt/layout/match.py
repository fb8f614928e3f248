"""Assignment of leads to rows, by matching baselines and labels against the known layouts."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.errors import UnknownLayout
from ecgdigit_rt.layout.baselines import Baseline, find_baselines
from ecgdigit_rt.layout.calibration import is_scale_printed, read_calibration
from ecgdigit_rt.layout.catalog import INVERTED_PREFIX, LAYOUTS, LayoutPlan, lead_from_cell
from ecgdigit_rt.layout.marks import (
    Label,
    find_labels,
    frame_from_baselines,
    label_scores,
    misplaced_label_share,
    pulse_heights_mm,
    pulse_side,
)
from ecgdigit_rt.layout.paper_heatmap import PaperHeatmap
from ecgdigit_rt.results import LEADS, Layout, Row, Segment

# Hand-picked, not tuned.
_GAP_WEIGHT = 0.6  # weight of the gap in strength between the weakest used and the strongest unused row
_POSITION_WEIGHT = 0.5  # weight of the labels' positions, regardless of their names
_RARE_PENALTY = 0.05  # penalty of a rare layout
_REORDER_PENALTY = 0.2  # penalty for an unknown order of leads, and minimum gain in mean activation
_CLEAR_LABEL, _READABLE_LABEL = 0.3, 0.2  # minimum activations of clear and of readable labels
_CLEAR_ROW = 0.8  # minimum strength of a clear row, relative to the strongest row
_MIN_CLEAR_LABELS = 4  # minimum number of clear labels that can contradict a plan

_MIN_CONTRADICTED = 0.4
"""Minimum fraction of the clear labels whose names contradict the plan, from which the plan is rejected.
Measured: at most one third on 130 complete pages with a known layout, at least two fifths on pages cut in
half, whose rows look like those of a complete page."""


@dataclass(frozen=True, slots=True)
class LayoutOverrides:
    """User-specified layout, paper speed and gain. A value of None is determined from the page."""

    plan: LayoutPlan | None = None
    speed_mm_s: float | None = None
    gain_mm_mv: float | None = None


NO_OVERRIDES = LayoutOverrides()


@dataclass(frozen=True, slots=True)
class LayoutReading:
    """Layout of a page with the evidence for it. The extents of `layout` are accurate to a few millimetres.

    pulse_side: side of the calibration pulses, `left` or `right`, or empty if no pulse is detected.
    labelled_share: fraction of the plan's cells with a detected lead name; faint names count in part.
    pulse_count: number of rows with a pulse.
    is_scale_printed: whether both a paper speed and a gain are printed.
    notes: values that were assumed, and overrides that contradict the page.
    """

    plan: LayoutPlan
    baselines: list[Baseline]
    layout: Layout
    pulse_side: str
    labelled_share: float
    pulse_count: int
    is_scale_printed: bool
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Candidate:
    """Plan, the baselines that it uses, and its score. `label_scores` is (12, rows, columns)."""

    plan: LayoutPlan
    baselines: list[Baseline]
    label_scores: NDArray[np.float64]
    score: float


def read_layout(heatmap: PaperHeatmap, overrides: LayoutOverrides = NO_OVERRIDES) -> LayoutReading:
    """Return the layout of a page, with paper speed and gain, and the evidence for it.

    Raises NoRowsFound or UnknownLayout.
    """
    baselines = find_baselines(heatmap)
    if overrides.plan is None:
        plan, baselines = best_plan(heatmap, baselines)
    else:
        plan, baselines = overrides.plan, _plan_baselines(overrides.plan, baselines)
    frame = frame_from_baselines(baselines)
    scale = read_calibration(heatmap, frame, overrides.speed_mm_s, overrides.gain_mm_mv)
    return LayoutReading(
        plan,
        baselines,
        layout_from_plan(plan, baselines, frame.start_mm, frame.end_mm, scale.speed_mm_s, scale.gain_mm_mv),
        pulse_side(heatmap, frame.start_mm, frame.end_mm),
        _labelled_share(plan, label_scores(heatmap, frame, plan.columns)),
        len(pulse_heights_mm(heatmap, baselines)),
        is_scale_printed(heatmap),
        scale.notes,
    )


def _plan_baselines(plan: LayoutPlan, baselines: list[Baseline]) -> list[Baseline]:
    """Return the strongest baselines for a specified plan. Raises UnknownLayout if there are too few."""
    if len(baselines) < len(plan.rows):
        needed = len(plan.rows)
        detected = f"{row_count_text(len(baselines))}, but the specified layout {plan.name} has {needed}"
        raise UnknownLayout([detected], list(LAYOUTS))
    return _strongest(baselines, len(plan.rows))[0]


def best_plan(heatmap: PaperHeatmap, baselines: list[Baseline]) -> tuple[LayoutPlan, list[Baseline]]:
    """Return the known layout that best fits labels and rows, and the baselines of its rows.

    A line of text can look like a weak row, so a plan uses the strongest baselines. The score of a plan is
    lower if the strongest unused baseline is about as strong as the weakest used one. Clear labels override
    the order of leads in a known layout that is not rare. Raises UnknownLayout, with a description of what
    was detected.
    """
    labels = find_labels(heatmap)
    plans = [plan for plan in LAYOUTS.values() if len(plan.rows) <= len(baselines)]
    candidates = [candidate for plan in plans for candidate in _candidates(plan, heatmap, baselines, labels)]
    clear_rows = _clear_row_count(baselines)
    best = max(candidates, key=lambda candidate: candidate.score, default=None)
    if best is None or len(best.baselines) < clear_rows or _is_contradicted(best):
        raise UnknownLayout([row_count_text(clear_rows), *_names_by_row(baselines, labels)], list(LAYOUTS))
    return best.plan, best.baselines


def _is_contradicted(candidate: _Candidate) -> bool:
    """Return whether too many clear labels have names that clearly differ from those of the plan's cells."""
    cells = [(candidate.label_scores[:, r, c], LEADS.index(lead)) for r, c, lead in _cells(candidate.plan)]
    clear = [(scores[expected], scores.max()) for scores, expected in cells if scores.max() > _CLEAR_LABEL]
    contradicted = sum(expected < 0.5 * best for expected, best in clear)
    return len(clear) >= _MIN_CLEAR_LABELS and contradicted >= _MIN_CONTRADICTED * len(clear)


def row_count_text(count: int) -> str:
    """Return a number of rows as text for a message."""
    return f"{count} row{'s' if count != 1 else ''}"


def _names_by_row(baselines: list[Baseline], labels: Sequence[Label]) -> list[str]:
    """Return the detected lead names of each row, from left to right. Rows without names are omitted."""
    rows: list[list[Label]] = [[] for _ in baselines]
    for label in labels:
        rows[int(np.argmin([abs(line.v_mm - label.v_mm) for line in baselines]))].append(label)
    sorted_rows = [sorted(row, key=lambda label: label.u_mm) for row in rows if row]
    return [" ".join(label.lead for label in row) for row in sorted_rows]


def _candidates(
    plan: LayoutPlan, heatmap: PaperHeatmap, baselines: list[Baseline], labels: Sequence[Label]
) -> list[_Candidate]:
    """Return the plan as one or two candidates.

    In the first candidate, the rhythm strips are named by their labels if these are clear. If the plan is not
    rare and the labels clearly show another order of leads, the second candidate has that order.
    """
    used, gap = _strongest(baselines, len(plan.rows))
    frame = frame_from_baselines(used)
    scores = label_scores(heatmap, frame, plan.columns)
    known = _name_rhythm_strips(plan, scores)
    position = _POSITION_WEIGHT * (_labelled_share(plan, scores) - misplaced_label_share(plan, frame, labels))

    def candidate(named: LayoutPlan, penalty: float) -> _Candidate:
        score = position + _label_fit(named, scores) + _GAP_WEIGHT * gap - penalty
        return _Candidate(named, used, scores, score)

    labelled = None if plan.is_rare else _reordered_plan(known, scores)
    others = [] if labelled is None else [candidate(labelled, _REORDER_PENALTY)]
    return [candidate(known, _RARE_PENALTY * plan.is_rare), *others]


def _cells(plan: LayoutPlan) -> list[tuple[int, int, str]]:
    """Return the row, the column in the label scores and the lead of every cell of a plan."""
    return [
        (r, c * (plan.columns // len(cells)), lead_from_cell(cell))
        for r, cells in enumerate(plan.rows)
        for c, cell in enumerate(cells)
    ]


def _label_fit(plan: LayoutPlan, scores: NDArray[np.float64]) -> float:
    """Return the score of how well the labels fit the plan.

    The score is the activation of the expected name minus half of the highest activation of other names,
    averaged over all cells.
    """
    total = 0.0
    cells = _cells(plan)
    for r, c, lead in cells:
        others = np.delete(scores[:, r, c], LEADS.index(lead))
        total += scores[LEADS.index(lead), r, c] - 0.5 * float(others.max())
    return total / len(cells)


def _labelled_share(plan: LayoutPlan, scores: NDArray[np.float64]) -> float:
    """Return the fraction of the plan's cells with a label of any name. Faint labels count in part."""
    activation = [float(scores[:, r, c].max()) for r, c, _ in _cells(plan)]
    return float(np.minimum(np.array(activation) / _CLEAR_LABEL, 1).mean())


def _reordered_plan(plan: LayoutPlan, scores: NDArray[np.float64]) -> LayoutPlan | None:
    """Return the plan with its leads in the order of the labels, or None if no other order is clearly shown.

    In the new order, every lead occurs at most once. Rhythm strips (single leads on a page with rows of
    several leads) are unchanged.
    """
    cells = [(r, c, lead) for r, c, lead in _cells(plan) if len(plan.rows[r]) == plan.columns]
    activation = np.stack([scores[:, r, c] for r, c, _ in cells])
    expected = activation[np.arange(len(cells)), [LEADS.index(lead) for *_, lead in cells]]
    if activation.max(1).mean() - expected.mean() < _REORDER_PENALTY:
        return None
    from scipy.optimize import linear_sum_assignment  # rarely needed, and slow to import

    positions, leads = linear_sum_assignment(activation, maximize=True)
    assigned = activation[positions, leads]
    if assigned.mean() - expected.mean() < _REORDER_PENALTY or np.quantile(assigned, 0.35) < _READABLE_LABEL:
        return None
    names = {cells[position][:2]: LEADS[lead] for position, lead in zip(positions, leads, strict=True)}
    rows = tuple(
        tuple(names.get((r, c * (plan.columns // len(row))), cell) for c, cell in enumerate(row))
        for r, row in enumerate(plan.rows)
    )
    return LayoutPlan(f"{plan.name} as labelled", rows)


def _name_rhythm_strips(plan: LayoutPlan, scores: NDArray[np.float64]) -> LayoutPlan:
    """Return the plan with the rhythm strips named by their labels, if their labels are clear.

    The leads of the rhythm strips depend on the settings of the ECG machine.
    """
    rows = list(plan.rows)
    for r, leads in enumerate(plan.rows):
        best = LEADS[int(scores[:, r, 0].argmax())]
        if len(leads) < plan.columns and leads != (best,):
            activation = scores[LEADS.index(best), r, 0]
            expected = scores[LEADS.index(lead_from_cell(leads[0])), r, 0]
            if activation > _CLEAR_LABEL and activation > 2 * expected:
                rows[r] = (best,)
    return dataclasses.replace(plan, rows=tuple(rows))


def _strongest(baselines: list[Baseline], count: int) -> tuple[list[Baseline], float]:
    """Return the `count` strongest baselines from the top down, and the gap in strength to the next one.

    The gap is the difference in strength between the weakest returned and the strongest other baseline,
    relative to the strength of the strongest baseline. Without other baselines, their strength counts as 0.
    """
    ranked = sorted(baselines, key=lambda line: -line.strength)
    rest = ranked[count].strength if len(ranked) > count else 0.0
    gap = (ranked[count - 1].strength - rest) / ranked[0].strength
    return sorted(ranked[:count], key=lambda line: line.v_mm), gap


def _clear_row_count(baselines: list[Baseline]) -> int:
    """Return the number of baselines that are strong enough to be certainly rows."""
    limit = _CLEAR_ROW * max(line.strength for line in baselines)
    return sum(line.strength >= limit for line in baselines)


def layout_from_plan(
    plan: LayoutPlan,
    baselines: list[Baseline],
    start_mm: float,
    end_mm: float,
    speed_mm_s: float,
    gain_mm_mv: float,
) -> Layout:
    """Return the layout with rows at the baselines.

    Every row spans `start_mm` to `end_mm` and is split equally among its leads.
    """
    rows = []
    for cells, line in zip(plan.rows, baselines, strict=True):
        cuts = np.linspace(start_mm, end_mm, len(cells) + 1)
        times = (cuts - start_mm) / speed_mm_s
        rows.append(
            Row(
                line.v_mm,
                tuple(
                    Segment(
                        lead_from_cell(cell),
                        float(cuts[i]),
                        float(cuts[i + 1]),
                        float(times[i]),
                        float(times[i + 1]),
                        is_inverted=cell.startswith(INVERTED_PREFIX),
                    )
                    for i, cell in enumerate(cells)
                ),
            )
        )
    return Layout(plan.name, tuple(rows), speed_mm_s, gain_mm_mv)
