"""Prediction of rows, and traces that leave their strips."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from drawn_strips import logits_from_height

from ecgdigit_rt.layout.baselines import Baseline
from ecgdigit_rt.layout.catalog import LAYOUTS
from ecgdigit_rt.layout.match import layout_from_plan
from ecgdigit_rt.results import Layout
from ecgdigit_rt.tracing.row_traces import lead_traces, page_traces, predict_rows
from ecgdigit_rt.tracing.strip_inference import StripPredictor
from ecgdigit_rt.tracing.strip_prediction import StripPrediction


def layout_3x4(start_mm: float, end_mm: float) -> Layout:
    """Return a 3x4 layout with approximate ends."""
    baselines = [Baseline(40.0 + 40 * i, start_mm, end_mm, 1.0) for i in range(3)]
    return layout_from_plan(LAYOUTS["3x4"], baselines, start_mm, end_mm, 25.0, 10.0)


def predictor_from(predict: Callable[..., StripPrediction]) -> StripPredictor:
    return lambda boxes: [predict(*box) for box in boxes]


def drawn_strip(curve: np.ndarray, presence: np.ndarray, start_mm: float, half_mm: float) -> StripPrediction:
    """Return a Gaussian of one bin around the curve, at the edge of the strip where the curve leaves it."""
    logits = logits_from_height(np.clip(curve, -half_mm + 0.1, half_mm - 0.1), half_mm)
    return StripPrediction(logits, presence.astype(np.float32), start_mm, half_mm)


def test_a_record_wider_than_its_strips_is_predicted_again() -> None:
    spans = []

    def predict(start: float, end: float, _baseline: float, half: float) -> StripPrediction:
        spans.append((start, end))
        u = start + np.arange(round((end - start) * 20)) / 20
        presence = np.where((u >= 10) & (u < 260), 5, -5).astype(np.float32)
        return StripPrediction(np.zeros((round(8 * half), u.size), np.float32), presence, start, half)

    predictor = predictor_from(predict)
    strips = predict_rows(predictor, layout_3x4(30, 262))
    assert spans == [(18, 274)] * 3 + [(-7, 274)] * 3
    assert strips[0].extent_mm == pytest.approx((10, 260), abs=0.06)
    spans.clear()
    predict_rows(predictor, layout_3x4(12, 258))
    assert len(spans) == 3


def test_traces_that_leave_their_strip_are_traced_in_taller_strips() -> None:
    """A spike of 26 mm needs ±40 mm, one of 50 mm needs ±80 mm. No prediction exceeds its own strip."""
    half_heights = []

    def predict(start: float, end: float, _baseline: float, half: float) -> StripPrediction:
        half_heights.append(half)
        u = start + np.arange(round((end - start) * 20)) / 20
        curve = 26.0 * (np.abs(u - 60) < 0.4) + 50.0 * (np.abs(u - 180) < 0.4)
        return drawn_strip(curve, np.where((u >= 20) & (u < 270), 5, -5), start, half)

    layout, predictor = layout_3x4(20, 270), predictor_from(predict)
    traces = page_traces(predictor, predict_rows(predictor, layout), layout)
    assert half_heights == [20.0] * 3 + [40.0, 40.0, 80.0] * 3
    assert [round(float(trace.height_mm.max())) for trace in traces[0]] == [26, 0, 50, 0]


@pytest.mark.parametrize("spike_mm", [62.0, 188.0])
def test_a_segment_wider_than_the_strip_is_traced_within_the_strip(spike_mm: float) -> None:
    """Rows that run into the edge of the image: the segment continues beyond all strips."""

    def predict(start: float, end: float, _baseline: float, half: float) -> StripPrediction:
        u = start + np.arange(round((end - start) * 20)) / 20
        curve = 25.0 * (np.abs(u - spike_mm) < 1.5)
        return drawn_strip(curve, np.where((u >= 60) & (u < 190), 5, -5), start, half)

    baselines = [Baseline(40.0, 0.0, 250.0, 1.0)] * 12
    row = layout_from_plan(LAYOUTS["12x1"], baselines, 0.0, 250.0, 25.0, 10.0).rows[0]
    (trace,) = lead_traces(predictor_from(predict), predict(60.0, 190.0, 40.0, 20.0), row)
    assert trace.height_mm.max() == pytest.approx(25, abs=0.3)
    assert (trace.start_mm, trace.height_mm.size) == (60.0, 2600)
