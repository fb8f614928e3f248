"""Cells of a layout on the page, the leads of its rhythm strips, and other orders of its leads."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from math import comb, factorial, log

import numpy as np

from ecgdigit_rt.layout.catalog import INVERTED_PREFIX, LAYOUTS, LayoutPlan, lead_from_cell
from ecgdigit_rt.layout.name_field import NameMatch
from ecgdigit_rt.layout.row_curve import RowCurve
from ecgdigit_rt.layout.signal_evidence import Cell
from ecgdigit_rt.results import LEADS

_STRIP_PRIOR = {"II": 0.70, "V1": 0.12, "V5": 0.06, "III": 0.03}
_OTHER_STRIP = 0.09 / 8
"""Prior probabilities of the lead of a rhythm strip that is not the usual one of its layout. Hand-picked, not
tuned."""
_MIN_MOVED = 3  # minimum number of contradicted names from which other orders are tried. Hand-picked.
_USUAL_STRIP = 0.5  # prior probability of the usual lead of a rhythm strip. Hand-picked, not tuned.
_TAKEN = 3.0  # points against a second rhythm strip of the same lead. Hand-picked, not tuned.


def cells_from_plan(
    plan: LayoutPlan, curves: Sequence[RowCurve], start_mm: float, end_mm: float
) -> tuple[Cell, ...]:
    """Return the leads of a plan, row by row. All rows have the same extent, which their leads share."""
    found = []
    for leads, curve in zip(plan.rows, curves, strict=True):
        cuts = np.linspace(start_mm, end_mm, len(leads) + 1)
        for cell, left, right in zip(leads, cuts[:-1], cuts[1:], strict=True):
            sign = -1 if cell.startswith(INVERTED_PREFIX) else 1
            found.append(Cell(lead_from_cell(cell), curve, float(left), float(right), sign))
    return tuple(found)


def strip_indices(plan: LayoutPlan) -> list[int]:
    """Return the indices of the rhythm strips among the cells of a plan, which are listed row by row."""
    rows = [row for row, leads in enumerate(plan.rows) for _ in leads]
    return [index for index, row in enumerate(rows) if plan.is_strip(row)]


def strip_prior(plan: LayoutPlan) -> float:
    """Return the points of the leads of the rhythm strips."""
    return sum(_lead_prior(plan, row[0]) for k, row in enumerate(plan.rows) if plan.is_strip(k))


def _lead_prior(plan: LayoutPlan, lead: str) -> float:
    """Return the points of one lead as a rhythm strip of a layout."""
    known = LAYOUTS.get(plan.name)
    usual = {row[0] for k, row in enumerate(known.rows) if known.is_strip(k)} if known else set()
    return log(_USUAL_STRIP if lead in usual else _STRIP_PRIOR.get(lead, _OTHER_STRIP))


def with_named_strips(
    plan: LayoutPlan, names: NameMatch, signals: Mapping[int, Mapping[str, float]]
) -> LayoutPlan:
    """Return the plan with each rhythm strip named by its printed name, its signal and its frequency.

    `signals` contains the points of the possible leads by the index of the strip's cell.
    """
    rows, taken = list(plan.rows), set[str]()
    strips = iter(strip_indices(plan))
    for row in range(len(rows)):
        if not plan.is_strip(row):
            continue
        index = next(strips)
        least = min(signals[index].values(), default=0.0)
        points = {
            lead: names.name_points(index, LEADS.index(lead))
            + signals[index].get(lead, least)
            + _lead_prior(plan, lead)
            - _TAKEN * (lead in taken)
            for lead in LEADS
        }
        best = max(points, key=lambda lead: points[lead])
        rows[row] = (best,)
        taken.add(best)
    return dataclasses.replace(plan, rows=tuple(rows))


def reordered_plan(plan: LayoutPlan, names: NameMatch) -> LayoutPlan | None:
    """Return the plan with its leads in the order of the names, or None if the names do not contradict it.

    Every lead occurs at most once. Rhythm strips are unchanged.
    """
    if names.is_contradicted.sum() < _MIN_MOVED:
        return None
    from scipy.optimize import linear_sum_assignment  # rarely needed, and slow to import

    places = [(r, c) for r, leads in enumerate(plan.rows) for c in range(len(leads))]
    cells = [k for k, (r, _) in enumerate(places) if not plan.is_strip(r)]
    points = np.array([[names.name_points(k, lead) for lead in range(len(LEADS))] for k in cells])
    rows = [list(leads) for leads in plan.rows]
    for k, lead in zip(*linear_sum_assignment(points, maximize=True), strict=True):
        r, c = places[cells[k]]
        if lead_from_cell(rows[r][c]) != LEADS[lead]:
            rows[r][c] = LEADS[lead]
    return LayoutPlan(f"{plan.name} as labelled", tuple(tuple(row) for row in rows), plan.frequency)


def log_orders(plan: LayoutPlan, reordered: LayoutPlan) -> float:
    """Return the logarithm of the number of orders that differ from the plan in as many cells."""
    pairs = zip(plan.rows, reordered.rows, strict=True)
    moved = sum(a != b for old, new in pairs for a, b in zip(old, new, strict=True))
    return log(comb(len(LEADS), moved) * factorial(moved))
