"""Prediction of rows, and traces that leave their strips."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from drawn_strips import logits_from_height

from ecgdigit_rt.layout.baselines import Baseline
from ecgdigit_rt.layout.catalog import LAYOUTS
from ecgdigit_rt.layout.match import layout_from_plan
from ecgdigit_rt.results import Layout
from ecgdigit_rt.tracing.row_traces import lead_traces, page_traces, predict_lines
from ecgdigit_rt.tracing.strip_inference import StripBox, StripPredictor
from ecgdigit_rt.tracing.strip_prediction import StripPrediction


def lines_between(start_mm: float, end_mm: float) -> list[Baseline]:
    """Return three lines with these approximate ends."""
    return [Baseline(40.0 + 40 * i, start_mm, end_mm, 1.0) for i in range(3)]


def layout_3x4(start_mm: float, end_mm: float) -> Layout:
    """Return a 3x4 layout with approximate ends."""
    return layout_from_plan(LAYOUTS["3x4"], lines_between(start_mm, end_mm), start_mm, end_mm, 25.0, 10.0)


def predictor_from(predict: Callable[..., StripPrediction]) -> StripPredictor:
    return lambda boxes: [predict(*box) for box in boxes]


def drawn_strip(curve: np.ndarray, presence: np.ndarray, start_mm: float, half_mm: float) -> StripPrediction:
    """Return a Gaussian of one bin around the curve, at the edge of the strip where the curve leaves it."""
    logits = logits_from_height(np.clip(curve, -half_mm + 0.1, half_mm - 0.1), half_mm)
    return StripPrediction(logits, presence.astype(np.float32), start_mm, half_mm)


class DrawnRecord:
    """Predictor of a level record, which is visible from `first_mm` to `last_mm`. It stores its strips."""

    def __init__(self, first_mm: float, last_mm: float) -> None:
        self.ends_mm = first_mm, last_mm
        self.spans: list[tuple[float, float]] = []

    def __call__(self, boxes: Sequence[StripBox]) -> list[StripPrediction]:
        return [self._predict(box) for box in boxes]

    def _predict(self, box: StripBox) -> StripPrediction:
        self.spans.append((box.start_mm, box.end_mm))
        u = box.start_mm + np.arange(round((box.end_mm - box.start_mm) * 20)) / 20
        presence = np.where((u >= self.ends_mm[0]) & (u < self.ends_mm[1]), 5, -5).astype(np.float32)
        logits = np.zeros((round(8 * box.half_height_mm), u.size), np.float32)
        return StripPrediction(logits, presence, box.start_mm, box.half_height_mm)


@pytest.mark.parametrize(
    ("ends_mm", "wider"),
    [((10, 260), (-7, 274)), ((20, 290), (18, 299)), ((0, 290), (-7, 299)), ((20, 270), None)],
)
def test_a_record_wider_than_its_strips_is_predicted_again(
    ends_mm: tuple[float, float], wider: tuple[float, float] | None
) -> None:
    record = DrawnRecord(*ends_mm)
    strips = predict_lines(record, lines_between(30, 262))
    assert record.spans == [(18, 274)] * 3 + ([wider] * 3 if wider else [])
    visible = max(ends_mm[0], record.spans[-1][0]), min(ends_mm[1], record.spans[-1][1])
    assert strips[0].extent_mm == pytest.approx(visible, abs=0.06)


def test_all_lines_have_strips_of_the_usual_extent_of_the_strong_ones() -> None:
    record = DrawnRecord(31, 250)
    long = Baseline(160.0, 12.0, 290.0, 0.9)  # a rule
    faint = [Baseline(190.0 + 10 * k, 0.0, 100.0, 0.4) for k in range(6)]  # lines of text
    strips = predict_lines(record, [*lines_between(30, 250), long, *faint])
    assert record.spans == [(18, 262)] * 10
    assert len(strips) == 10


def test_faint_lines_do_not_widen_the_strips() -> None:
    lines = lines_between(30, 262)
    faint = [Baseline(160.0 + 10 * k, 30.0, 262.0, 0.3) for k in range(4)]
    record, wide = DrawnRecord(35, 258), DrawnRecord(0, 300)
    spans: list[tuple[float, float]] = []

    def predict(boxes: Sequence[StripBox]) -> list[StripPrediction]:
        spans.extend((box.start_mm, box.end_mm) for box in boxes)
        return [(record if box.baseline_mm < 150 else wide)([box])[0] for box in boxes]

    predict_lines(predict, [*lines, *faint])
    assert spans == [(18, 274)] * 7


def test_traces_that_leave_their_strip_are_traced_in_taller_strips() -> None:
    """A spike of 26 mm needs ±40 mm, one of 50 mm needs ±80 mm. No prediction exceeds its own strip."""
    half_heights = []

    def predict(start: float, end: float, _baseline: float, half: float) -> StripPrediction:
        half_heights.append(half)
        u = start + np.arange(round((end - start) * 20)) / 20
        curve = 26.0 * (np.abs(u - 60) < 0.4) + 50.0 * (np.abs(u - 180) < 0.4)
        return drawn_strip(curve, np.where((u >= 20) & (u < 270), 5, -5), start, half)

    layout, predictor = layout_3x4(20, 270), predictor_from(predict)
    traces = page_traces(predictor, predict_lines(predictor, lines_between(20, 270)), layout)
    assert half_heights == [20.0] * 3 + [40.0, 40.0, 80.0] * 3
    assert [round(float(trace.height_mm.max())) for trace in traces[0]] == [26, 0, 50, 0]


@pytest.mark.parametrize(("framed_rows", "is_levelled"), [(3, True), (2, True), (1, False)])
def test_a_frame_at_the_ends_of_the_rows_is_not_followed(framed_rows: int, *, is_levelled: bool) -> None:
    """A single row may end in a tall wave."""

    def predict(start: float, end: float, baseline: float, half: float) -> StripPrediction:
        u = start + np.arange(round((end - start) * 20)) / 20
        is_framed = (u >= 269.2) & (baseline < 40 + 40 * framed_rows)
        curve = np.where(is_framed, -half, 0.0)
        return drawn_strip(curve, np.where((u >= 20) & (u < 270), 5, -5), start, half)

    layout, predictor = layout_3x4(20, 270), predictor_from(predict)
    traces = page_traces(predictor, predict_lines(predictor, lines_between(20, 270)), layout)
    lowest = min(float(row[-1].height_mm.min()) for row in traces)
    assert (lowest > -1) == is_levelled
    assert all(float(np.abs(row[0].height_mm).max()) < 1 for row in traces)


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
