"""Traces of an ideal trace network: its training targets, decoded as predictions are in the product."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from truth_on_mesh import Array, CurveOnMesh

from ecgdigit_rt.results import Layout
from ecgdigit_rt.stages import BINS_PER_MM, COLUMNS_PER_MM
from ecgdigit_rt.tracing.lead_trace import LeadTrace
from ecgdigit_rt.tracing.row_traces import page_traces, predict_rows
from ecgdigit_rt.tracing.strip_inference import StripBox
from ecgdigit_rt.tracing.strip_prediction import StripPrediction

_MIN_PROBABILITY = 1e-4  # minimum distance of presence from 0 and 1. Hand-picked, not tuned.


def ideal_traces(layout: Layout, curves: list[CurveOnMesh]) -> list[list[LeadTrace]]:
    """Return the traces of every row, predicted by an ideal network."""
    traces = []
    for row, curve in zip(layout.rows, curves, strict=True):

        def predict(boxes: Sequence[StripBox], curve: CurveOnMesh = curve) -> list[StripPrediction]:
            return [_ideal_prediction(curve, box) for box in boxes]

        single_row = Layout(layout.name, (row,), layout.speed_mm_s, layout.gain_mm_mv)
        traces += page_traces(predict, predict_rows(predict, single_row), single_row)
    return traces


def _ideal_prediction(curve: CurveOnMesh, box: StripBox) -> StripPrediction:
    """Return the ideal prediction of one strip.

    Every column is a Gaussian around the curve with a standard deviation of one bin. Presence is the share of
    the column that the curve covers. A curve outside the strip is in the outermost bin.
    """
    columns = round((box.end_mm - box.start_mm) * COLUMNS_PER_MM)
    at = _samples_at(curve.u_mm, box.start_mm + np.arange(columns) / COLUMNS_PER_MM)
    count = curve.u_mm.size
    height = box.baseline_mm - np.interp(at, np.arange(count), curve.v_mm)
    bins = round(2 * box.half_height_mm * BINS_PER_MM)
    position = np.clip((box.half_height_mm - height) * BINS_PER_MM, 0.5, bins - 0.5)
    logits = -0.5 * (np.arange(bins)[:, None] + 0.5 - position) ** 2
    covered = np.clip(np.minimum(at + 1, count - at), _MIN_PROBABILITY, 1 - _MIN_PROBABILITY)
    presence = np.log(covered / (1 - covered))
    return StripPrediction(
        logits.astype(np.float32), presence.astype(np.float32), box.start_mm, box.half_height_mm
    )


def _samples_at(u_mm: Array, positions_mm: Array) -> Array:
    """Return the fractional sample at each position. Beyond the ends, samples are as dense as columns."""
    rising = np.maximum.accumulate(u_mm)
    at = np.interp(positions_mm, rising, np.arange(rising.size))
    before = np.minimum(positions_mm - rising[0], 0) * COLUMNS_PER_MM
    after = np.maximum(positions_mm - rising[-1], 0) * COLUMNS_PER_MM
    return np.asarray(at + before + after)
