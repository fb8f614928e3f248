"""Relations between the curves of the leads of a page, with simulated signals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from painted_pages import (
    START_MM,
    WIDTH_MM,
    curve_from_heights,
    painted_page,
    row_heights_mm,
    simulated_leads,
    straight_curve,
)

from ecgdigit_rt.layout.catalog import plan_from_text
from ecgdigit_rt.layout.plan_cells import cells_from_plan
from ecgdigit_rt.layout.row_curve import CURVE_STEP_MM, RowCurve
from ecgdigit_rt.layout.signal_evidence import (
    SIMULTANEOUS,
    Cell,
    coincidence,
    relation_points,
    repeat_points,
)

RIGHT, WRONG = 3.0, -2.0
"""Minimum points of a relation that holds, and maximum points of one that is violated."""


def cells_of(layout: str, drawn_as: str | None = None, seed: int = 0, noise_mm: float = 0.0) -> list[Cell]:
    """Return the cells of a page with the leads of `layout`, on which the leads of `drawn_as` are drawn."""
    page = painted_page(layout, simulated_leads(seed), drawn_as=drawn_as)
    rng = np.random.default_rng(1)
    curves = [
        replace(curve, height_mm=curve.height_mm + noise_mm * rng.standard_normal(curve.height_mm.size))
        for curve in page.curves
    ]
    return list(cells_from_plan(page.plan, curves, START_MM, START_MM + WIDTH_MM))


def relations(cells: list[Cell]) -> dict[str, float]:
    """Return the points of each relation, by its text without the residual."""
    return {text.split(" (")[0]: points for text, points in relation_points(cells)}


@pytest.mark.parametrize("seed", range(5))
def test_simultaneous_limb_leads_satisfy_all_relations(seed: int) -> None:
    found = relations(cells_of("6x2", seed=seed))
    assert list(found) == ["I + III = II", "aVR + aVL + aVF = 0", "aVL - aVR = 1.5 I", "II + III = 2 aVF"]
    assert min(found.values()) > RIGHT
    assert min(relations(cells_of("6x2", seed=seed, noise_mm=0.15)).values()) > RIGHT


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    "drawn_as",
    [
        "V1,I/V2,II/V3,III/V4,aVR/V5,aVL/V6,aVF",  # chest leads instead of limb leads
        "aVF,V1/aVL,V2/aVR,V3/III,V4/II,V5/I,V6",  # upside down
        "II,V1/aVR,V2/I,V3/aVF,V4/III,V5/aVL,V6",  # another order
    ],
)
def test_other_leads_violate_the_relations(drawn_as: str, seed: int) -> None:
    found = relations(cells_of("6x2", drawn_as, seed))
    assert len(found) == 4
    assert sum(found.values()) < 0
    assert min(found.values()) < WRONG


def test_leads_i_and_iii_are_distinguished_by_the_augmented_leads() -> None:
    found = relations(cells_of("6x2", "III,V1/II,V2/I,V3/aVR,V4/aVL,V5/aVF,V6", seed=2))
    assert found["I + III = II"] > RIGHT
    assert found["aVL - aVR = 1.5 I"] < WRONG
    assert found["II + III = 2 aVF"] < 0


def test_an_inverted_lead_is_compared_with_its_sign() -> None:
    assert min(relations(cells_of("cabrera-6x2")).values()) > RIGHT
    upright = relations(cells_of("cabrera-6x2", "aVL,V1/I,V2/aVR,V3/II,V4/aVF,V5/III,V6"))
    assert upright["aVR + aVL + aVF = 0"] < WRONG


def test_leads_of_different_columns_are_not_compared() -> None:
    found = relations(cells_of("3x4"))
    assert list(found) == ["I + III = II", "aVR + aVL + aVF = 0"]
    assert relations(cells_of("4x3")) == {}, "no column of this layout has all leads of a relation"


@pytest.mark.parametrize("layout", ["3x4+1", "6x2+1"])
def test_a_rhythm_strip_does_not_replace_the_cell_of_its_lead(layout: str) -> None:
    cells = cells_of(layout)
    strip = cells[-1].curve
    later = replace(strip, height_mm=np.roll(strip.height_mm, 55))
    cells[-1] = replace(cells[-1], curve=later)
    texts = [text.split(" (")[0] for text, _ in relation_points(cells)]
    assert len(set(texts)) == len(texts), "each relation counts once"
    assert min(relations(cells).values()) > RIGHT


def test_short_parts_are_not_compared() -> None:
    cells = cells_of("3x4")
    cut = [
        replace(cell, curve=replace(cell.curve, height_mm=cell.curve.height_mm[:80])) for cell in cells
    ]  # 16 mm of the first column
    assert relations(cut) == {}


def test_baseline_wander_does_not_violate_a_relation() -> None:
    cells = cells_of("3x4")
    position = np.arange(cells[0].curve.height_mm.size) * CURVE_STEP_MM
    wander = [3 * np.sin(position / period) for period in (25, 32, 41)]
    curves = dict(zip(dict.fromkeys(cell.curve for cell in cells), wander, strict=True))
    moved = [
        replace(cell, curve=replace(cell.curve, height_mm=cell.curve.height_mm + curves[cell.curve]))
        for cell in cells
    ]
    assert min(relations(moved).values()) > 1


def test_leads_that_were_not_simultaneous_cost_a_limited_number_of_points() -> None:
    cells = cells_of("3x4")
    row = cells[4].curve
    late = replace(row, height_mm=np.roll(row.height_mm, round(9 / CURVE_STEP_MM)))
    found = relations([replace(cell, curve=late) if cell.curve is row else cell for cell in cells])
    assert WRONG > found["I + III = II"] > np.log(0.05) - 0.01


STRIPS = ["I", "II", "III", "aVR", "V1", "V2", "V5"]


def strip_points(lead: str, shift_mm: float = 0.0, seed: int = 0) -> dict[str, float]:
    """Return the points of a rhythm strip that shows `lead`, displaced to the right, below a 3x4 page."""
    signals = simulated_leads(seed)
    page = painted_page("3x4", signals)
    heights = row_heights_mm([lead], signals)
    strip = curve_from_heights(np.roll(heights, round(shift_mm / CURVE_STEP_MM)), 200.0)
    plan = plan_from_text("I,aVR,V1,V4/II,aVL,V2,V5/III,aVF,V3,V6/II")
    cells = cells_from_plan(plan, [*page.curves, strip], START_MM, START_MM + WIDTH_MM)
    return repeat_points(cells[-1], cells)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("lead", STRIPS)
def test_a_rhythm_strip_repeats_its_own_lead(lead: str, seed: int) -> None:
    points = strip_points(lead, seed=seed)
    assert len(points) == 12
    assert max(points, key=lambda name: points[name]) == lead
    assert points[lead] > RIGHT
    assert max(value for name, value in points.items() if name != lead) < points[lead] - 3


@pytest.mark.parametrize("shift_mm", [-1.6, 1.0, 1.8])
def test_a_rhythm_strip_may_be_displaced(shift_mm: float) -> None:
    points = strip_points("III", shift_mm)
    assert max(points, key=lambda name: points[name]) == "III"
    assert points["III"] > points["II"] + 3


def test_a_rhythm_strip_of_another_time_costs_a_limited_number_of_points() -> None:
    points = strip_points("II", 11.0)
    assert max(points.values()) < 0
    assert min(points.values()) > -3.1


def test_a_rhythm_strip_is_not_compared_with_itself() -> None:
    cells = cells_of("3x4+1")
    assert set(repeat_points(cells[-1], cells[-1:])) == set()
    assert len(repeat_points(cells[-1], cells)) == 12


def later(curve: RowCurve, shift_mm: float) -> RowCurve:
    return replace(curve, height_mm=np.roll(curve.height_mm, round(shift_mm / CURVE_STEP_MM)))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("layout", ["3x4", "3x4+1", "6x2", "12x1", "chest-6x1"])
def test_beats_of_simultaneous_rows_coincide(layout: str, seed: int) -> None:
    curves = painted_page(layout, simulated_leads(seed)).curves
    assert coincidence(curves).min() > SIMULTANEOUS


def test_beats_of_another_time_do_not_coincide() -> None:
    curves = painted_page("3x4+1").curves
    agreement = coincidence([*curves[:3], later(curves[3], 8.0)])
    assert agreement[3] < SIMULTANEOUS
    assert agreement[:3].min() > SIMULTANEOUS
    rows = [curve_from_heights(row_heights_mm(["II"], simulated_leads(k)), 40.0 * k) for k in range(1, 5)]
    assert coincidence(rows).max() < SIMULTANEOUS, "four recordings"


def test_beats_do_not_coincide_with_a_straight_line() -> None:
    curves = painted_page("3x4").curves
    agreement = coincidence([*curves, straight_curve(200.0)])
    assert agreement[3] < 0.2
    assert agreement[:3].min() > SIMULTANEOUS


def test_rows_without_a_common_range_count_as_coinciding() -> None:
    curves = painted_page("3x4").curves
    assert coincidence(curves[:1]).tolist() == [1.0]
    beside = replace(curves[1], start_mm=curves[0].end_mm + 5)
    assert coincidence([curves[0], beside]).tolist() == [1.0, 1.0]


def test_rows_with_other_extents_are_compared_at_equal_positions() -> None:
    first, *others = painted_page("3x4").curves
    skipped = round(40 / CURVE_STEP_MM)
    shorter = replace(first, start_mm=START_MM + 40, height_mm=first.height_mm[skipped:-100])
    assert coincidence([shorter, *others]).min() > SIMULTANEOUS
    displaced = replace(shorter, start_mm=START_MM + 32)
    assert coincidence([displaced, *others])[0] < SIMULTANEOUS
