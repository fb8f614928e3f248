"""Rows decoded from drawn distributions: heights, gaps, extents, edges."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from ecgdigit_rt.tracing.lead_trace import LeadTrace, StripPrediction, merged, trace_between

Array = NDArray[np.float64]


def beats(columns: int) -> Array:
    """Heights in mm like an ECG's: slow waves and a 12 mm spike every 20 mm."""
    u = np.arange(columns) / 20
    spike = 12 * np.exp(-0.5 * (((u % 20) - 8) / 0.4) ** 2)
    return np.asarray(np.sin(u / 3) + 2 * np.exp(-0.5 * (((u % 20) - 14) / 1.2) ** 2) + spike)


def logits_of(height: Array, half: float = 20.0, sigma: float = 1.0) -> NDArray[np.float32]:
    centre = half - (np.arange(round(8 * half)) + 0.5) / 4
    return (-0.5 * ((centre[:, None] - height) * 4 / sigma) ** 2).astype(np.float32)


def traced(
    logits: NDArray[np.float32], presence: NDArray[np.float32], start: float, half: float = 20
) -> LeadTrace:
    return trace_between(StripPrediction(logits, presence, start, half), start, start + presence.size / 20)


def presence_of(columns: int, first: int, stop: int) -> NDArray[np.float32]:
    out = np.full(columns, -5, np.float32)
    out[first:stop] = 5
    return out


@pytest.mark.parametrize("half", [20.0, 40.0])
def test_heights_are_exact(half: float) -> None:
    height = beats(1600)
    seen = StripPrediction(logits_of(height, half), presence_of(1600, 0, 1600), 7.5, half)
    assert seen.extent_mm == pytest.approx((7.5, 87.5), abs=0.02)
    trace = trace_between(seen, 7.5, 87.5)
    np.testing.assert_allclose(trace.height_mm, height, atol=0.002)
    assert trace.confidence.min() > 0.99
    assert not trace.spans_on_edge(12.0)


def test_noise_and_another_row_above_do_not_distract() -> None:
    rng = np.random.default_rng(0)
    height = beats(1600)
    other = 16 - beats(1600)[::-1]  # reaches down to the row's own height
    mixed = np.log(np.exp(logits_of(height)) + 0.7 * np.exp(logits_of(other)) + 1e-5)
    mixed += rng.normal(0, 0.3, mixed.shape)
    trace = traced(mixed.astype(np.float32), presence_of(1600, 0, 1600), 0.0)
    assert np.quantile(np.abs(trace.height_mm - height), 0.97) < 0.3


def test_extent_bridges_gaps_and_leaves_specks_out() -> None:
    presence = presence_of(2000, 200, 1700)
    presence[600:640] = -5
    presence[1800:1810] = 5
    presence[50:54] = 20
    seen = StripPrediction(logits_of(np.zeros(2000)), presence, 10.0)
    assert seen.extent == (200, 1700)
    assert seen.extent_mm == pytest.approx((20.0, 95.0), abs=0.02)


def test_a_gap_is_bridged_smoothly_and_says_so() -> None:
    height = 3 * np.sin(np.arange(800) / 60)
    logits = logits_of(height)
    logits[:, 300:320] = 0  # nothing to see: spread evenly
    trace = traced(logits, presence_of(800, 0, 800), 0.0)
    assert np.all(trace.confidence[300:320] == 0)
    assert np.abs(trace.height_mm - height).max() < 0.25
    assert np.abs(np.diff(trace.height_mm)).max() < 0.15


def test_outside_the_extent_the_last_height_stays() -> None:
    logits = logits_of(np.full(900, 4.0))
    logits[:, :100] = logits_of(np.full(100, -15.0))
    trace = traced(logits, presence_of(900, 100, 800), 0.0)
    np.testing.assert_allclose(trace.height_mm, 4.0, atol=0.01)


def test_leads_that_meet_know_nothing_of_each_other() -> None:
    height = np.where(np.arange(1000) < 500, -6.0, 7.0)
    logits = logits_of(height)
    logits[:, 480:510] = 0  # the pen was lifted, and nothing is seen where they meet
    seen = StripPrediction(logits, presence_of(1000, 0, 1000), 30.0)
    left, right = trace_between(seen, 30.0, 55.0, [55.0]), trace_between(seen, 55.0, 80.0, [55.0])
    assert (left.start_mm, left.height_mm.size, right.height_mm.size) == (30.0, 500, 500)
    assert right.start_mm == pytest.approx(55.0)
    np.testing.assert_allclose(left.height_mm, -6.0, atol=0.01)
    np.testing.assert_allclose(right.height_mm, 7.0, atol=0.01)


def test_a_bar_between_leads_is_not_followed() -> None:
    bins = np.arange(160)
    bar = np.where((bins > 40) & (bins < 66), 0.0, -0.7)  # 3 to 10 mm above both leads, and vague
    logits = logits_of(np.zeros(1000))
    logits[:, 492:508] = bar[:, None]
    seen = StripPrediction(logits, presence_of(1000, 0, 1000), 0.0)
    for trace in (trace_between(seen, 0.0, 25.0, [25.0]), trace_between(seen, 25.0, 50.0, [25.0])):
        assert np.abs(trace.height_mm).max() < 0.3
    followed = trace_between(seen, 0.0, 25.0)
    assert np.abs(followed.height_mm).max() > 1  # where no leads meet ink counts as ever


def test_what_leaves_the_strip_is_taken_from_a_taller_look_at_that_part() -> None:
    columns = np.arange(2400)
    height = np.sin(columns / 40) + np.where(np.abs(columns - 900) < 6, 26.0, 0.0)
    low = traced(logits_of(height), presence_of(2400, 0, 2400), 5.0)
    assert low.height_mm.max() < 20.1
    (span,) = low.spans_on_edge(12.0)
    assert span == pytest.approx((50 - 0.25, 50 + 0.25), abs=0.06)
    part = slice(780, 1020)
    ones = np.ones(240, np.float32)
    tall = LeadTrace(height[part].astype(np.float32) + 0.3, ones.copy(), ones, low.place_mm(780), 40.0)
    tall.confidence[:20] = 0
    whole = merged(low, tall)
    assert whole.height_mm.max() == pytest.approx(height.max() + 0.3, abs=0.02)
    taken = np.flatnonzero(np.abs(whole.height_mm - low.height_mm) > 0.1)
    assert taken[[0, -1]].tolist() == [800, 1019]


def test_places_on_the_edge_far_apart_are_separate() -> None:
    height = np.where(np.arange(2400) % 1200 > 1190, -27.0, 0.0)
    low = traced(logits_of(height), presence_of(2400, 0, 2400), 0.0)
    assert len(low.spans_on_edge(12.0)) == 2
    assert len(low.spans_on_edge(40.0)) == 1


def test_no_trace_is_an_empty_row() -> None:
    seen = StripPrediction(logits_of(np.zeros(300)), np.full(300, -5, np.float32), 3.0)
    assert seen.is_empty
    assert seen.extent_mm == pytest.approx((3.0, 3.0), abs=0.02)
    trace = trace_between(seen, 3.0, 18.0)
    assert np.all(trace.confidence == 0)
    assert np.all(np.isfinite(trace.height_mm))
    assert not trace.spans_on_edge(12.0)


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="160 bins"):
        StripPrediction(np.zeros((320, 10), np.float32), np.zeros(10, np.float32), 0.0)
    with pytest.raises(ValueError, match="presence"):
        StripPrediction(np.zeros((160, 10), np.float32), np.zeros(9, np.float32), 0.0)
