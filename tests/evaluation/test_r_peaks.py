"""Tests of R peaks: times, polarity, and matching of two curves."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from ecgdigit_rt.evaluation.r_peaks import match_r_peaks, points_up, pool_peaks, r_peaks

Array = NDArray[np.float64]


def ecg(beats_s: list[float], seconds: float = 10, rate_hz: float = 500, noise: float = 0.0) -> Array:
    """Return a lead with P, a QRS of 1 mV and T at every beat. R is exactly at the given time."""
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    mv = np.random.default_rng(2).normal(0, noise, t.size)
    for beat in beats_s:
        waves = ((0.1, -0.17, 0.02), (1.0, 0, 0.012), (-0.25, 0.03, 0.012), (0.3, 0.28, 0.045))
        mv += sum(a * np.exp(-np.square((t - beat - at) / width) / 2) for a, at, width in waves)
    return mv


BEATS = [0.41, 1.207, 2.0, 2.79, 3.4, 4.3, 5.1233, 5.9, 6.72, 7.5, 8.3, 9.2]


@pytest.mark.parametrize("rate_hz", [250, 500, 1025])
def test_peaks_are_detected_at_their_times(rate_hz: float) -> None:
    peaks = r_peaks(ecg(BEATS, rate_hz=rate_hz, noise=0.003), rate_hz, up=True)
    assert peaks.size == len(BEATS)
    np.testing.assert_allclose(peaks, BEATS, atol=0.0015)


def test_parabola_gives_subsample_times() -> None:
    t, places = np.arange(1500) / 500, [0.7007, 1.5, 2.2013]
    arches = np.maximum.reduce([1 - np.square((t - at) / 0.02) for at in places])
    np.testing.assert_allclose(r_peaks(arches.clip(0), 500, up=True), places, atol=1e-9)


def test_peaks_of_an_inverted_lead_are_minima() -> None:
    mv = -ecg(BEATS)
    assert not points_up(mv, 500)
    assert points_up(-mv, 500)
    np.testing.assert_allclose(r_peaks(mv, 500, up=False), BEATS, atol=0.0015)
    matches = match_r_peaks(mv, mv * 0.8 + 0.3, 500)
    assert (matches.true_count, matches.true_matched, matches.median_ms) == (12, 12, 0)


def test_error_equals_the_shift() -> None:
    truth = ecg(BEATS)
    for samples, expected_ms in ((1, 2), (10, 20), (24, 48)):
        matches = match_r_peaks(truth, np.roll(truth, samples), 500)
        assert matches.median_ms == pytest.approx(expected_ms, abs=1e-6)
        assert (matches.sensitivity, matches.precision) == (1, 1)
    far = match_r_peaks(truth, np.roll(truth, 40), 500)
    assert (far.true_matched, far.predicted_matched) == (0, 0)
    assert math.isnan(far.median_ms)


def test_missing_and_false_beats_are_counted() -> None:
    truth = ecg(BEATS)
    missing = match_r_peaks(truth, ecg(BEATS[:3] + BEATS[5:]), 500)
    assert (missing.true_count, missing.predicted_count) == (12, 10)
    assert (missing.sensitivity, missing.precision) == (10 / 12, 1)
    false_beats = match_r_peaks(ecg(BEATS[:3] + BEATS[5:]), truth, 500)
    assert (false_beats.sensitivity, false_beats.precision) == (1, 10 / 12)


def test_beat_cut_off_by_the_end_is_matched_and_not_counted() -> None:
    curve = ecg([0.03, 0.9, 1.7, 2.47], 2.5)
    assert match_r_peaks(curve, curve, 500).true_count == 2
    late = match_r_peaks(ecg([0.07, 0.9, 1.7], 2.5), ecg([0.05, 0.9, 1.7], 2.5), 500)
    assert (late.true_count, late.predicted_count, late.sensitivity, late.precision) == (3, 2, 1, 1)


def test_signal_without_beats_has_no_peaks() -> None:
    for mv in (np.zeros(1250), np.full(1250, np.nan), np.ones(3), np.empty(0)):
        assert r_peaks(mv, 500, up=True).size == 0
        assert points_up(mv, 500)
    nothing = match_r_peaks(ecg(BEATS), np.full(5000, np.nan), 500)
    assert (nothing.true_count, nothing.predicted_count, nothing.sensitivity) == (12, 0, 0)
    assert math.isnan(nothing.precision)


def test_gap_is_interpolated() -> None:
    mv = ecg(BEATS)
    mv[600:620] = np.nan
    assert r_peaks(mv, 500, up=True).size >= 11


def test_pooled_peaks_count_each_lead() -> None:
    truth = ecg(BEATS)
    parts = [match_r_peaks(truth, np.roll(truth, k), 500) for k in (1, 5, 5)]
    both = pool_peaks(parts)
    assert (both.true_count, both.true_matched) == (36, 36)
    assert both.median_ms == pytest.approx(10)
    assert math.isnan(pool_peaks([]).sensitivity)
