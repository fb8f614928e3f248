"""Hypotheses about the layout of painted pages: which lines are rows, and which row shows which lead."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from painted_pages import (
    START_MM,
    PaintedPage,
    curve_from_heights,
    painted_page,
    row_heights_mm,
    simulated_leads,
    straight_curve,
)

from ecgdigit_rt.layout.catalog import LAYOUTS, LayoutPlan, plan_from_text
from ecgdigit_rt.layout.evidence import Evidence, clip
from ecgdigit_rt.layout.hypotheses import Hypothesis, HypothesisScorer
from ecgdigit_rt.layout.name_field import NameField
from ecgdigit_rt.layout.row_curve import CURVE_STEP_MM, RowCurve
from ecgdigit_rt.results import LEADS

PLANS = list(LAYOUTS.values())


def hypotheses(page: PaintedPage, *plans: LayoutPlan, is_fixed: bool = False) -> list[Hypothesis]:
    """Return the hypotheses of some plans, or of all known ones."""
    text = page.text
    scorer = HypothesisScorer(NameField(text.heatmap), page.curves, text.facts)
    return scorer.best(plans or PLANS, is_fixed=is_fixed)


def best(page: PaintedPage) -> Hypothesis:
    return hypotheses(page)[0]


def with_lines(page: PaintedPage, *lines: RowCurve) -> PaintedPage:
    """Return the page with more lines, from the top down."""
    curves = sorted([*page.curves, *lines], key=lambda curve: curve.baseline.v_mm)
    return replace(page, curves=curves)


def cut_at(page: PaintedPage, width_mm: float) -> PaintedPage:
    """Return the page of which the image shows only the first `width_mm` of each row."""
    count = round(width_mm / CURVE_STEP_MM)
    curves = [
        replace(
            curve,
            baseline=replace(curve.baseline, end_mm=START_MM + width_mm),
            height_mm=curve.height_mm[:count],
            is_cut_right=True,
        )
        for curve in page.curves
    ]
    names = [name for name in page.names if name.u_mm < START_MM + width_mm]
    return replace(page, names=names, curves=curves)


@pytest.mark.parametrize("name", list(LAYOUTS))
def test_every_layout_is_the_best_one_of_its_own_page(name: str) -> None:
    ranked = hypotheses(painted_page(name))
    assert ranked[0].plan.rows == LAYOUTS[name].rows
    others = [other for other in ranked if not ranked[0].is_same_reading(other)]
    assert all(other.points < ranked[0].points - 8 for other in others)


@pytest.mark.parametrize("name", ["3x4", "3x4+1", "6x2", "12x1"])
def test_a_frame_is_not_a_row(name: str) -> None:
    page = painted_page(name)
    framed = with_lines(page, straight_curve(12.0, strength=1.2), straight_curve(206.0, strength=1.2))
    found = best(framed)
    assert found.plan.name == name
    assert found.curves == tuple(page.curves)
    assert found.left_out(framed.curves) == []


def test_a_frame_is_not_a_row_of_a_specified_layout() -> None:
    page = with_lines(painted_page("3x4"), straight_curve(12.0, strength=1.2))
    (found, *_) = hypotheses(page, LAYOUTS["3x4"], is_fixed=True)
    assert not any(curve.is_straight for curve in found.curves)


def test_a_faint_line_of_another_time_is_not_a_row() -> None:
    """A line of text, which the locate stage confuses with a row."""
    text = curve_from_heights(np.random.default_rng(0).normal(0, 2, 1250), 200.0, strength=0.35)
    page = painted_page("3x4")
    assert best(with_lines(page, text)).curves == tuple(page.curves)


@pytest.mark.parametrize(
    "layout", ["aVF,V1/aVL,V2/I,V3/aVR,V4/II,V5/III,V6", "V1,I/V2,II/V3,III/V4,aVR/V5,aVL/V6,aVF"]
)
def test_the_leads_may_be_in_another_order(layout: str) -> None:
    page = painted_page(layout)
    found = best(page)
    assert found.plan.rows == page.plan.rows
    assert found.plan.name == "6x2 as labelled"
    assert found.names.is_read.all()


def test_a_few_wrong_names_do_not_change_the_order() -> None:
    page = painted_page("3x4")
    swapped = {"I": "III", "III": "I"}
    names = [replace(name, lead=swapped.get(name.lead, name.lead)) for name in page.names]
    found = best(replace(page, names=names))
    assert found.plan.rows == LAYOUTS["3x4"].rows
    assert found.names.is_contradicted.sum() == 2


def test_a_specified_layout_is_not_reordered() -> None:
    page = painted_page("aVL,V1/I,V2/aVR,V3/II,V4/aVF,V5/III,V6")
    (found, *_) = hypotheses(page, LAYOUTS["6x2"], is_fixed=True)
    assert found.plan == LAYOUTS["6x2"]
    assert found.names.is_contradicted.sum() == 6
    assert found.points_of("relations") < 0


def test_six_chest_leads_are_a_page_of_their_own() -> None:
    found = best(painted_page("chest-6x1"))
    assert found.plan.name == "chest-6x1"
    assert best(painted_page("6x1")).plan.name == "6x1"


def test_the_signals_confirm_limb_leads_without_names() -> None:
    limb, chest = (painted_page(name).without_names(*LEADS) for name in ("6x1", "chest-6x1"))
    assert hypotheses(limb, LAYOUTS["6x1"])[0].signal_points > 15
    assert hypotheses(chest, LAYOUTS["6x1"])[0].signal_points < 0
    assert hypotheses(chest, LAYOUTS["chest-6x1"])[0].signal_points == 0


def test_a_lead_with_the_other_sign_is_another_reading() -> None:
    page = painted_page("cabrera-6x2")
    (inverted, *_) = hypotheses(page, LAYOUTS["cabrera-6x2"], is_fixed=True)
    upright_plan = plan_from_text("aVL,V1/I,V2/aVR,V3/II,V4/aVF,V5/III,V6")
    (upright, *_) = hypotheses(page, upright_plan, is_fixed=True)
    assert not inverted.is_same_reading(upright)
    assert inverted.points_of("relations") > upright.points_of("relations") + 10


@pytest.mark.parametrize("strips", [("V1", "II"), ("II", "V5"), ("V5", "III")])
def test_two_rhythm_strips_may_show_any_leads(strips: tuple[str, str]) -> None:
    layout = "I,aVR,V1,V4/II,aVL,V2,V5/III,aVF,V3,V6/" + "/".join(strips)
    found = best(painted_page(layout))
    assert found.plan.name == "3x4+2"
    assert found.plan.rows[3:] == tuple((strip,) for strip in strips)
    assert found.text == f"3x4+2 with {', '.join(strips)}"


@pytest.mark.parametrize("lead", ["II", "III", "V1", "aVF", "V5"])
def test_a_rhythm_strip_without_a_name_is_named_by_its_signal(lead: str) -> None:
    page = painted_page(f"I,aVR,V1,V4/II,aVL,V2,V5/III,aVF,V3,V6/{lead}")
    unnamed = replace(page, names=page.names[:-1])
    found = best(unnamed)
    assert found.plan.rows[3] == (lead,)
    assert found.contradicted_strips == ()


def test_a_strip_named_like_another_lead_is_contradicted() -> None:
    """The name II at a strip that shows III. A specified layout keeps its leads."""
    page = painted_page("3x4+1", drawn_as="I,aVR,V1,V4/II,aVL,V2,V5/III,aVF,V3,V6/III")
    (found, *_) = hypotheses(page, LAYOUTS["3x4+1"], is_fixed=True)
    assert found.plan.rows[3] == ("II",)
    assert found.contradicted_strips == (("II", "III"),)
    assert best(painted_page("3x4+1")).contradicted_strips == ()


@pytest.mark.parametrize("width_mm", [180.0, 215.0])
@pytest.mark.parametrize("name", ["3x4", "3x4+1", "6x2"])
def test_a_record_continues_beyond_the_edge_of_a_cut_page(name: str, width_mm: float) -> None:
    found = best(cut_at(painted_page(name), width_mm))
    assert found.plan.name == name
    assert (found.start_mm, found.end_mm) == pytest.approx((START_MM, START_MM + 250))
    assert found.visible_share == pytest.approx(width_mm / 250, abs=0.01)


def test_a_record_continues_beyond_the_left_edge() -> None:
    page = painted_page("3x4")
    skipped_mm = 70.0
    first = round(skipped_mm / CURVE_STEP_MM)
    curves = [
        replace(
            curve,
            baseline=replace(curve.baseline, start_mm=START_MM + skipped_mm),
            start_mm=START_MM + skipped_mm,
            height_mm=curve.height_mm[first:],
            is_cut_left=True,
        )
        for curve in page.curves
    ]
    names = [name for name in page.names if name.u_mm > START_MM + skipped_mm]
    found = best(replace(page, names=names, curves=curves))
    assert (found.start_mm, found.end_mm) == pytest.approx((START_MM, START_MM + 250))
    assert found.visible_share == pytest.approx(0.72, abs=0.01)


def test_a_narrow_record_inside_the_image_is_whole() -> None:
    page = cut_at(painted_page("3x4"), 180.0)
    curves = [replace(curve, is_cut_right=False) for curve in page.curves]
    found = best(replace(page, curves=curves))
    assert found.end_mm == pytest.approx(START_MM + 180)
    assert found.visible_share == pytest.approx(1)


def test_clear_rows_outside_a_specified_layout_are_left_out() -> None:
    page = painted_page("3x4+2")
    (found, *_) = hypotheses(page, LAYOUTS["3x4+1"], is_fixed=True)
    assert len(found.left_out(page.curves)) == 1


def test_rows_outside_a_layout_cost_points() -> None:
    three, four = (
        hypotheses(painted_page(name), LAYOUTS["3x4"])[0].points_of("rows") for name in ("3x4", "3x4+1")
    )
    assert four < three - 5
    page = painted_page("3x4")
    other = curve_from_heights(row_heights_mm(["II"], simulated_leads(5)), 200.0)
    (foreign, *_) = hypotheses(with_lines(page, other), LAYOUTS["3x4"])
    assert four < foreign.points_of("rows") < three, "a row of another time costs less"
    (framed, *_) = hypotheses(with_lines(page, straight_curve(200.0)), LAYOUTS["3x4"])
    assert framed.points_of("rows") == three


def test_lines_without_the_beats_of_the_page_are_not_left_out() -> None:
    page = painted_page("3x4+1")
    other = row_heights_mm(["II"], simulated_leads(5))
    foreign = curve_from_heights(other, 200.0)
    faint = replace(page.curves[3], baseline=replace(page.curves[3].baseline, v_mm=208.0, strength=0.3))
    lines = [*page.curves, foreign, faint, straight_curve(12.0)]
    assert best(page).left_out(lines) == []
    second = replace(page.curves[3], baseline=replace(page.curves[3].baseline, v_mm=204.0))
    assert best(page).left_out([*lines, second]) == [second]


def test_rows_of_one_lead_are_consecutive_if_their_beats_differ() -> None:
    signals = simulated_leads()
    plan = plan_from_text("II/II/II")
    baselines = (50.0, 100.0, 150.0)
    later = [
        curve_from_heights(row_heights_mm(["II"], simulated_leads(seed)), v_mm)
        for seed, v_mm in enumerate(baselines)
    ]
    same = [curve_from_heights(row_heights_mm(["II"], signals), v_mm) for v_mm in baselines]
    page = replace(painted_page("3x4"), plan=plan, names=[])
    points = [
        hypotheses(replace(page, curves=curves), plan, is_fixed=True)[0].points_of("beats")
        for curves in (later, same)
    ]
    assert points[0] == 3
    assert points[1] < 0


def test_equal_readings_have_the_same_leads_at_the_same_places() -> None:
    page = painted_page("3x4+1")
    first = best(page)
    other = hypotheses(painted_page("3x4+1", simulated_leads(3)))[0]
    assert first.is_same_reading(other)
    renamed = hypotheses(
        page, replace(LAYOUTS["3x4+1"], rows=(*LAYOUTS["3x4+1"].rows[:3], ("V1",))), is_fixed=True
    )
    assert not first.is_same_reading(renamed[0])
    assert not first.is_same_reading(best(painted_page("3x4")))


def test_points_are_the_sum_of_the_evidence() -> None:
    found = best(painted_page("3x4+1"))
    assert found.points == pytest.approx(sum(item.points for item in found.evidence))
    assert found.points_of("relations", "strips") == pytest.approx(found.signal_points)
    assert {item.source for item in found.evidence} == {
        "layout", "rows", "names", "beats", "relations", "strips"
    }  # fmt: skip
    assert str(Evidence("names", "12 read", -0.96)) == "names -1.0: 12 read"
    assert (clip(9.0, 4.0), clip(-9.0, 4.0), clip(1.0, 4.0)) == (4.0, -4.0, 1.0)


def test_no_plan_fits_fewer_lines_than_rows() -> None:
    page = painted_page("3x4")
    assert hypotheses(page, LAYOUTS["12x1"]) == []
