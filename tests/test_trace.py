"""Rows decoded from drawn distributions: heights, gaps, extents, edges."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from ecgdigit_rt.trace import row_trace_from_logits

Array = NDArray[np.float64]


def beats(columns: int) -> Array:
    """Heights in mm like an ECG's: slow waves and a 12 mm spike every 20 mm."""
    u = np.arange(columns) / 20
    spike = 12 * np.exp(-0.5 * (((u % 20) - 8) / 0.4) ** 2)
    return np.asarray(np.sin(u / 3) + 2 * np.exp(-0.5 * (((u % 20) - 14) / 1.2) ** 2) + spike)


def logits_of(height: Array, half: float = 20.0, sigma: float = 1.0) -> NDArray[np.float32]:
    centre = half - (np.arange(round(8 * half)) + 0.5) / 4
    return (-0.5 * ((centre[:, None] - height) * 4 / sigma) ** 2).astype(np.float32)


def presence_of(columns: int, first: int, stop: int) -> NDArray[np.float32]:
    out = np.full(columns, -5, np.float32)
    out[first:stop] = 5
    return out


@pytest.mark.parametrize("half", [20.0, 40.0])
def test_heights_are_exact(half: float) -> None:
    height = beats(1600)
    trace = row_trace_from_logits(logits_of(height, half), presence_of(1600, 0, 1600), 7.5, half)
    np.testing.assert_allclose(trace.height_mm, height, atol=0.002)
    assert trace.extent_mm == pytest.approx((7.5, 87.5), abs=0.02)
    assert trace.confidence.min() > 0.99
    assert not trace.touches_edge


def test_noise_and_another_row_above_do_not_distract() -> None:
    rng = np.random.default_rng(0)
    height = beats(1600)
    other = 16 - beats(1600)[::-1]  # reaches down to the row's own height
    mixed = np.log(np.exp(logits_of(height)) + 0.7 * np.exp(logits_of(other)) + 1e-5)
    mixed += rng.normal(0, 0.3, mixed.shape)
    trace = row_trace_from_logits(mixed.astype(np.float32), presence_of(1600, 0, 1600), 0.0)
    assert np.quantile(np.abs(trace.height_mm - height), 0.97) < 0.3


def test_extent_bridges_gaps_and_leaves_specks_out() -> None:
    presence = presence_of(2000, 200, 1700)
    presence[600:640] = -5
    presence[1800:1810] = 5
    presence[50:54] = 20
    trace = row_trace_from_logits(logits_of(np.zeros(2000)), presence, 10.0)
    assert (trace.first, trace.stop) == (200, 1700)
    assert trace.extent_mm == pytest.approx((20.0, 95.0), abs=0.02)


def test_a_gap_is_bridged_smoothly_and_says_so() -> None:
    height = 3 * np.sin(np.arange(800) / 60)
    logits = logits_of(height)
    logits[:, 300:320] = 0  # nothing to see: spread evenly
    trace = row_trace_from_logits(logits, presence_of(800, 0, 800), 0.0)
    assert np.all(trace.confidence[300:320] == 0)
    assert np.abs(trace.height_mm - height).max() < 0.25
    assert np.abs(np.diff(trace.height_mm)).max() < 0.15


def test_outside_the_extent_the_last_height_stays() -> None:
    logits = logits_of(np.full(900, 4.0))
    logits[:, :100] = logits_of(np.full(100, -15.0))
    trace = row_trace_from_logits(logits, presence_of(900, 100, 800), 0.0)
    np.testing.assert_allclose(trace.height_mm, 4.0, atol=0.01)


def test_a_clipped_spike_asks_for_a_taller_strip() -> None:
    height = np.where(np.abs(np.arange(600) - 300) < 6, 26.0, 0.0)
    low = row_trace_from_logits(logits_of(height), presence_of(600, 0, 600), 0.0)
    assert low.touches_edge
    tall = row_trace_from_logits(logits_of(height, 40), presence_of(600, 0, 600), 0.0, 40.0)
    assert not tall.touches_edge
    assert tall.height_mm.max() == pytest.approx(26, abs=0.01)


def test_no_trace_is_an_empty_row() -> None:
    trace = row_trace_from_logits(logits_of(np.zeros(300)), np.full(300, -5, np.float32), 3.0)
    assert trace.is_empty
    assert trace.extent_mm == pytest.approx((3.0, 3.0), abs=0.02)
    assert np.all(np.isfinite(trace.height_mm))
    assert not trace.touches_edge


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="160 bins"):
        row_trace_from_logits(np.zeros((320, 10), np.float32), np.zeros(10, np.float32), 0.0)
    with pytest.raises(ValueError, match="presence"):
        row_trace_from_logits(np.zeros((160, 10), np.float32), np.zeros(9, np.float32), 0.0)
