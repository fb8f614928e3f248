"""Layouts that names and statements suggest."""

from __future__ import annotations

from dataclasses import replace

import pytest
from painted_pages import (
    START_MM,
    curve_from_heights,
    painted_heatmap,
    painted_page,
    row_heights_mm,
    simulated_leads,
    straight_curve,
)

from ecgdigit_rt.layout.catalog import LayoutPlan, plan_from_text
from ecgdigit_rt.layout.marks import Label
from ecgdigit_rt.layout.match import read_layout
from ecgdigit_rt.layout.named_plans import named_plans
from ecgdigit_rt.layout.page_text import FurtherName, PageText
from ecgdigit_rt.layout.row_curve import RowCurve
from ecgdigit_rt.text.facts import PrintedFacts

NO_FACTS = PrintedFacts()
ROWS_MM = (50.0, 90.0, 130.0)


def strips(*leads: str, seeds: tuple[int, ...] = (0, 1, 2)) -> list[RowCurve]:
    """Return rows of one lead each. Rows with different seeds show different beats."""
    return [
        curve_from_heights(row_heights_mm([lead], simulated_leads(seed)), v_mm)
        for lead, seed, v_mm in zip(leads, seeds, ROWS_MM, strict=True)
    ]


def names(*leads: str, activation: float = 0.7, u_mm: float = START_MM + 4) -> list[Label]:
    """Return names above the starts of the rows. An empty name is left out."""
    return [
        Label(lead, u_mm, v_mm - 6, activation) for lead, v_mm in zip(leads, ROWS_MM, strict=False) if lead
    ]


def plans(
    labels: list[Label], curves: list[RowCurve], facts: PrintedFacts = NO_FACTS, *, is_exact: bool = False
) -> list[LayoutPlan]:
    return list(named_plans(labels, PageText(painted_heatmap([]), facts, is_exact=is_exact), curves))


def test_a_stated_lead_is_a_layout_with_all_rows() -> None:
    curves = painted_page("6x2").curves[:4]
    (plan,) = plans([], [*curves, straight_curve(10.0)], PrintedFacts(single_lead="V1"))
    assert plan.rows == (("V1",),) * 4
    assert plan_from_text(plan.name).rows == plan.rows
    assert plan.is_consecutive


@pytest.mark.parametrize("leads", [("II",), ("II", "II", "II"), ("", "II")])
def test_a_clear_name_may_be_the_only_lead(leads: tuple[str, ...]) -> None:
    (plan,) = plans(names(*leads), strips("II", "II", "II"))
    assert plan.name == "II/II/II"


def test_faint_or_distant_names_suggest_nothing() -> None:
    curves = strips("II", "II", "II")
    assert plans(names("II", activation=0.45), curves) == []
    assert plans(names("II", u_mm=START_MM + 40), curves) == []
    assert plans([Label("II", START_MM, 200.0, 0.9)], curves) == []
    assert plans([*names("II"), Label("aVR", START_MM + 70, 45.0, 0.7)], curves) == []


def test_no_layout_is_made_without_rows_or_with_too_many() -> None:
    curves = painted_page("12x1").curves
    stated = PrintedFacts(single_lead="I")
    assert plans([], curves[:3]) == []
    assert plans([], curves, stated) == []
    assert plans([], [straight_curve(10.0)], stated) == []


@pytest.mark.parametrize(
    ("leads", "is_exact", "is_certain"),
    [
        (("V4R", "V3R", "V7"), False, True),
        (("V1", "V3R", "V7"), True, True),
        (("V1", "V3R", "V7"), False, False),
        (("V4R", "V3R"), True, False),
        (("V4R", "V3R", "V3R"), True, False),
    ],
)
def test_certain_names_are_a_layout_in_their_order(
    leads: tuple[str, ...], *, is_exact: bool, is_certain: bool
) -> None:
    """Names are certain if they are words of the file, or of leads that the locate stage does not read."""
    found = plans(names(*leads), strips("V1", "V2", "V3", seeds=(0, 0, 0)), is_exact=is_exact)
    assert [plan.rows for plan in found] == [tuple((lead,) for lead in leads)] * is_certain


def test_names_along_the_rows_exclude_one_lead_per_row() -> None:
    """Half a page: I, II and III at the starts of the rows, and aVR, aVL and aVF in the middle."""
    curves = strips("I", "II", "III", seeds=(0, 0, 0))
    half = [*names("I", "III", "II", activation=1.0), *names("aVR", "aVF", "aVL", u_mm=START_MM + 125)]
    assert plans(half, curves, is_exact=True) == []
    assert len(plans(half[:3], curves, is_exact=True)) == 1


def test_a_layout_of_the_catalogue_is_not_repeated() -> None:
    page = painted_page("6x1")
    labels = [
        Label(name, START_MM, curve.baseline.v_mm, 1.0)
        for name, curve in zip(("I", "II", "III", "aVR", "aVL", "aVF"), page.curves, strict=True)
    ]
    assert plans(labels, page.curves, is_exact=True) == []


@pytest.mark.parametrize("named", [("II",), ("II", "II", "II")])
def test_rows_of_one_lead_are_read_in_order(named: tuple[str, ...]) -> None:
    page = painted_page("II/II/II")
    curves = [
        replace(curve, baseline=old.baseline)
        for curve, old in zip(strips("II", "II", "II"), page.curves, strict=True)
    ]
    text = replace(page, names=page.names[: len(named)]).text
    reading = read_layout(text, curves)
    assert reading.layout.name == "II/II/II"
    assert [row.segments[0].start_s for row in reading.layout.rows] == pytest.approx([0, 10, 20])
    assert reading.doubts == ()


def test_simultaneous_rows_are_not_rows_of_one_lead() -> None:
    """Of the names of a 3x4 page, only one was read."""
    page = painted_page("3x4")
    page = replace(page, names=[name for name in page.names if name.lead == "II"])
    reading = read_layout(page.text, page.curves)
    assert reading.layout.name == "3x4"


def test_right_sided_leads_are_read_in_the_order_of_their_names() -> None:
    curves = strips("V1", "V2", "V3", seeds=(0, 0, 0))
    further = tuple(
        FurtherName(lead, START_MM + 4, v_mm - 6)
        for lead, v_mm in zip(("V3R", "V4R", "V7"), ROWS_MM, strict=True)
    )
    reading = read_layout(PageText(painted_heatmap([]), further_names=further), curves)
    assert [row.segments[0].lead for row in reading.layout.rows] == ["V3R", "V4R", "V7"]
    assert [row.segments[0].start_s for row in reading.layout.rows] == [0, 0, 0]
