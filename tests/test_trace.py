"""Rows decoded from drawn distributions: heights, gaps, extents, edges."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from ecgdigit_rt.trace import row_trace_from_logits, spliced

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
    assert not trace.parts_on_edge(12.0)


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


def test_what_leaves_the_strip_is_taken_from_a_taller_look_at_that_part() -> None:
    columns = np.arange(2400)
    height = np.sin(columns / 40) + np.where(np.abs(columns - 900) < 6, 26.0, 0.0)
    low = row_trace_from_logits(logits_of(height), presence_of(2400, 0, 2400), 5.0)
    assert low.height_mm.max() < 20.1
    (part,) = low.parts_on_edge(12.0)
    assert low.place_mm(part.start) == pytest.approx(5 + 900 / 20 - 12, abs=0.5)
    assert part.stop - part.start == pytest.approx(24 * 20, abs=15)
    cut = height[part] + 0.3  # so that it shows where the taller look was taken
    tall = row_trace_from_logits(logits_of(cut, 40), presence_of(cut.size, 0, cut.size), 5.0, 40.0)
    whole = spliced(low, tall, part, 6.0)
    assert whole.height_mm.max() == pytest.approx(cut.max(), abs=0.02)
    taken = np.abs(whole.height_mm - low.height_mm) > 0.1
    assert np.flatnonzero(taken)[[0, -1]] == pytest.approx([part.start + 120, part.stop - 121], abs=1)
    assert not low.parts_on_edge(12.0)[1:]


def test_a_spike_at_the_end_is_spliced_up_to_the_end() -> None:
    height = np.where(np.arange(1000) > 980, -27.0, 0.0)
    low = row_trace_from_logits(logits_of(height), presence_of(1000, 0, 1000), 0.0)
    (part,) = low.parts_on_edge(12.0)
    assert part.stop == 1000
    tall = row_trace_from_logits(logits_of(height[part], 40), presence_of(1000, 0, 1000)[part], 0.0, 40.0)
    assert spliced(low, tall, part, 6.0).height_mm[-1] == pytest.approx(-27, abs=0.01)


def test_no_trace_is_an_empty_row() -> None:
    trace = row_trace_from_logits(logits_of(np.zeros(300)), np.full(300, -5, np.float32), 3.0)
    assert trace.is_empty
    assert trace.extent_mm == pytest.approx((3.0, 3.0), abs=0.02)
    assert np.all(np.isfinite(trace.height_mm))
    assert not trace.parts_on_edge(12.0)


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="160 bins"):
        row_trace_from_logits(np.zeros((320, 10), np.float32), np.zeros(10, np.float32), 0.0)
    with pytest.raises(ValueError, match="presence"):
        row_trace_from_logits(np.zeros((160, 10), np.float32), np.zeros(9, np.float32), 0.0)
