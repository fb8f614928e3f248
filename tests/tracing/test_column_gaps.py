"""Gaps between columns, from the presence of the traces in ideal strips."""

from __future__ import annotations

import numpy as np
import pytest

from ecgdigit_rt.layout.baselines import Baseline
from ecgdigit_rt.layout.catalog import LAYOUTS
from ecgdigit_rt.layout.match import layout_from_plan
from ecgdigit_rt.results import Layout
from ecgdigit_rt.stages import BINS_PER_MM, COLUMNS_PER_MM, STRIP_HALF_HEIGHT_MM
from ecgdigit_rt.tracing.column_gaps import with_column_gaps
from ecgdigit_rt.tracing.strip_prediction import StripPrediction

START_MM, END_MM = 20.0, 270.0
STRIP_START_MM, STRIP_MM = 8.0, 274.0


def layout(name: str = "3x4+1") -> Layout:
    plan = LAYOUTS[name]
    lines = [Baseline(30.0 * k, START_MM, END_MM, 1.0) for k in range(len(plan.rows))]
    return layout_from_plan(plan, lines, START_MM, END_MM, 25.0, 10.0)


def strips(page: Layout, *absent_mm: tuple[float, float], rows: slice = slice(None)) -> list[StripPrediction]:
    """Return strips without a trace in these ranges around each boundary, in some of the rows."""
    count = round(STRIP_MM * COLUMNS_PER_MM)
    at = STRIP_START_MM + np.arange(count) / COLUMNS_PER_MM
    made = []
    for k, row in enumerate(page.rows):
        is_present = (at >= START_MM) & (at < END_MM)
        for segment in row.segments[1:] if k in range(len(page.rows))[rows] else ():
            for first, last in absent_mm:
                is_present &= (at < segment.start_mm + first) | (at >= segment.start_mm + last)
        logits = np.zeros((round(2 * STRIP_HALF_HEIGHT_MM * BINS_PER_MM), count), np.float32)
        presence = np.where(is_present, 4, -4).astype(np.float32)
        made.append(StripPrediction(logits, presence, STRIP_START_MM))
    return made


def test_a_page_without_gaps_is_unchanged() -> None:
    page = layout()
    assert with_column_gaps(page, strips(page)) is page
    assert with_column_gaps(page, strips(page, (-0.75, 0.75))) is page, "a separator"


@pytest.mark.parametrize("visible", [(0.0, 5.0), (2.0, 5.0)])
def test_leads_start_behind_the_gap_at_the_same_time(visible: tuple[float, float]) -> None:
    """A separator or a name may cover the first part of the gap."""
    page = layout()
    found = with_column_gaps(page, strips(page, visible))
    for row, regular in zip(found.rows[:3], page.rows[:3], strict=True):
        assert [one.start_mm for one in row.segments] == pytest.approx([20.0, 87.5, 150.0, 212.5], abs=0.1)
        assert [one.end_mm for one in row.segments] == [one.end_mm for one in regular.segments]
        assert [one.start_s for one in row.segments] == [one.start_s for one in regular.segments]
        assert [one.end_s - one.start_s for one in row.segments] == pytest.approx(
            [2.5, 2.3, 2.3, 2.3], abs=0.01
        )
    assert found.rows[3] == page.rows[3], "the rhythm strip has no gaps"


def test_leads_may_end_before_the_boundary() -> None:
    page = layout("6x2")
    found = with_column_gaps(page, strips(page, (-4.0, 0.0)))
    for row in found.rows:
        assert [one.end_mm for one in row.segments] == pytest.approx([141.0, 270.0], abs=0.1)
        assert [one.start_mm for one in row.segments] == pytest.approx([20.0, 145.0], abs=0.1)
        assert row.segments[0].end_s == pytest.approx(4.84, abs=0.01)


def test_gaps_of_few_rows_do_not_count() -> None:
    """A stain hides the trace in one of three rows."""
    page = layout("3x4")
    assert with_column_gaps(page, strips(page, (0.0, 5.0), rows=slice(0, 1))) is page
    assert with_column_gaps(page, strips(page, (0.0, 5.0), rows=slice(0, 2))) is not page


def test_a_single_column_has_no_gaps() -> None:
    page = layout("6x1")
    assert with_column_gaps(page, strips(page)) is page
