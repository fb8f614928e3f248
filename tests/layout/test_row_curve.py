"""Coarse curves of lines: straight lines, and parts of a curve."""

from __future__ import annotations

import numpy as np
import pytest
from painted_pages import curve_from_heights, row_heights_mm, simulated_leads, straight_curve

from ecgdigit_rt.layout.row_curve import CURVE_STEP_MM
from ecgdigit_rt.results import LEADS


@pytest.mark.parametrize("lead", LEADS)
def test_a_lead_is_not_a_straight_line(lead: str) -> None:
    for seed in (2, 3, 4):
        assert not curve_from_heights(row_heights_mm([lead], simulated_leads(seed))).is_straight


def test_frames_and_rules_are_straight_lines() -> None:
    assert straight_curve(10.0).is_straight
    position = np.arange(1250, dtype=np.float64) * CURVE_STEP_MM
    assert curve_from_heights(0.01 * position).is_straight, "a rule on a rotated page"
    assert curve_from_heights(0.25 * (position // 5 % 2)).is_straight, "a dashed line"
    specks = np.zeros(1250)
    specks[::200] = 8.0  # vertical rules that cross the line every 40 mm
    assert curve_from_heights(specks).is_straight


def test_an_empty_curve_is_a_straight_line() -> None:
    assert curve_from_heights(np.empty(0)).is_straight
    assert curve_from_heights(np.array([5.0])).is_straight


def test_parts_of_a_curve_are_selected_by_their_position() -> None:
    curve = curve_from_heights(np.arange(500.0), start_mm=20.0)
    assert curve.end_mm == pytest.approx(120.0)
    part = curve.between(30.0, 40.0)
    assert part.size == round(10.0 / CURVE_STEP_MM)
    assert part[0] * CURVE_STEP_MM + curve.start_mm == pytest.approx(30.0)


@pytest.mark.parametrize(
    ("start_mm", "end_mm", "length_mm"),
    [(10.0, 25.0, 5.0), (115.0, 140.0, 5.0), (0.0, 200.0, 100.0), (0.0, 20.0, 0.0), (-9.0, 10.0, 0.0),
     (120.0, 150.0, 0.0)],
)  # fmt: skip
def test_parts_beyond_the_ends_are_left_out(start_mm: float, end_mm: float, length_mm: float) -> None:
    curve = curve_from_heights(np.ones(500), start_mm=20.0)
    assert curve.between(start_mm, end_mm).size * CURVE_STEP_MM == pytest.approx(length_mm)
