"""Start and end of the record from the ends of its rows."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from flat_mesh import flat_mesh

from ecgdigit_rt.layout.baselines import Baseline
from ecgdigit_rt.layout.catalog import LAYOUTS
from ecgdigit_rt.layout.match import layout_from_plan
from ecgdigit_rt.results import Layout
from ecgdigit_rt.tracing.record_extent import (
    common_extent_mm,
    ends_within_image,
    gapped_extent,
    record_extent_mm,
    snap_to_half_mm,
)
from ecgdigit_rt.tracing.row_traces import RowEnds


def layout_3x4(start_mm: float, end_mm: float, distance_mm: float = 40.0) -> Layout:
    """Return a 3x4 layout with approximate ends."""
    baselines = [Baseline(40.0 + distance_mm * i, start_mm, end_mm, 1.0) for i in range(3)]
    return layout_from_plan(LAYOUTS["3x4"], baselines, start_mm, end_mm, 25.0, 10.0)


def test_all_ends_of_a_standard_width_measure_one_start() -> None:
    start, end = common_extent_mm([20.00, 20.04, 19.9, 20.06], [270.0, 270.1, 269.9, 262.0])
    assert start == pytest.approx(20.0, abs=0.02)
    assert end - start == pytest.approx(250.0)


def test_the_ends_next_to_the_pulse_are_ignored() -> None:
    starts, ends = [19.2, 19.2, 19.3, 19.2], [270.0, 270.1, 269.9, 270.0]
    assert common_extent_mm(starts, ends, "left") == pytest.approx((20.0, 270.0))
    assert common_extent_mm(starts, ends, "right") == pytest.approx((19.2, 269.2))


def test_a_nonstandard_width_is_returned_as_measured() -> None:
    assert common_extent_mm([10.0, 10.2, 10.1], [230.0, 231.0, 230.5]) == (10.1, 230.5)


def test_a_start_snaps_to_half_a_millimetre_of_the_grid() -> None:
    assert snap_to_half_mm(20.12, flat_mesh(slope=0.01)) == pytest.approx(20.0)
    assert snap_to_half_mm(20.4, flat_mesh(slope=0.01)) == pytest.approx(20.5)
    assert snap_to_half_mm(20.25, flat_mesh(slope=0.01)) == 20.25  # too far from both
    # In an unchanged drawing the grid lines are on whole pixels, half a pixel of 1/8 mm too far right.
    assert snap_to_half_mm(20.1, flat_mesh()) == pytest.approx(20 - 0.5 / 8)
    # A drawing that was rotated by a program keeps its resolution: 200 dpi to a ten-thousandth.
    slope, px_per_mm = 0.05, 200 / 25.4 / np.hypot(1, 0.05)
    assert snap_to_half_mm(20.1, flat_mesh(px_per_mm, slope)) == pytest.approx(20 - 0.5 * 25.4 / 200)
    assert snap_to_half_mm(20.1, flat_mesh(1.001 * px_per_mm, slope)) == pytest.approx(20.0)
    gridless = dataclasses.replace(flat_mesh(slope=0.01), residual_px=float("nan"))
    assert snap_to_half_mm(20.17, gridless) == 20.17


def test_a_side_without_ends_is_a_standard_width_away() -> None:
    left = [RowEnds(20.0, None), RowEnds(20.1, None), RowEnds(None, None)]
    assert record_extent_mm(left, layout_3x4(24, 268), "left") == pytest.approx((20.05, 270.05))
    assert record_extent_mm(left, layout_3x4(24, 220), "left") == pytest.approx((20.05, 220))
    right = [RowEnds(None, 270.0)] * 3
    assert record_extent_mm(right, layout_3x4(24, 268), "") == pytest.approx((20, 270))
    assert record_extent_mm([RowEnds(None, None)] * 3, layout_3x4(24, 268), "") == (24, 268)


def test_an_end_at_the_edge_of_the_image_is_not_an_end_of_the_record() -> None:
    layout = layout_3x4(20.0, 257.0, distance_mm=0)
    ends = [RowEnds(20.0, 257.6)] * 3
    assert ends_within_image(ends, layout, flat_mesh(), (300 * 8, 80 * 8)) == ends
    cut = ends_within_image(ends, layout, flat_mesh(), (258 * 8, 80 * 8))
    assert cut == [RowEnds(20.0, None)] * 3
    assert record_extent_mm(cut, layout, "left", is_cut=True) == pytest.approx((20, 270))
    narrow = layout_3x4(20.0, 220.0, distance_mm=0)
    assert record_extent_mm(cut, narrow, "left", is_cut=True) == pytest.approx((20, 270))
    assert record_extent_mm(cut, narrow, "left") == pytest.approx((20, 220))


def test_rows_that_are_longer_by_equal_gaps_have_gaps_between_their_columns() -> None:
    layout = layout_3x4(20.0, 276.0)
    found = gapped_extent([RowEnds(20.1, 276.0), RowEnds(19.9, 276.1), RowEnds(20.0, 276.2)], layout)
    assert found is not None
    assert (found.start_mm, found.width_mm) == (20.0, 250.0)
    assert found.gap_mm == pytest.approx(2.0, abs=0.05)


@pytest.mark.parametrize(
    "ends",
    [
        [RowEnds(20.0, 270.4)] * 3,  # no gaps
        [RowEnds(20.0, 288.0)] * 3,  # too wide for gaps
        [RowEnds(20.0, 276.0), RowEnds(20.0, 276.0), RowEnds(20.0, 272.0)],  # ragged
        [RowEnds(20.0, 276.0), RowEnds(20.0, 276.0), RowEnds(20.0, None)],  # cut
        [RowEnds(None, None)] * 3,
    ],
)
def test_other_rows_have_no_gaps(ends: list[RowEnds]) -> None:
    assert gapped_extent(ends, layout_3x4(20.0, 276.0)) is None


def test_rows_of_one_lead_have_no_gaps() -> None:
    lines = [Baseline(20.0 + 15 * k, 20.0, 276.0, 1.0) for k in range(12)]
    layout = layout_from_plan(LAYOUTS["12x1"], lines, 20.0, 276.0, 25.0, 10.0)
    assert gapped_extent([RowEnds(20.0, 276.0)] * 12, layout) is None
