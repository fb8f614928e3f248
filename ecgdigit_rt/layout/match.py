"""Which lead stands where: rows from their zero lines, names from the labels, doubts from known layouts."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.errors import UnknownLayout
from ecgdigit_rt.layout.baselines import Baseline, find_baselines
from ecgdigit_rt.layout.calibration import is_scale_printed, scale_of
from ecgdigit_rt.layout.catalog import INVERTED, LAYOUTS, LayoutPlan, lead_from_cell
from ecgdigit_rt.layout.marks import (
    Label,
    find_labels,
    frame_of,
    label_scores,
    misplaced_label_share,
    pulse_heights_mm,
    pulse_side,
)
from ecgdigit_rt.layout.paper_heatmap import PaperHeatmap
from ecgdigit_rt.results import LEADS, Layout, Row, Segment

_GAP_WEIGHT = 0.6
_PLACES_WEIGHT = 0.5
_RARE = 0.05
_PLAIN_LABEL, _READABLE_LABEL = 0.3, 0.2
_LEAST_PLAIN, _CONTRADICTED = 4, 0.4
_OTHER_ORDER = 0.2  # by which labels must speak more plainly for an order of their own than for a known one


@dataclass(frozen=True, slots=True)
class LayoutOverrides:
    """What the user says of a page, each None where the page itself is asked."""

    plan: LayoutPlan | None = None
    speed_mm_s: float | None = None
    gain_mm_mv: float | None = None


NO_OVERRIDES = LayoutOverrides()


@dataclass(frozen=True, slots=True)
class LayoutReading:
    """What a page's marks say. `layout`'s extents are good to a few millimetres.

    pulse_side: `left` or `right`, where the calibration pulse stands, or empty. named_share: the share of
    the plan's cells at which a lead's name was seen; pulses: of the rows, how many have a pulse;
    is_scale_printed: whether both a paper speed and a gain were seen in print. notes: what of them was
    assumed.
    """

    plan: LayoutPlan
    lines: list[Baseline]
    layout: Layout
    pulse_side: str
    named_share: float
    pulses: int
    is_scale_printed: bool
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Choice:
    """A plan on lines of its own, and how well it explains the page. scores: as `label_scores` gives them."""

    plan: LayoutPlan
    lines: list[Baseline]
    scores: NDArray[np.float64]
    score: float


def read_layout(heat: PaperHeatmap, told: LayoutOverrides = LayoutOverrides()) -> LayoutReading:
    """Rows, plan, speed and gain of the page. Raises NoRowsFound or UnknownLayout."""
    lines = find_baselines(heat)
    plan, lines = best_plan(heat, lines) if told.plan is None else _told_plan(told.plan, lines)
    frame = frame_of(lines)
    scale = scale_of(heat, frame, told.speed_mm_s, told.gain_mm_mv)
    layout = layout_from_plan(plan, lines, frame.start_mm, frame.end_mm, scale.speed_mm_s, scale.gain_mm_mv)
    return LayoutReading(
        plan,
        lines,
        layout,
        pulse_side(heat, frame.start_mm, frame.end_mm),
        _named_share(plan, label_scores(heat, frame, plan.columns)),
        len(pulse_heights_mm(heat, lines)),
        is_scale_printed(heat),
        scale.notes,
    )


def _told_plan(plan: LayoutPlan, lines: list[Baseline]) -> tuple[LayoutPlan, list[Baseline]]:
    if len(lines) < len(plan.rows):
        raise UnknownLayout([_counted_rows(len(lines))], [f"{plan.name} has {len(plan.rows)}"])
    return plan, _strongest(lines, len(plan.rows))[0]


def best_plan(heat: PaperHeatmap, lines: list[Baseline]) -> tuple[LayoutPlan, list[Baseline]]:
    """The known layout that agrees best with the labels and the rows, and the lines that are its rows.

    A line of text may look like a weak row, so a plan takes the strongest lines; leaving out one that
    is as strong as those taken counts against it. Where labels plainly stand in an order that no layout
    has, they are believed. Raises UnknownLayout with what was seen.
    """
    labels = find_labels(heat)
    plans = [plan for plan in LAYOUTS.values() if len(plan.rows) <= len(lines)]
    found = [choice for plan in plans for choice in _choices(plan, heat, lines, labels)]
    clear = len(_strongest_group(lines))
    best = max(found, key=lambda choice: choice.score, default=None)
    if best is None or len(best.lines) < clear or _is_contradicted(best):
        raise UnknownLayout([_counted_rows(clear), *_names_by_row(lines, labels)], list(LAYOUTS))
    return best.plan, best.lines


def _is_contradicted(choice: _Choice) -> bool:
    """Whether names that stand plainly where the plan has leads are mostly others.

    On 130 pages whose layout is known that was so at one name in three at most; on halves of pages, which
    have rows like whole ones, at two in five and more.
    """
    found = [(choice.scores[:, r, c], LEADS.index(lead)) for r, c, lead in _cells(choice.plan)]
    plain = [(glow[own], glow.max()) for glow, own in found if glow.max() > _PLAIN_LABEL]
    wrong = sum(own < 0.5 * best for own, best in plain)
    return len(plain) >= _LEAST_PLAIN and wrong >= _CONTRADICTED * len(plain)


def _counted_rows(count: int) -> str:
    return f"{count} row{'s' if count != 1 else ''}"


def _names_by_row(lines: list[Baseline], labels: Sequence[Label]) -> list[str]:
    """What was read at each row, from the left."""
    rows: list[list[Label]] = [[] for _ in lines]
    for label in labels:
        rows[int(np.argmin([abs(line.v_mm - label.v_mm) for line in lines]))].append(label)
    return [" ".join(one.lead for one in sorted(row, key=lambda one: one.u_mm)) for row in rows if row]


def _choices(
    plan: LayoutPlan, heat: PaperHeatmap, lines: list[Baseline], labels: Sequence[Label]
) -> list[_Choice]:
    """The plan with its own names and, where labels plainly say others, with those."""
    taken, gap = _strongest(lines, len(plan.rows))
    frame = frame_of(taken)
    scores = label_scores(heat, frame, plan.columns)
    known = _with_rhythm_leads(plan, scores)
    places = _PLACES_WEIGHT * (_named_share(plan, scores) - misplaced_label_share(plan, frame, labels))

    def choice(named: LayoutPlan, penalty: float) -> _Choice:
        score = places + _fit(named, scores) + _GAP_WEIGHT * gap - penalty
        return _Choice(named, taken, scores, score)

    labelled = None if plan.is_rare else _as_labelled(known, scores)
    others = [] if labelled is None else [choice(labelled, _OTHER_ORDER)]
    return [choice(known, _RARE * plan.is_rare), *others]


def _cells(plan: LayoutPlan) -> list[tuple[int, int, str]]:
    """Row, column of the scores, and lead of every cell of a plan."""
    return [
        (r, c * (plan.columns // len(cells)), lead_from_cell(cell))
        for r, cells in enumerate(plan.rows)
        for c, cell in enumerate(cells)
    ]


def _fit(plan: LayoutPlan, scores: NDArray[np.float64]) -> float:
    """How well a plan explains the labels: mean log-odds-like score of the names it expects."""
    total = 0.0
    cells = _cells(plan)
    for r, c, lead in cells:
        others = np.delete(scores[:, r, c], LEADS.index(lead))
        total += scores[LEADS.index(lead), r, c] - 0.5 * float(others.max())
    return total / len(cells)


def _named_share(plan: LayoutPlan, scores: NDArray[np.float64]) -> float:
    """The share of the plan's cells at which a name glows, whichever it is: that tells rows and columns."""
    glow = [float(scores[:, r, c].max()) for r, c, _ in _cells(plan)]
    return float(np.minimum(np.array(glow) / _PLAIN_LABEL, 1).mean())


def _as_labelled(plan: LayoutPlan, scores: NDArray[np.float64]) -> LayoutPlan | None:
    """The plan with its leads in the order of their labels, None where those say no other one plainly.

    Every lead stands once; rows of one lead below rows of several are rhythm strips and no part of it.
    """
    cells = [(r, c, lead) for r, c, lead in _cells(plan) if len(plan.rows[r]) == plan.columns]
    heat = np.stack([scores[:, r, c] for r, c, _ in cells])
    own = heat[np.arange(len(cells)), [LEADS.index(lead) for *_, lead in cells]]
    if heat.max(1).mean() - own.mean() < _OTHER_ORDER:
        return None
    from scipy.optimize import linear_sum_assignment  # rarely needed, and slow to load

    places, leads = linear_sum_assignment(heat, maximize=True)
    said = heat[places, leads]
    if said.mean() - own.mean() < _OTHER_ORDER or np.quantile(said, 0.35) < _READABLE_LABEL:
        return None
    names = {cells[place][:2]: LEADS[lead] for place, lead in zip(places, leads, strict=True)}
    rows = tuple(
        tuple(names.get((r, c * (plan.columns // len(row))), cell) for c, cell in enumerate(row))
        for r, row in enumerate(plan.rows)
    )
    return LayoutPlan(f"{plan.name} as labelled", rows)


def _with_rhythm_leads(plan: LayoutPlan, scores: NDArray[np.float64]) -> LayoutPlan:
    """The plan with its rhythm strips named by their labels, where those speak plainly.

    Which leads run below the others is the user's choice at the machine.
    """
    rows = list(plan.rows)
    for r, leads in enumerate(plan.rows):
        best = LEADS[int(scores[:, r, 0].argmax())]
        if len(leads) < plan.columns and leads != (best,):
            heat, expected = (
                scores[LEADS.index(best), r, 0],
                scores[LEADS.index(lead_from_cell(leads[0])), r, 0],
            )
            if heat > _PLAIN_LABEL and heat > 2 * expected:
                rows[r] = (best,)
    return dataclasses.replace(plan, rows=tuple(rows))


def _strongest(lines: list[Baseline], count: int) -> tuple[list[Baseline], float]:
    """The `count` strongest lines from the top down, and how clearly they stand out from the rest."""
    ranked = sorted(lines, key=lambda line: -line.strength)
    rest = ranked[count].strength if len(ranked) > count else 0.0
    gap = (ranked[count - 1].strength - rest) / ranked[0].strength
    return sorted(ranked[:count], key=lambda line: line.v_mm), gap


def _strongest_group(lines: list[Baseline]) -> list[Baseline]:
    """The lines that are rows beyond doubt."""
    limit = 0.8 * max(line.strength for line in lines)
    return [line for line in lines if line.strength >= limit]


def layout_from_plan(
    plan: LayoutPlan,
    lines: list[Baseline],
    start_mm: float,
    end_mm: float,
    speed_mm_s: float,
    gain_mm_mv: float,
) -> Layout:
    """Rows at the found heights; every row spans `start_mm` to `end_mm`, split equally among its leads."""
    rows = []
    for cells, line in zip(plan.rows, lines, strict=True):
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
                        is_inverted=cell.startswith(INVERTED),
                    )
                    for i, cell in enumerate(cells)
                ),
            )
        )
    return Layout(plan.name, tuple(rows), speed_mm_s, gain_mm_mv)
