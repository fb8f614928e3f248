"""Leads decoded from drawn distributions: heights, gaps, boundaries and edges."""

from __future__ import annotations

import numpy as np
import pytest
from drawn_strips import logits_from_height, presence_between
from numpy.typing import NDArray

from ecgdigit_rt.tracing.lead_trace import LeadTrace, merge_traces, trace_between, without_frame
from ecgdigit_rt.tracing.strip_prediction import StripPrediction

Array = NDArray[np.float64]


def beats_mm(columns: int) -> Array:
    """Return heights (columns,) in mm like those of an ECG: slow waves and a 12 mm spike every 20 mm."""
    u = np.arange(columns) / 20
    spike = 12 * np.exp(-0.5 * (((u % 20) - 8) / 0.4) ** 2)
    return np.asarray(np.sin(u / 3) + 2 * np.exp(-0.5 * (((u % 20) - 14) / 1.2) ** 2) + spike)


def trace_strip(logits: NDArray[np.float32], presence: NDArray[np.float32], start_mm: float) -> LeadTrace:
    """Trace a whole strip as one lead."""
    strip = StripPrediction(logits, presence, start_mm)
    return trace_between(strip, start_mm, start_mm + presence.size / 20)


@pytest.mark.parametrize("half_mm", [20.0, 40.0])
def test_heights_are_exact(half_mm: float) -> None:
    height = beats_mm(1600)
    logits = logits_from_height(height, half_mm)
    strip = StripPrediction(logits, presence_between(1600, 0, 1600), 7.5, half_mm)
    assert strip.extent_mm == pytest.approx((7.5, 87.5), abs=0.02)
    trace = trace_between(strip, 7.5, 87.5)
    np.testing.assert_allclose(trace.height_mm, height, atol=0.002)
    assert trace.confidence.min() > 0.99
    assert not trace.spans_on_edge(12.0)


def test_noise_and_a_neighbouring_row_do_not_distract() -> None:
    rng = np.random.default_rng(0)
    height = beats_mm(1600)
    neighbour = 16 - beats_mm(1600)[::-1]  # reaches down to the height of the row
    mixed = np.log(np.exp(logits_from_height(height)) + 0.7 * np.exp(logits_from_height(neighbour)) + 1e-5)
    mixed += rng.normal(0, 0.3, mixed.shape)
    trace = trace_strip(mixed.astype(np.float32), presence_between(1600, 0, 1600), 0.0)
    assert np.quantile(np.abs(trace.height_mm - height), 0.97) < 0.3


def test_gaps_are_interpolated_with_zero_confidence() -> None:
    height = 3 * np.sin(np.arange(800) / 60)
    logits = logits_from_height(height)
    logits[:, 300:320] = 0  # uniform distributions
    trace = trace_strip(logits, presence_between(800, 0, 800), 0.0)
    assert np.all(trace.confidence[300:320] == 0)
    assert np.abs(trace.height_mm - height).max() < 0.25
    assert np.abs(np.diff(trace.height_mm)).max() < 0.15


def test_the_outermost_height_is_repeated_outside_the_extent() -> None:
    logits = logits_from_height(np.full(900, 4.0))
    logits[:, :100] = logits_from_height(np.full(100, -15.0))
    trace = trace_strip(logits, presence_between(900, 100, 800), 0.0)
    np.testing.assert_allclose(trace.height_mm, 4.0, atol=0.01)


def test_adjacent_leads_are_independent() -> None:
    height = np.where(np.arange(1000) < 500, -6.0, 7.0)
    logits = logits_from_height(height)
    logits[:, 480:510] = 0  # lifted pen: nothing is visible at the boundary
    strip = StripPrediction(logits, presence_between(1000, 0, 1000), 30.0)
    left, right = trace_between(strip, 30.0, 55.0, [55.0]), trace_between(strip, 55.0, 80.0, [55.0])
    assert (left.start_mm, left.height_mm.size, right.height_mm.size) == (30.0, 500, 500)
    assert right.start_mm == pytest.approx(55.0)
    np.testing.assert_allclose(left.height_mm, -6.0, atol=0.01)
    np.testing.assert_allclose(right.height_mm, 7.0, atol=0.01)


def test_a_separator_between_leads_is_not_followed() -> None:
    bins = np.arange(160)
    separator = np.where((bins > 40) & (bins < 66), 0.0, -0.7)  # 3 to 10 mm above both leads, and diffuse
    logits = logits_from_height(np.zeros(1000))
    logits[:, 492:508] = separator[:, None]
    strip = StripPrediction(logits, presence_between(1000, 0, 1000), 0.0)
    for trace in (trace_between(strip, 0.0, 25.0, [25.0]), trace_between(strip, 25.0, 50.0, [25.0])):
        assert np.abs(trace.height_mm).max() < 0.3
    without_boundary = trace_between(strip, 0.0, 25.0)
    assert np.abs(without_boundary.height_mm).max() > 1  # ink has its full weight


@pytest.mark.parametrize("side", ["left", "right"])
def test_ink_beside_the_end_of_a_lead_is_not_followed(side: str) -> None:
    """A jump separates the ink from the lead. A wave that is cut at the end rises column by column."""
    true = beats_mm(2000)
    end = slice(0, 5) if side == "left" else slice(-5, None)
    drawn = true.copy()
    drawn[end] = 15
    found = trace_strip(logits_from_height(drawn), presence_between(2000, 0, 2000), 0.0)
    assert np.abs(found.height_mm - true).max() < 1.0
    wave = np.maximum(true, 20 - 2.0 * np.arange(2000)[:: 1 if side == "left" else -1])
    kept = trace_strip(logits_from_height(wave), presence_between(2000, 0, 2000), 0.0)
    assert np.abs(kept.height_mm - wave).max() < 1.0


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_frame_at_the_end_of_a_lead_is_levelled(side: str) -> None:
    true = beats_mm(2000)
    drawn = true.copy()
    drawn[:20] = -19.8 + np.minimum(np.arange(20), 12)
    if side == "right":
        true, drawn = true[::-1], drawn[::-1]
    framed = trace_strip(logits_from_height(drawn), presence_between(2000, 0, 2000), 0.0)
    levelled = without_frame(framed, side)
    assert np.abs(levelled.height_mm - true).max() < 1.5
    assert (levelled.confidence == 0).sum() == 20
    clear = trace_strip(logits_from_height(true), presence_between(2000, 0, 2000), 0.0)
    assert without_frame(clear, side) is clear


def test_spans_that_leave_the_strip_are_merged_from_a_taller_trace() -> None:
    columns = np.arange(2400)
    height = np.sin(columns / 40) + np.where(np.abs(columns - 900) < 6, 26.0, 0.0)
    trace = trace_strip(logits_from_height(height), presence_between(2400, 0, 2400), 5.0)
    assert trace.height_mm.max() < 20.1
    (span,) = trace.spans_on_edge(12.0)
    assert span == pytest.approx((50 - 0.25, 50 + 0.25), abs=0.06)
    part = slice(780, 1020)
    ones = np.ones(240, np.float32)
    taller = LeadTrace(height[part].astype(np.float32) + 0.3, ones.copy(), ones, trace.position_mm(780), 40.0)
    taller.confidence[:20] = 0
    merged = merge_traces(trace, taller)
    assert merged.height_mm.max() == pytest.approx(height.max() + 0.3, abs=0.02)
    replaced = np.flatnonzero(np.abs(merged.height_mm - trace.height_mm) > 0.1)
    assert replaced[[0, -1]].tolist() == [800, 1019]


def test_distant_spans_on_the_edge_are_separate() -> None:
    height = np.where(np.abs(np.arange(2400) % 1200 - 600) < 5, -27.0, 0.0)
    trace = trace_strip(logits_from_height(height), presence_between(2400, 0, 2400), 0.0)
    assert len(trace.spans_on_edge(12.0)) == 2
    assert len(trace.spans_on_edge(40.0)) == 1


def test_a_strip_without_a_trace_is_empty() -> None:
    strip = StripPrediction(logits_from_height(np.zeros(300)), np.full(300, -5, np.float32), 3.0)
    assert strip.is_empty
    assert strip.extent_mm == pytest.approx((3.0, 3.0), abs=0.02)
    trace = trace_between(strip, 3.0, 18.0)
    assert np.all(trace.confidence == 0)
    assert np.all(np.isfinite(trace.height_mm))
    assert not trace.spans_on_edge(12.0)
