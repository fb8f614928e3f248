"""Coarse curves of the lines of a page, from ideal strips."""

from __future__ import annotations

import numpy as np
import pytest
from drawn_strips import logits_from_height, presence_between
from flat_mesh import flat_mesh

from ecgdigit_rt.layout.baselines import Baseline
from ecgdigit_rt.layout.row_curve import CURVE_STEP_MM
from ecgdigit_rt.stages import COLUMNS_PER_MM
from ecgdigit_rt.tracing.line_curves import Lines, lines_from_strips
from ecgdigit_rt.tracing.strip_prediction import StripPrediction

START_MM, COLUMNS = 10.0, 5400
SIZE_PX = (300 * 8, 220 * 8)
"""Size of an image with 8 pixels per millimetre."""


def height_mm() -> np.ndarray:
    """Return a curve with one height per column of a strip."""
    return np.asarray(6 * np.sin(np.arange(COLUMNS) / COLUMNS_PER_MM / 3))


def strip(first: int = 0, stop: int = COLUMNS, start_mm: float = START_MM) -> StripPrediction:
    """Return the prediction of the curve, which is visible from column `first` to column `stop`."""
    return StripPrediction(logits_from_height(height_mm()), presence_between(COLUMNS, first, stop), start_mm)


def lines(*strips: StripPrediction, size_px: tuple[int, int] = SIZE_PX) -> Lines:
    baselines = [Baseline(40.0 + 30 * k, 20.0, 270.0, 1.0) for k in range(len(strips))]
    return lines_from_strips(baselines, strips, flat_mesh(), size_px)


def test_a_curve_has_the_heights_of_its_strip() -> None:
    (curve,) = lines(strip(200, 5200)).curves
    assert curve.start_mm == pytest.approx(20.0, abs=0.02)
    assert curve.end_mm == pytest.approx(270.0, abs=CURVE_STEP_MM)
    stride = round(CURVE_STEP_MM * COLUMNS_PER_MM)
    assert curve.height_mm == pytest.approx(height_mm()[200:5200:stride], abs=0.1)


def test_lines_without_a_trace_are_left_out() -> None:
    found = lines(strip(200, 5200), strip(0, 0), strip(1000, 5000))
    assert [curve.baseline.v_mm for curve in found.curves] == [40.0, 100.0]
    assert [round(one.extent_mm[0]) for one in found.strips] == [20, 60]


def test_a_trace_between_two_lines_belongs_to_the_stronger_one() -> None:
    """The second line is 8 mm below the first one, whose trace it shows. The third has the same waves."""
    shifted = StripPrediction(
        logits_from_height(height_mm() + 8), presence_between(COLUMNS, 200, 5200), START_MM
    )
    baselines = [
        Baseline(v_mm, 20.0, 270.0, strength) for v_mm, strength in ((40, 0.8), (48, 0.5), (52, 0.9))
    ]
    strips = [strip(200, 5200), shifted, strip(200, 5200)]
    found = lines_from_strips(baselines, strips, flat_mesh(), SIZE_PX)
    assert [curve.baseline.v_mm for curve in found.curves] == [40, 52]
    assert found.strips == [strips[0], strips[2]]


def test_a_curve_that_reaches_the_edge_of_the_image_is_cut() -> None:
    whole, right, left = strip(200, 5200), strip(200, COLUMNS), strip(0, 5200, start_mm=0.0)
    narrow = (280 * 8, SIZE_PX[1])
    cut = [
        (curve.is_cut_left, curve.is_cut_right) for curve in lines(whole, right, left, size_px=narrow).curves
    ]
    assert cut == [(False, False), (False, True), (True, False)]
    wide = [(curve.is_cut_left, curve.is_cut_right) for curve in lines(whole, right).curves]
    assert wide == [(False, False), (False, False)]


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_frame_is_not_part_of_a_curve(side: str) -> None:
    framed = strip(200, 5200)
    columns = slice(200, 220) if side == "left" else slice(5180, 5200)
    framed.logits[:, columns] = 0
    framed.logits[-1, columns] = 20
    (curve,), (whole,) = lines(framed).curves, lines(strip(200, 5200)).curves
    assert np.abs(curve.height_mm).max() < 7
    assert curve.start_mm - whole.start_mm == pytest.approx(1.0 * (side == "left"), abs=0.01)
    assert whole.end_mm - curve.end_mm == pytest.approx(1.0 * (side == "right"), abs=0.01)
    assert (curve.is_cut_left, curve.is_cut_right) == (False, False)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_give_finite_heights(value: float) -> None:
    broken = strip(200, 5200)
    broken.logits[:, 1000:1400] = value
    broken.logits[:40, 2000] = value
    (curve,) = lines(broken).curves
    assert np.isfinite(curve.height_mm).all()
    assert np.abs(curve.height_mm).max() <= 20


def test_a_trace_beyond_its_strip_is_limited() -> None:
    curve = 30.0 * np.ones(COLUMNS)
    high = StripPrediction(logits_from_height(curve), presence_between(COLUMNS, 200, 5200), START_MM)
    (found,) = lines(high).curves
    assert found.height_mm.max() == pytest.approx(20, abs=1)
