"""Tests of the accuracy measures other than dB, on curves with known errors."""

from __future__ import annotations

import math

import numpy as np
import pytest
from paper_page import signals

from ecgdigit_rt.evaluation.measures import lead_agreement, measure_values, summarize
from ecgdigit_rt.evaluation.scores import image_score, summarize_images
from ecgdigit_rt.evaluation.truth import Truth

LEAD = signals(0)["II"]


def test_equal_curves_have_no_error() -> None:
    same = lead_agreement(LEAD, LEAD, 500)
    assert (same.rmse_mv, same.nrmse_percent, same.dtw_mv, same.peaks.median_ms) == (0, 0, 0, 0)
    assert same.pearson == pytest.approx(1)
    assert same.db == math.inf
    assert (same.peaks.sensitivity, same.peaks.precision) == (1, 1)


def test_delay_of_20_ms_is_aligned_and_reported() -> None:
    late = np.concatenate([np.full(10, LEAD[0]), LEAD[:-10]])
    got = lead_agreement(LEAD, late, 500)
    assert got.lag_s == -0.02
    assert got.pearson == pytest.approx(1)
    assert got.dtw_mv == pytest.approx(0, abs=1e-12)
    assert got.peaks.median_ms == pytest.approx(0, abs=1e-9)
    assert got.peaks_unaligned.median_ms == pytest.approx(20, abs=1e-9)
    assert measure_values(got)["r_peak_unaligned_ms"] == pytest.approx(20)


def test_offset_is_free_and_gain_is_not() -> None:
    assert lead_agreement(LEAD, LEAD + 0.7, 500).rmse_mv == pytest.approx(0, abs=1e-12)
    smaller = lead_agreement(LEAD, 0.9 * LEAD, 500)
    assert smaller.rmse_mv == pytest.approx(0.1 * LEAD.std())
    assert smaller.nrmse_percent == pytest.approx(10 * LEAD.std() / np.ptp(LEAD))
    assert smaller.pearson == pytest.approx(1)
    assert 0 < smaller.dtw_mv < 0.1 * float(np.abs(LEAD - LEAD.mean()).mean())


def test_noise_of_known_size() -> None:
    noise = np.random.default_rng(1).normal(0, 0.02, LEAD.size)
    got = lead_agreement(LEAD, LEAD + noise, 500)
    assert got.rmse_mv == pytest.approx(float((noise - noise.mean()).std()))
    assert got.pearson == pytest.approx(float(np.corrcoef(LEAD, LEAD + noise)[0, 1]))
    assert got.dtw_mv < 0.02
    assert got.peaks.median_ms < 4


def test_jitter_affects_r_peaks_but_not_dynamic_time_warping() -> None:
    at = np.arange(LEAD.size)
    jittered = np.interp(at, at + 5 * np.sin(2 * np.pi * at / 2500), LEAD)  # up to 10 ms early and late
    got = lead_agreement(LEAD, jittered, 500)
    assert 3 < got.peaks.median_ms < 10
    assert got.dtw_mv < 0.1 * float(np.abs(LEAD - jittered).mean())


def test_missing_samples_count_as_zero() -> None:
    absent = lead_agreement(LEAD, None, 500)
    assert absent.rmse_mv == pytest.approx(math.sqrt(float(np.mean(LEAD**2))))
    assert math.isnan(absent.pearson)
    assert math.isnan(absent.dtw_mv)
    assert (absent.peaks.sensitivity, absent.peaks.predicted_count) == (0, 0)
    half = LEAD.copy()
    half[2500:] = np.nan
    got = lead_agreement(LEAD, half, 500)
    assert got.pearson == pytest.approx(1)
    assert got.rmse_mv == pytest.approx(math.sqrt(float(np.sum(LEAD[2500:] ** 2)) / LEAD.size), rel=1e-3)
    assert 0.4 < got.peaks.sensitivity < 0.6


def test_constant_curve_has_no_correlation() -> None:
    assert math.isnan(lead_agreement(LEAD, np.full(LEAD.size, 0.1), 500).pearson)
    level = lead_agreement(np.full(500, 0.3), np.linspace(0, 1, 500), 500)
    assert math.isnan(level.pearson)
    assert level.nrmse_percent == math.inf


def test_summary_counts_every_lead_once_and_ignores_missing_measures() -> None:
    got = [
        lead_agreement(LEAD, 0.9 * LEAD, 500),
        lead_agreement(LEAD, 0.7 * LEAD, 500),
        lead_agreement(LEAD, None, 500),
    ]
    total = summarize(got)
    assert total.rmse_mv == pytest.approx(sum(agreement.rmse_mv for agreement in got) / 3)
    assert total.pearson == pytest.approx(1), "the mean of two"
    assert (total.peaks.true_count, total.peaks.true_matched) == (36, 24)
    assert all(math.isnan(value) for value in measure_values(summarize([])).values())


def test_image_score_has_an_agreement_for_every_lead_at_any_rate() -> None:
    leads = signals(0)
    truth = Truth("1", 500, leads)
    without = {name: mv for name, mv in leads.items() if name != "V1"}
    score = image_score(truth, without)
    assert list(score.agreements) == list(leads)
    assert math.isnan(score.agreements["V1"].dtw_mv)
    assert score.agreements["V1"].rmse_mv == pytest.approx(math.sqrt(float(np.mean(leads["V1"] ** 2))))
    assert summarize_images([score]).peaks.true_count > 20
    halved = {name: mv[::2] for name, mv in leads.items()}
    assert image_score(truth, halved, 250).agreements["II"].pearson > 0.999
    assert image_score(truth, halved, 500).agreements["II"].pearson < 0.9, "the specified rate has precedence"
