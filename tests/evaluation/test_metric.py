"""Tests of the metric against plain loops that follow the competition's description."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ecgdigit_rt.evaluation.metric import (
    PERFECT_RATIO,
    LeadScore,
    best_lag,
    competition_score,
    db_from_ratio,
    lead_score,
    snr_ratio,
)

Signal = NDArray[np.float64]


def reference(truth: Signal, predicted: Signal, rate_hz: float) -> tuple[float, float, int]:
    """Return Σ truth², Σ error² and lag, with each step of the description as a plain loop."""
    n = truth.size
    a, b = truth - truth.mean(), predicted - predicted.mean()
    best, lag = -math.inf, 0
    reach = int(0.2 * rate_hz)
    for d in sorted(range(-reach, reach + 1), key=lambda d: (abs(d), d)):
        total = sum(a[i] * b[i - d] for i in range(n) if 0 <= i - d < n)
        if total > best + 1e-9:  # the smallest shift wins a tie
            best, lag = total, d
    pairs = [(truth[i], predicted[i - lag]) for i in range(n) if 0 <= i - lag < n]
    offset = sum(t - p for t, p in pairs) / len(pairs)
    error = sum((t - p - offset) ** 2 for t, p in pairs)
    error += sum(truth[i] ** 2 for i in range(n) if not 0 <= i - lag < n)
    return float(sum(truth**2)), float(error), lag


def beats(count: int = 300, rate_hz: float = 100.0, seed: int = 3) -> Signal:
    rng = np.random.default_rng(seed)
    t = np.arange(count) / rate_hz
    spikes = sum(np.exp(-(((t - at) / 0.02) ** 2)) for at in np.arange(0.3, t[-1], 0.8))
    return np.asarray(spikes + 0.05 * rng.standard_normal(count) + 0.2)


@pytest.mark.parametrize("shift", [-30, -20, -7, 0, 1, 12, 20, 25])
@pytest.mark.parametrize("rate_hz", [100.0, 99.9])
def test_metric_agrees_with_plain_loops(shift: int, rate_hz: float) -> None:
    truth = beats()
    predicted = 0.9 * np.roll(truth, shift) - 0.7 + 0.1 * beats(seed=9)
    got = lead_score(truth, predicted, rate_hz)
    signal, error, lag = reference(truth, predicted, rate_hz)
    assert got.lag == lag
    assert got.signal == pytest.approx(signal, rel=1e-12)
    assert got.error == pytest.approx(error, rel=1e-9)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 60), st.sampled_from([5.0, 24.9, 25.0, 50.0]))
def test_metric_agrees_with_plain_loops_on_random_signals(seed: int, count: int, rate_hz: float) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.standard_normal(count) + rng.uniform(-3, 3)
    predicted = rng.standard_normal(count)
    got = lead_score(truth, predicted, rate_hz)
    signal, error, lag = reference_within(truth, predicted, rate_hz)
    assert got.lag == lag
    assert [got.signal, got.error] == pytest.approx([signal, error])


def reference_within(truth: Signal, predicted: Signal, rate_hz: float) -> tuple[float, float, int]:
    """Return the reference for a signal that may be shorter than the maximum lag."""
    return reference(truth, predicted, min(rate_hz, (truth.size - 1) / 0.2 + 1e-6))


def test_lag_is_aligned_and_samples_shifted_in_are_zero() -> None:
    truth = beats()
    predicted = np.concatenate([truth[5:], np.full(5, truth.mean())])
    got = lead_score(truth, predicted, 100)
    assert got.lag == 5
    assert got.error == pytest.approx(float(np.sum(truth[:5] ** 2)), abs=1e-9)


def test_lag_beyond_the_limit_is_not_aligned() -> None:
    truth = beats()
    assert abs(lead_score(truth, np.roll(truth, 35), 100).lag) <= 20


def test_offset_is_free() -> None:
    truth = beats()
    got = lead_score(truth, truth + 3.25, 100)
    assert got.offset_mv == pytest.approx(-3.25)
    assert got.error == pytest.approx(0, abs=1e-18)


def test_smallest_shift_wins_a_tie() -> None:
    square = np.tile([1.0, 1.0, 0.0, 0.0], 50)
    assert best_lag(square, square, 40) == 0
    impulse = np.zeros(41)
    impulse[20] = 1.0
    twins = np.zeros(41)
    twins[[17, 23]] = 1.0
    assert best_lag(impulse, twins, 10) == -3, "the first of two equal shifts, to the left"
    for level in (0.0, 0.1, -7.3):
        assert best_lag(beats(), np.full(300, level), 20) == 0


def test_constant_prediction_scores_as_the_mean() -> None:
    truth = beats()
    got = lead_score(truth, np.zeros_like(truth), 100)
    assert got.lag == 0
    assert got.error == pytest.approx(float(np.sum((truth - truth.mean()) ** 2)))


def test_missing_lead_is_zero_not_its_mean() -> None:
    truth = beats()
    for nothing in (None, np.full(300, np.nan)):
        got = lead_score(truth, nothing, 100)
        assert got.error == got.signal == pytest.approx(float(np.sum(truth**2)))
        assert got.db == 0


def test_missing_samples_become_zero() -> None:
    truth = beats()
    predicted = truth - 1.0
    predicted[100:110] = np.nan
    got = lead_score(truth, predicted, 100)
    assert got.lag == 0
    assert got.error == pytest.approx(float(np.sum(truth[100:110] ** 2)))


def test_unequal_counts_and_invalid_truth_raise() -> None:
    with pytest.raises(ValueError, match="299 samples predicted, 300 true"):
        lead_score(beats(), beats()[:-1], 100)
    with pytest.raises(ValueError, match="not finite"):
        lead_score(np.array([1.0, np.nan]), np.array([1.0, 1.0]), 100)


def test_image_ratio_sums_over_leads_before_division() -> None:
    leads = [LeadScore(100.0, 1.0, 0, 0.0), LeadScore(1.0, 1.0, 0, 0.0)]
    assert snr_ratio(leads) == pytest.approx(50.5)
    assert snr_ratio([LeadScore(1.0, 0.0, 0, 0.0)]) == math.inf


def test_score_is_the_mean_of_capped_ratios_in_db() -> None:
    assert competition_score([100.0, 10.0]) == pytest.approx(10 * math.log10(55))
    assert competition_score([math.inf, 1e9]) == pytest.approx(10 * math.log10(PERFECT_RATIO))
    assert db_from_ratio(384) == pytest.approx(25.84, abs=0.01)
    assert db_from_ratio(0) == -math.inf
