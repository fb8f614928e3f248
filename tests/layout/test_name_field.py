"""Printed lead names at the cells of a layout."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from painted_pages import START_MM, WIDTH_MM, PaintedName, PaintedPage, painted_heatmap, painted_page

from ecgdigit_rt.layout.name_field import NamedCell, NameField, NameMatch
from ecgdigit_rt.layout.page_text import FurtherName
from ecgdigit_rt.results import ALL_LEADS, LEADS

REACH_MM, END_MM = 20.0, START_MM + WIDTH_MM


def cells_of(page: PaintedPage) -> list[NamedCell]:
    """Return the cells of a page, row by row from left to right."""
    return [
        NamedCell(START_MM + WIDTH_MM * column / len(leads), curve.baseline.v_mm, ALL_LEADS.index(lead))
        for leads, curve in zip(page.plan.rows, page.curves, strict=True)
        for column, lead in enumerate(leads)
    ]


def match(page: PaintedPage, further: Sequence[FurtherName] = ()) -> NameMatch:
    return NameField(painted_heatmap(page.names), further).match(cells_of(page), REACH_MM, END_MM)


def moved(page: PaintedPage, offset: Callable[[int, int], tuple[float, float]]) -> PaintedPage:
    """Return the page with names moved by `offset(row, column)`, to the right and downwards."""
    columns = page.plan.columns
    names = []
    for k, name in enumerate(page.names):
        u, v = offset(k // columns, k % columns)
        names.append(replace(name, u_mm=name.u_mm + u, v_mm=name.v_mm + v))
    return replace(page, names=names)


@pytest.fixture(scope="module")
def page() -> PaintedPage:
    return painted_page("3x4")


@pytest.fixture(scope="module")
def usual_points(page: PaintedPage) -> float:
    return match(page).points


@pytest.mark.parametrize("offset", [(2.0, -6.0), (-8.0, 2.0), (11.0, 10.0), (0.0, -21.0)])
def test_all_names_may_have_any_common_distance(offset: tuple[float, float]) -> None:
    found = match(painted_page("3x4", offset_mm=offset))
    assert found.is_read.all()
    assert not found.is_contradicted.any()
    assert not found.unexplained
    assert found.points > -2


def test_names_may_have_another_height_in_each_row(page: PaintedPage, usual_points: float) -> None:
    heights = (0.0, 14.0, -5.0)
    found = match(moved(page, lambda row, _: (0.0, heights[row])))
    assert found.is_read.all()
    assert not found.unexplained
    assert usual_points - 4 < found.points < usual_points - 0.5, "other heights are less likely"


def test_names_may_have_another_distance_in_each_column(page: PaintedPage, usual_points: float) -> None:
    distances = (0.0, 9.0, 18.0, -6.0)
    found = match(moved(page, lambda _, column: (distances[column], 0.0)))
    assert found.is_read.all()
    assert not found.unexplained
    assert usual_points - 5 < found.points < usual_points - 0.5


def test_names_at_random_places_are_not_read(page: PaintedPage, usual_points: float) -> None:
    rng = np.random.default_rng(0)
    found = match(moved(page, lambda *_: tuple(rng.uniform(-25, 25, 2))))
    assert found.is_read.sum() < 8
    assert found.points < usual_points - 15


def test_wrong_names_contradict_the_layout(page: PaintedPage, usual_points: float) -> None:
    names = list(page.names)
    names[0], names[5] = replace(names[0], lead="aVL"), replace(names[5], lead="I")
    found = match(replace(page, names=names))
    assert np.flatnonzero(found.is_contradicted).tolist() == [0, 5]
    assert found.is_read.sum() == 10
    assert found.points < usual_points - 8
    assert found.name_points(0, LEADS.index("aVL")) > found.name_points(0, LEADS.index("I")) + 4


def test_missing_names_cost_less_than_wrong_ones(page: PaintedPage, usual_points: float) -> None:
    missing = match(page.without_names("aVL"))
    wrong = match(replace(page, names=[replace(n, lead="V6") if n.lead == "aVL" else n for n in page.names]))
    at = [name.lead for name in page.names].index("aVL")
    assert not missing.is_read[at]
    assert not missing.is_contradicted.any()
    assert missing.presence[at] == pytest.approx(0)
    assert usual_points - 4 < missing.points < usual_points - 1
    assert wrong.points < missing.points - 1


def test_a_page_without_names_is_possible(page: PaintedPage) -> None:
    """Machines that print no names are rare, but more frequent than twelve missed names."""
    found = match(page.without_names(*LEADS))
    assert not found.is_read.any()
    assert not found.is_contradicted.any()
    assert found.points == pytest.approx(np.log(0.02), abs=0.5)
    half = match(page.without_names(*LEADS[:6]))
    assert half.points < found.points - 8, "some names without the others"


def test_faint_names_count_in_part(page: PaintedPage, usual_points: float) -> None:
    names = [replace(name, activation=0.15 if k < 6 else 0.9) for k, name in enumerate(page.names)]
    faint = match(replace(page, names=names))
    assert faint.presence[:6] == pytest.approx(0.4, abs=0.2)
    assert faint.presence[6:] == pytest.approx(1)
    assert usual_points - 12 < faint.points < usual_points - 2


def test_names_without_a_cell_are_listed(page: PaintedPage, usual_points: float) -> None:
    v_mm = page.curves[1].baseline.v_mm
    stray = PaintedName("V1", START_MM + 40, v_mm - 6)
    found = match(replace(page, names=[*page.names, stray]))
    assert [(label.lead, label.u_mm) for label in found.unexplained] == [("V1", START_MM + 40)]
    assert found.points < usual_points - 2
    beyond = [PaintedName("V1", END_MM + 5, v_mm), PaintedName("V1", START_MM + 40, 5.0)]
    assert match(replace(page, names=[*page.names, *beyond])).unexplained == ()


def test_the_points_without_a_name_are_those_of_the_best_name(page: PaintedPage) -> None:
    names = [replace(page.names[0], lead="V2"), *page.names[1:]]
    found = match(replace(page, names=names))
    assert found.without_name(0).points == pytest.approx(
        found.points + found.name_points(0, LEADS.index("V2")) - found.name_points(0, LEADS.index("I"))
    )
    assert found.without_name(1).points == pytest.approx(found.points)


@pytest.fixture(scope="module")
def further_cells() -> list[NamedCell]:
    return [NamedCell(START_MM, 40.0 + 30 * k, ALL_LEADS.index(f"V{k + 3}R")) for k in range(4)]


def test_further_leads_are_matched_with_the_words_of_the_page(further_cells: list[NamedCell]) -> None:
    heatmap = painted_heatmap([])
    names = [FurtherName(f"V{k + 3}R", START_MM + 2, 40.0 + 30 * k - 6) for k in range(4)]
    right = NameField(heatmap, names).match(further_cells, REACH_MM, END_MM)
    swapped = [replace(names[1], v_mm=names[0].v_mm), replace(names[0], v_mm=names[1].v_mm), *names[2:]]
    wrong = NameField(heatmap, swapped).match(further_cells, REACH_MM, END_MM)
    assert right.is_read.all()
    assert wrong.is_contradicted.tolist() == [True, True, False, False]
    assert right.points > wrong.points + 5


def test_names_of_further_leads_may_be_read_as_any_name(further_cells: list[NamedCell]) -> None:
    """The locate stage reads V3R as V3 or as another name."""
    painted = [PaintedName(f"V{k + 3}", START_MM + 2, 40.0 + 30 * k - 6) for k in range(4)]
    found = NameField(painted_heatmap(painted)).match(further_cells, REACH_MM, END_MM)
    assert not found.is_contradicted.any()
    assert not found.unexplained
    usual = [replace(cell, lead=LEADS.index(f"V{k + 3}")) for k, cell in enumerate(further_cells)]
    named = NameField(painted_heatmap(painted)).match(usual, REACH_MM, END_MM)
    assert found.points < named.points - 3
