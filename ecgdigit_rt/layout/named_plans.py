"""Layouts that are not in the catalogue, made from the names on the page.

A page of one lead in several rows comes from a watch, a handheld recorder or a rhythm strip. A page with one
lead per row in an unusual order is usually a page of right-sided or posterior leads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from ecgdigit_rt.layout.catalog import LAYOUTS, LayoutPlan
from ecgdigit_rt.layout.marks import Label
from ecgdigit_rt.layout.page_text import PageText
from ecgdigit_rt.layout.row_curve import RowCurve
from ecgdigit_rt.results import FURTHER_LEADS

_MAX_SINGLE_ROWS = 8
"""Maximum number of rows of a single lead. Hand-picked, not tuned."""

_CLEAR_NAME = 0.5
"""Activation of a clear name. Measured on 40 synthetic pages of a single lead: at least 0.51 on pages with
its name, at most 0.43 on pages without names."""

_NAME_REACH_MM = 14.0  # maximum distance of a name from the start of its row. Hand-picked, not tuned.
_SINGLE_PITCH_MM = 20.0  # assumed distance between rows on a page with a single row. Hand-picked, not tuned.
_CLEAR_ROW = 0.6  # minimum strength of a row, relative to the strongest one. Hand-picked, not tuned.

_SINGLE_FREQUENCY = 0.02
_LEAD_FREQUENCY: Mapping[str, float] = {"II": 0.4, "I": 0.3}
_OTHER_LEAD = 0.03
"""Prior probability of a page with a single lead, and of its leads. Hand-picked, not tuned."""
_LIST_FREQUENCY = 0.005
"""Prior probability of a page with one lead per row in an unusual order. Hand-picked, not tuned."""


def named_plans(labels: Sequence[Label], text: PageText, curves: Sequence[RowCurve]) -> Iterator[LayoutPlan]:
    """Yield the layouts of a single lead, and of one lead per row, that names and statements suggest.

    `labels` are the names on the page, and `curves` the curves of all lines that may be rows.
    """
    rows = [curve for curve in curves if not curve.is_straight]
    if not rows:
        return
    strongest = max(curve.baseline.strength for curve in rows)
    clear = [curve for curve in rows if curve.baseline.strength > _CLEAR_ROW * strongest]
    beside = _labels_at_starts(labels, clear)
    lead = text.facts.single_lead or _only_lead(beside, labels)
    for count in sorted({len(rows), len(clear)}):
        if lead is not None and count <= _MAX_SINGLE_ROWS:
            frequency = _SINGLE_FREQUENCY * _LEAD_FREQUENCY.get(lead, _OTHER_LEAD)
            yield LayoutPlan("/".join([lead] * count), ((lead,),) * count, frequency)
    leads = [label.lead for label in sorted(beside, key=lambda label: label.v_mm)]
    is_certain = text.is_exact or set(leads) <= set(FURTHER_LEADS)
    is_only = not any(label.activation > _CLEAR_NAME for label in _labels_along(labels, clear))
    if is_certain and is_only and len(leads) == len(clear) == len(set(leads)):
        plan = LayoutPlan("/".join(leads), tuple((lead,) for lead in leads), _LIST_FREQUENCY)
        if plan.rows not in {known.rows for known in LAYOUTS.values()}:
            yield plan


def _only_lead(beside: Sequence[Label], labels: Sequence[Label]) -> str | None:
    """Return the only clear name on the page, if it is beside a row."""
    leads = {label.lead for label in labels if label.activation > _CLEAR_NAME}
    is_beside = any(label.lead in leads and label.activation > _CLEAR_NAME for label in beside)
    return leads.pop() if len(leads) == 1 and is_beside else None


def _labels_at_starts(labels: Sequence[Label], rows: Sequence[RowCurve]) -> list[Label]:
    """Return the labels beside the starts of the rows."""
    start_mm = float(np.median([row.start_mm for row in rows]))
    return [label for label in _labels_near(labels, rows) if abs(label.u_mm - start_mm) < _NAME_REACH_MM]


def _labels_along(labels: Sequence[Label], rows: Sequence[RowCurve]) -> list[Label]:
    """Return the labels along the rows, behind their starts: the rows show several leads."""
    start_mm = float(np.median([row.start_mm for row in rows]))
    end_mm = float(np.median([row.end_mm for row in rows]))
    near = _labels_near(labels, rows)
    return [label for label in near if start_mm + _NAME_REACH_MM <= label.u_mm < end_mm]


def _labels_near(labels: Sequence[Label], rows: Sequence[RowCurve]) -> list[Label]:
    """Return the labels less than the distance of two rows above or below a row."""
    heights = np.array([row.baseline.v_mm for row in rows])
    pitch_mm = float(np.median(np.diff(heights))) if heights.size > 1 else _SINGLE_PITCH_MM
    return [label for label in labels if float(np.abs(heights - label.v_mm).min()) < pitch_mm]
