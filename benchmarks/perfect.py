"""A perfect stage 2: distributions as its training wants them, decoded as the product decodes them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from truth_on_mesh import Array, CurveOnMesh

from ecgdigit_rt.results import Layout
from ecgdigit_rt.stages import BINS_PER_MM, COLUMNS_PER_MM
from ecgdigit_rt.tracing.lead_trace import LeadTrace, StripPrediction
from ecgdigit_rt.tracing.row_traces import page_traces, predict_rows
from ecgdigit_rt.tracing.strip_inference import StripBox

_SUREST = 1e-4  # as near to 0 and 1 as presence comes


def perfect_traces(layout: Layout, curves: list[CurveOnMesh]) -> list[list[LeadTrace]]:
    """Every row's leads, looked for as the product looks, seen as a perfect network sees it."""
    traces = []
    for row, curve in zip(layout.rows, curves, strict=True):

        def look(boxes: Sequence[StripBox], curve: CurveOnMesh = curve) -> list[StripPrediction]:
            return [_seen(curve, *box) for box in boxes]

        alone = Layout(layout.name, (row,), layout.speed_mm_s, layout.gain_mm_mv)
        traces += page_traces(look, predict_rows(look, alone), alone)
    return traces


def _seen(
    curve: CurveOnMesh, start_mm: float, end_mm: float, baseline_mm: float, half_height_mm: float
) -> StripPrediction:
    """One strip: a Gaussian of one bin around the curve in every column, presence as the share covered.

    A curve that leaves the strip stands in its outermost bin.
    """
    columns = round((end_mm - start_mm) * COLUMNS_PER_MM)
    at = _samples_at(curve.u_mm, start_mm + np.arange(columns) / COLUMNS_PER_MM)
    count = curve.u_mm.size
    height = baseline_mm - np.interp(at, np.arange(count), curve.v_mm)
    bins = round(2 * half_height_mm * BINS_PER_MM)
    place = np.clip((half_height_mm - height) * BINS_PER_MM, 0.5, bins - 0.5)
    logits = -0.5 * (np.arange(bins)[:, None] + 0.5 - place) ** 2
    covered = np.clip(np.minimum(at + 1, count - at), _SUREST, 1 - _SUREST)
    presence = np.log(covered / (1 - covered))
    return StripPrediction(logits.astype(np.float32), presence.astype(np.float32), start_mm, half_height_mm)


def _samples_at(u_mm: Array, places_mm: Array) -> Array:
    """The fractional sample that stands at each place; beyond the ends samples go on at their density."""
    rising = np.maximum.accumulate(u_mm)
    at = np.interp(places_mm, rising, np.arange(rising.size))
    before = np.minimum(places_mm - rising[0], 0) * COLUMNS_PER_MM
    after = np.maximum(places_mm - rising[-1], 0) * COLUMNS_PER_MM
    return np.asarray(at + before + after)
