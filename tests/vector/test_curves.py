"""Curves of a drawing: joined strokes, pulses, bars, rows, and lines that are no curves."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from painted_pages import simulated_leads

from ecgdigit_rt.drawing import Drawing, Pen, Stroke
from ecgdigit_rt.vector.curves import Curve, Curves, curves_from_drawing, rows_from_curves
from ecgdigit_rt.vector.grid import GridScale
from ecgdigit_rt.vector.leads import _parts

PEN, OTHER = Pen((0, 0, 0), 2.0), Pen((0, 0, 255), 2.0)
STEP_MM = 0.05
Points = NDArray[np.float64]


def wave(start_mm: float, baseline_mm: float, seconds: float = 10.0, lead: str = "II") -> Points:
    """Return the points of a lead at 25 mm/s and 10 mm/mV."""
    mv = simulated_leads()[lead][: round(seconds * 500)]
    return np.stack([start_mm + STEP_MM * np.arange(mv.size), baseline_mm - 10 * mv], 1)


def pulse(start_mm: float, foot_mm: float, height_mm: float = 10.0) -> Points:
    u = np.array([0, 1.5, 1.5, 6.5, 6.5, 8.0]) + start_mm
    return np.stack([u, foot_mm - height_mm * np.array([0, 0, 1, 1, 0, 0])], 1)


def found(*lines: Points, pen: Pen = PEN) -> Curves:
    """Return the curves of a drawing with 10 px/mm."""
    strokes = tuple(Stroke(10 * line, pen) for line in lines)
    return curves_from_drawing(Drawing(strokes, (3000, 2000), (10.0, 10.0)), GridScale(10.0, 10.0))


def pieces(points: Points, size: int) -> list[Points]:
    return [points[first : first + size + 1] for first in range(0, len(points) - 1, size)]


def assert_is(curve: Curve, points: Points) -> None:
    np.testing.assert_allclose(curve.u_mm, points[:, 0], atol=1e-6)
    np.testing.assert_allclose(curve.v_mm, points[:, 1], atol=1e-9)


@pytest.mark.parametrize("size", [1, 50, 5000])
@pytest.mark.parametrize("is_shuffled", [False, True])
def test_strokes_that_touch_are_one_curve(size: int, is_shuffled: bool) -> None:
    first, second = wave(20, 60), wave(20, 100, lead="V1")
    strokes = [*pieces(first, size), *pieces(second, size)]
    if is_shuffled:
        strokes = [strokes[index] for index in np.random.default_rng(0).permutation(len(strokes))]
    upper, lower = sorted(found(*strokes).curves, key=lambda curve: curve.baseline_mm)
    assert_is(upper, first)
    assert_is(lower, second)


def test_pieces_that_do_not_share_a_point_are_one_curve() -> None:
    first, second = wave(20, 60), wave(20, 100, lead="V1")
    strokes = [line[k : k + 50] for line in (first, second) for k in range(0, len(line), 50)]
    curves = found(*strokes).curves
    assert sorted(curve.u_mm.size for curve in curves) == [5000, 5000]


def test_a_curve_may_be_drawn_backwards() -> None:
    (curve,) = found(wave(20, 60)[::-1]).curves
    assert_is(curve, wave(20, 60))


def test_straight_lines_and_rectangles_are_no_curves() -> None:
    frame = np.array([(10, 10), (280, 10), (280, 190), (10, 190), (10, 10)], float)
    slope = np.stack([np.linspace(10, 280, 500), np.linspace(20, 25, 500)], 1)
    slope[:, 1] = 20.0
    steps = np.repeat(np.stack([np.arange(10.0, 60, 2), 30 + np.arange(25.0) % 2], 1), 2, axis=0)
    steps[1:, 0] = steps[:-1, 0]
    assert found(frame, slope, steps).curves == ()


@pytest.mark.parametrize("height", [5.0, 10.0, 20.0])
def test_separate_pulses_are_measured(height: float) -> None:
    result = found(pulse(8, 60, height), wave(20, 60))
    (measured,) = result.pulses
    assert (measured.height_mm, measured.u_mm) == pytest.approx((height, 12.0))
    assert measured.v_mm == pytest.approx(60 - height / 2)
    assert len(result.curves) == 1


def test_a_pulse_of_another_pen_and_of_single_lines_is_found() -> None:
    lines = pieces(pulse(8, 60), 1)
    (measured,) = found(*lines, *lines[2:3], pen=OTHER).pulses
    assert measured.height_mm == pytest.approx(10)


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_pulse_of_the_same_path_is_not_part_of_the_curve(side: str) -> None:
    line = wave(20, 60)
    both = [pulse(12, 60), line] if side == "left" else [line, pulse(271, 60)]
    result = found(np.concatenate(both))
    (curve,), (measured,) = result.curves, result.pulses
    assert_is(curve, line)
    assert measured.height_mm == pytest.approx(10)
    assert measured.u_mm == pytest.approx(16 if side == "left" else 275)


def test_bars_between_leads_are_left_out() -> None:
    line = wave(20, 60)
    bar = np.array([(82.475, 60), (82.475, 57), (82.475, 63), (82.475, 60)])
    (curve,) = found(np.concatenate([line[:1250], bar, line[1250:]])).curves
    assert_is(curve, line)


def test_missing_points_on_straight_lines_do_not_matter() -> None:
    line = wave(20, 60)
    line[100:130, 1] = line[100, 1]
    thinned = np.delete(line, np.arange(101, 129), axis=0)
    (curve,) = found(np.round(thinned, 3)).curves
    np.testing.assert_allclose(curve.u_mm, thinned[:, 0], atol=2e-4)


def test_rows_are_ordered_within_each_column() -> None:
    """The right column is 15 mm lower than the left one, and a strip spans both."""
    left = [wave(20, v, 5) for v in (40, 70, 100)]
    right = [wave(145, v + 15, 5, "V1") for v in (40, 70, 100)]
    rows = rows_from_curves(found(*left, *right, wave(20, 150)).curves)
    assert [[round(curve.start_mm) for curve in row] for row in rows] == [[20, 145]] * 3 + [[20]]
    assert [len(row) for row in rows] == [2, 2, 2, 1]


def test_rows_are_cut_at_equal_distances_and_at_the_ends_of_curves() -> None:
    (curve,) = found(wave(20, 60)).curves
    assert [part.u_mm.size for part in _parts([curve], 4)] == [1250] * 4
    columns = [wave(20, 60, 2.4), wave(82.5, 60, 2.4, "V1")]
    curves = sorted(found(*columns).curves, key=lambda one: one.start_mm)
    assert [part.u_mm.size for part in _parts(curves, 2)] == [1200, 1200]
