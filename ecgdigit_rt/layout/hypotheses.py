"""Hypotheses about the layout of a page, and the evidence for each of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import log

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.layout.catalog import STANDARD_WIDTHS_MM, LayoutPlan, lead_from_cell
from ecgdigit_rt.layout.evidence import Evidence, clip
from ecgdigit_rt.layout.name_field import NamedCell, NameField, NameMatch
from ecgdigit_rt.layout.plan_cells import (
    cells_from_plan,
    log_orders,
    reordered_plan,
    strip_indices,
    strip_prior,
    with_named_strips,
)
from ecgdigit_rt.layout.row_curve import RowCurve
from ecgdigit_rt.layout.signal_evidence import (
    SIMULTANEOUS,
    Cell,
    coincidence,
    relation_points,
    repeat_points,
)
from ecgdigit_rt.layout.text_evidence import NO_FACTS, text_evidence
from ecgdigit_rt.results import ALL_LEADS
from ecgdigit_rt.text.facts import PrintedFacts

Values = NDArray[np.float64]

_ROW_SLOPE, _ROW_MIDDLE, _MAX_ROW_POINTS = 12.0, 0.6, 4.0
"""Points of a row by its strength relative to the strongest row: slope, strength without points, and limit.
Measured: rows have a relative strength of at least 0.75, lines of text and neighbours of a row usually less
than 0.4."""
_STRAIGHT_POINTS = -8.0
"""Points of a straight line that is taken as a row. Hand-picked, not tuned: a lead without any beat is rarer
than a frame by far more."""
_COINCIDENT_POINTS, _FOREIGN_POINTS = 1.0, -4.0
"""Points of a row whose beats coincide with those of the other rows, and of a row whose beats do not.
Hand-picked, not tuned."""
_FOREIGN_STRIP_POINTS = -1.0  # the same for a rhythm strip, which may show another time. Hand-picked.
_UNUSED_POINTS = 3.0  # points that a row outside the layout costs if its beats coincide with the others
_UNUSED_LIMIT = 12.0  # maximum of the points that rows outside the layout cost. Hand-picked, not tuned.

_REORDERED_PRIOR = -6.0
"""Points of an order of leads that is not in the catalogue, in addition to the logarithm of the number of
such orders. Hand-picked, not tuned."""
_POSSIBLE = 22.0
"""Points below the best hypothesis up to which signals are compared. Signals can change about as much: two
relations of the limb leads and two rhythm strips. Hand-picked, not tuned."""
_MAX_COMPLETED = 5  # maximum number of hypotheses whose signals are compared. Hand-picked, not tuned.
_CLEAR_ROW = 0.8  # minimum strength of a clear row, relative to the weakest row of the layout. Hand-picked.
_OTHER_STRIP_POINTS = 3.0
"""Points by which another lead must fit a rhythm strip better to contradict its name. Measured: exceeded by 2
of 230 right rhythm strips."""
_MIN_COMPARED_ROWS = 3  # minimum number of rows of which one may differ from the others. Hand-picked.
_CUT_MM = 8.0  # minimum length of the part of a record beyond the edge of the image. Hand-picked, not tuned.
_SAME_MM = 10.0  # distance up to which two positions count as the same. Hand-picked, not tuned.
_SINGLE_REACH_MM = 14.0  # distance of a name from a single row. Hand-picked, not tuned.


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """Layout with the curves of its rows, their extent on paper, and the evidence.

    `cells` are the leads, and `names` the printed names at them, row by row from left to right.
    `contradicted_strips` pairs each rhythm strip whose signal is clearly that of another lead with that lead.
    """

    plan: LayoutPlan
    curves: tuple[RowCurve, ...]
    start_mm: float
    end_mm: float
    cells: tuple[Cell, ...] = field(repr=False)
    names: NameMatch = field(repr=False)
    evidence: tuple[Evidence, ...]
    contradicted_strips: tuple[tuple[str, str], ...] = ()

    @property
    def points(self) -> float:
        """Sum of the points of all evidence."""
        return sum(item.points for item in self.evidence)

    @property
    def visible_share(self) -> float:
        """Fraction of the layout's total length that is within the image."""
        total = sum(cell.end_mm - cell.start_mm for cell in self.cells)
        return sum(cell.visible_mm for cell in self.cells) / total

    @property
    def signal_points(self) -> float:
        """Sum of the points of the relations between leads, and of the rhythm strips."""
        return self.points_of("relations", "strips")

    def points_of(self, *sources: str) -> float:
        """Return the sum of the points of some kinds of evidence."""
        return sum(item.points for item in self.evidence if item.source in sources)

    @property
    def foreign_rows(self) -> list[tuple[str, ...]]:
        """Leads of the rows whose beats do not coincide with those of the others, without rhythm strips.

        The list is empty if rows continue each other, or if the beats of most rows do not coincide.
        """
        if self.plan.is_consecutive or len(self.curves) < _MIN_COMPARED_ROWS:
            return []
        agreement = coincidence(self.curves)
        foreign = [
            tuple(lead_from_cell(cell) for cell in cells)
            for row, (cells, value) in enumerate(zip(self.plan.rows, agreement, strict=True))
            if value < SIMULTANEOUS and not self.plan.is_strip(row)
        ]
        return foreign if len(foreign) < len(self.curves) / 2 else []

    @property
    def text(self) -> str:
        """Name of the layout, and the leads of its rhythm strips."""
        strips = [self.cells[index].lead for index in strip_indices(self.plan)]
        return self.plan.name + (f" with {', '.join(strips)}" if strips else "")

    def least_points_of(self, source: str) -> float:
        """Return the least points of one kind of evidence, or 0 without such evidence."""
        return min((item.points for item in self.evidence if item.source == source), default=0.0)

    def clear_others(self, curves: Sequence[RowCurve]) -> list[RowCurve]:
        """Return the curves that are not part of the layout, although they are clear and not straight."""
        others = [curve for curve in curves if curve not in self.curves and not curve.is_straight]
        weakest = min(curve.baseline.strength for curve in self.curves)
        return [curve for curve in others if curve.baseline.strength > _CLEAR_ROW * weakest]

    def left_out(self, curves: Sequence[RowCurve]) -> list[RowCurve]:
        """Return the clear curves outside the layout whose beats coincide with those of the layout."""
        clear = self.clear_others(curves)
        agreement = coincidence((*self.curves, *clear))[len(self.curves) :]
        return [curve for curve, value in zip(clear, agreement, strict=True) if value > SIMULTANEOUS]

    def is_same_reading(self, other: Hypothesis) -> bool:
        """Return whether both assign the same leads, with the same signs, to the same places."""
        mine, theirs = (
            sorted((cell.lead, cell.sign, cell.curve.baseline.v_mm, cell.start_mm) for cell in one.cells)
            for one in (self, other)
        )
        return len(mine) == len(theirs) and all(
            a[:2] == b[:2] and abs(a[2] - b[2]) < _SAME_MM and abs(a[3] - b[3]) < _SAME_MM
            for a, b in zip(mine, theirs, strict=True)
        )


class HypothesisScorer:
    """Scorer of the hypotheses of one page, with the names on the page and the curves of all lines."""

    def __init__(self, names: NameField, curves: Sequence[RowCurve], facts: PrintedFacts = NO_FACTS) -> None:
        self._names, self._curves, self._facts = names, list(curves), facts
        self._strongest = max(curve.baseline.strength for curve in curves)
        self._agreements: dict[tuple[RowCurve, ...], Values] = {}

    def best(self, plans: Sequence[LayoutPlan], *, is_fixed: bool = False) -> list[Hypothesis]:
        """Return the best hypotheses of all plans, the best one first. If `is_fixed`, no lead is renamed.

        Beats and signals are compared only for hypotheses whose other evidence is nearly the best.
        """
        sketches = [
            sketch
            for plan in plans
            for curves in self._selections(len(plan.rows))
            for start_mm, end_mm in _extents(curves)
            for sketch in self._sketches(plan, curves, (start_mm, end_mm), is_fixed=is_fixed)
        ]
        ranked = sorted(sketches, key=lambda sketch: -sketch.points)
        possible = [sketch for sketch in ranked if sketch.points > ranked[0].points - _POSSIBLE]
        complete = [self._completed(sketch, is_fixed=is_fixed) for sketch in possible[:_MAX_COMPLETED]]
        return sorted(complete, key=lambda hypothesis: -hypothesis.points)

    def row_points(self, curve: RowCurve) -> float:
        """Return the points of a line as a row."""
        relative = curve.baseline.strength / self._strongest
        points = clip(_ROW_SLOPE * (relative - _ROW_MIDDLE), _MAX_ROW_POINTS)
        return points + (_STRAIGHT_POINTS if curve.is_straight else 0.0)

    def _agreement(self, curves: tuple[RowCurve, ...]) -> Values:
        """Return the coincidence of the curves' beats, computed once for each selection of curves."""
        if curves not in self._agreements:
            self._agreements[curves] = coincidence(curves)
        return self._agreements[curves]

    def _row_evidence(self, curves: tuple[RowCurve, ...]) -> Evidence:
        """Return the points of the rows, without those of the lines that are left out."""
        used = sum(self.row_points(curve) for curve in curves)
        unused = [curve for curve in self._curves if curve not in curves and not curve.is_straight]
        together = self._agreement((*curves, *unused))[len(curves) :] if unused else ()
        lost = 0.0
        for curve, agreement in zip(unused, together, strict=True):
            is_beating = agreement > SIMULTANEOUS
            lost += max(0.0, self.row_points(curve)) + (_UNUSED_POINTS if is_beating else 0.0)
        text = _rows_text(curves) + (f", {len(unused)} left out" if unused else "")
        return Evidence("rows", text, used - min(lost, _UNUSED_LIMIT))

    def _selections(self, count: int) -> list[tuple[RowCurve, ...]]:
        """Return the possible rows of a plan: the best `count` lines, and the best ones that coincide."""
        ranked = sorted(self._curves, key=lambda curve: -self.row_points(curve))
        found = [_from_top(ranked[:count])] if len(ranked) >= count else []
        beating = [curve for curve in ranked if not curve.is_straight]
        if len(beating) > count > 1:
            agreement = self._agreement(tuple(beating))
            coinciding = [c for c, a in zip(beating, agreement, strict=True) if a > SIMULTANEOUS]
            if len(coinciding) >= count:
                found.append(_from_top(coinciding[:count]))
        return list(dict.fromkeys(found))

    def _sketches(
        self, plan: LayoutPlan, curves: tuple[RowCurve, ...], extent: tuple[float, float], *, is_fixed: bool
    ) -> Iterator[Hypothesis]:
        """Yield the plan, and the plan with the leads in the order of the names, without signals."""
        sketch = self._sketch(plan, curves, *extent, log(plan.frequency))
        yield sketch
        reordered = None if plan.is_rare or is_fixed else reordered_plan(plan, sketch.names)
        if reordered is not None:
            prior = log(plan.frequency) + _REORDERED_PRIOR - log_orders(plan, reordered)
            yield self._sketch(reordered, curves, *extent, prior)

    def _sketch(
        self, plan: LayoutPlan, curves: tuple[RowCurve, ...], start_mm: float, end_mm: float, prior: float
    ) -> Hypothesis:
        cells = cells_from_plan(plan, curves, start_mm, end_mm)
        names = self._matched_names(plan, cells, curves, end_mm)
        for index in strip_indices(plan):  # the lead of a rhythm strip is determined later
            names = names.without_name(index)
        evidence = (
            Evidence("layout", f"prior of {plan.name}", prior),
            self._row_evidence(curves),
            Evidence("names", "", names.points),
        )
        return Hypothesis(plan, curves, start_mm, end_mm, cells, names, evidence)

    def _matched_names(
        self, plan: LayoutPlan, cells: Sequence[Cell], curves: tuple[RowCurve, ...], end_mm: float
    ) -> NameMatch:
        """Return the names at the cells. Of several rows of one lead, only the first one may have a name."""
        named = [_named_cell(cell) for cell in cells]
        variants = [named, named[:1]] if plan.is_consecutive else [named]
        matches = [self._names.match(variant, _reach_mm(curves), end_mm) for variant in variants]
        return max(matches, key=lambda match: match.points)

    def _completed(self, sketch: Hypothesis, *, is_fixed: bool) -> Hypothesis:
        """Return the hypothesis with its rhythm strips named, and with the evidence of its signals."""
        signals = {k: repeat_points(sketch.cells[k], sketch.cells) for k in strip_indices(sketch.plan)}
        plan = sketch.plan if is_fixed else with_named_strips(sketch.plan, sketch.names, signals)
        curves, cells = sketch.curves, cells_from_plan(plan, sketch.curves, sketch.start_mm, sketch.end_mm)
        names = self._matched_names(plan, cells, curves, sketch.end_mm)
        read, wrong = int(names.is_read.sum()), int(names.is_contradicted.sum())
        text = f"{read} of {len(cells)} names read, {wrong} contradicted, {len(names.unexplained)} elsewhere"
        prior, rows, _ = sketch.evidence
        strips, contradicted = _strip_evidence(cells, signals)
        evidence = (
            Evidence(prior.source, prior.text, prior.points + strip_prior(plan)),
            rows,
            Evidence("names", text, names.points),
            *_beat_evidence(plan, self._agreement(curves)),
            *(Evidence("relations", text, points) for text, points in relation_points(cells)),
            *strips,
            *text_evidence(plan, self._facts),
        )
        return Hypothesis(plan, curves, sketch.start_mm, sketch.end_mm, cells, names, evidence, contradicted)


def _named_cell(cell: Cell) -> NamedCell:
    return NamedCell(cell.start_mm, cell.curve.baseline.v_mm, ALL_LEADS.index(cell.lead))


def _from_top(curves: Sequence[RowCurve]) -> tuple[RowCurve, ...]:
    return tuple(sorted(curves, key=lambda curve: curve.baseline.v_mm))


def _reach_mm(curves: Sequence[RowCurve]) -> float:
    """Return half of the median distance between rows."""
    gaps = np.diff([curve.baseline.v_mm for curve in curves])
    return 0.5 * float(np.median(gaps)) if gaps.size else _SINGLE_REACH_MM


def _extents(curves: Sequence[RowCurve]) -> list[tuple[float, float]]:
    """Return the possible starts and ends of the record on paper.

    If most rows continue to an edge of the image, the record may continue beyond this edge.
    """
    start = float(np.median([curve.start_mm for curve in curves]))
    end = float(np.median([curve.end_mm for curve in curves]))
    found = [(start, end)]
    for width in STANDARD_WIDTHS_MM:
        if end - start < width - _CUT_MM:
            found += [(start, start + width)] if _most(curve.is_cut_right for curve in curves) else []
            found += [(end - width, end)] if _most(curve.is_cut_left for curve in curves) else []
    return found


def _most(flags: Iterable[bool]) -> bool:
    return float(np.mean(list(flags))) > 0.5


def _rows_text(curves: Sequence[RowCurve]) -> str:
    straight = sum(curve.is_straight for curve in curves)
    return f"{len(curves)} rows" + (f", {straight} of them straight lines" if straight else "")


def _beat_evidence(plan: LayoutPlan, agreement: Values) -> Iterator[Evidence]:
    """Yield the evidence of the beats, if there are several rows."""
    foreign, points = 0, 0.0
    for row, value in enumerate(agreement):
        if (value > SIMULTANEOUS) != plan.is_consecutive:
            points += _COINCIDENT_POINTS
        else:
            foreign += 1
            points += _FOREIGN_STRIP_POINTS if plan.is_strip(row) else _FOREIGN_POINTS
    state = "do not coincide" if plan.is_consecutive else "coincide"
    text = f"beats of {agreement.size - foreign} of {agreement.size} rows {state}"
    if agreement.size > 1:
        yield Evidence("beats", text, points)


def _strip_evidence(
    cells: Sequence[Cell], signals: Mapping[int, Mapping[str, float]]
) -> tuple[list[Evidence], tuple[tuple[str, str], ...]]:
    """Return the evidence of the rhythm strips, and the strips that are clearly those of another lead.

    `signals` contains the points of the possible leads by the index of the strip's cell.
    """
    found, contradicted = [], []
    for index, points in signals.items():
        if not points:
            continue
        lead, best = cells[index].lead, max(points, key=lambda lead: points[lead])
        own = points.get(lead, min(points.values()))
        found.append(Evidence("strips", f"rhythm strip {lead} against the other leads", own))
        if points[best] - own > _OTHER_STRIP_POINTS:
            contradicted.append((lead, best))
    return found, tuple(contradicted)
