"""Accuracy measures of the digitization literature, per lead and summarized over leads.

All measures are computed after the alignment of the competition metric (`ecgdigit_rt.evaluation.metric`): the
best lag within ±0.2 s and the best offset. Every measure therefore compares the same two curves. The only
exception is `peaks_unaligned`. Missing samples count as 0 mV in `db`, `rmse_mv` and `nrmse_percent`, as in
the metric. `pearson` and `dtw_mv` ignore missing samples, and the detection of R peaks interpolates them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ecgdigit_kernels.dtw import dtw_distance
from ecgdigit_rt.evaluation.metric import LeadScore, lead_score, shift
from ecgdigit_rt.evaluation.r_peaks import PeakMatches, match_r_peaks, pool_peaks

DTW_BAND_S = 0.1
"""Half width of the band of dynamic time warping. Hand-picked, not tuned.

It is about the duration of a QRS complex, and less than the distance from one wave to the next.
"""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Agreement of one lead with its truth.

    - `db` is the SNR of the metric in dB: 10·log10(Σ truth² / Σ error²), uncapped.
    - `rmse_mv` is the root mean square error.
    - `nrmse_percent` is `rmse_mv` in percent of the range of the truth (maximum minus minimum). It is
      infinite for a constant truth.
    - `pearson` is the correlation over the samples that the aligned prediction contains. It is NaN if there
      are none, or if one of the two curves is constant over them.
    - `dtw_mv` is the `dtw_distance` within ±DTW_BAND_S, a mean absolute difference. It is NaN for a missing
      lead.
    - `lag_s` and `offset_mv` are the alignment: the shift of the prediction to the right and upward.
    - `peaks` are the R peaks matched after the alignment, and `peaks_unaligned` those matched before it.
    """

    db: float
    rmse_mv: float
    nrmse_percent: float
    pearson: float
    dtw_mv: float
    lag_s: float
    offset_mv: float
    peaks: PeakMatches = field(repr=False)
    peaks_unaligned: PeakMatches = field(repr=False)


@dataclass(frozen=True, slots=True)
class Summary:
    """Means over leads, in which each lead of each image has equal weight, and R peaks of all leads together.

    The mean of a measure is over the leads with a finite value. For example, a missing lead has no
    correlation. The mean is NaN if no lead has a finite value.
    """

    nrmse_percent: float
    pearson: float
    rmse_mv: float
    dtw_mv: float
    peaks: PeakMatches
    peaks_unaligned: PeakMatches


def lead_agreement(
    truth: NDArray[np.float64],
    predicted: NDArray[np.float64] | None,
    rate_hz: float,
    score: LeadScore | None = None,
) -> Agreement:
    """Compare one lead with its truth.

    `truth` is (samples,) in mV, finite. `predicted` has the same shape and is NaN where samples are missing.
    It is None for a missing lead. `score` is the `lead_score` of `truth` and `predicted`. If `score` is None,
    it is computed, which raises ValueError if the shapes differ or the truth is not finite.
    """
    samples = np.full(truth.size, np.nan) if predicted is None else predicted
    score = score or lead_score(truth, samples, rate_hz)
    span = float(np.ptp(truth))
    rmse_mv = math.sqrt(score.error / truth.size)
    aligned = shift(samples, score.lag) + score.offset_mv
    peaks = match_r_peaks(truth, aligned, rate_hz)
    return Agreement(
        db=score.db,
        rmse_mv=rmse_mv,
        nrmse_percent=100 * rmse_mv / span if span > 0 else math.inf,
        pearson=_pearson(truth, aligned),
        dtw_mv=_dtw_mv(truth, aligned, rate_hz),
        lag_s=score.lag / rate_hz,
        offset_mv=score.offset_mv,
        peaks=peaks,
        peaks_unaligned=match_r_peaks(truth, samples, rate_hz) if score.lag else peaks,
    )


def summarize(agreements: Iterable[Agreement]) -> Summary:
    """Summarize the agreements of several leads."""
    listed = list(agreements)
    return Summary(
        _finite_mean([agreement.nrmse_percent for agreement in listed]),
        _finite_mean([agreement.pearson for agreement in listed]),
        _finite_mean([agreement.rmse_mv for agreement in listed]),
        _finite_mean([agreement.dtw_mv for agreement in listed]),
        pool_peaks(agreement.peaks for agreement in listed),
        pool_peaks(agreement.peaks_unaligned for agreement in listed),
    )


def measure_values(of: Summary | Agreement) -> dict[str, float]:
    """Return the measures by their names in the JSON, CSV and HTML reports.

    `r_peak_ms` and `r_peak_unaligned_ms` are the median distances of matched R peaks after and before the
    alignment.
    """
    return {
        "nrmse_percent": of.nrmse_percent,
        "pearson": of.pearson,
        "rmse_mv": of.rmse_mv,
        "dtw_mv": of.dtw_mv,
        "r_peak_ms": of.peaks.median_ms,
        "r_peak_unaligned_ms": of.peaks_unaligned.median_ms,
        "r_peak_sensitivity": of.peaks.sensitivity,
        "r_peak_precision": of.peaks.precision,
    }


def _dtw_mv(truth: NDArray[np.float64], aligned: NDArray[np.float64], rate_hz: float) -> float:
    present = np.isfinite(aligned)
    if not present.any():
        return math.nan
    return dtw_distance(truth[present], aligned[present], round(DTW_BAND_S * rate_hz))


def _pearson(truth: NDArray[np.float64], aligned: NDArray[np.float64]) -> float:
    present = np.isfinite(aligned)
    if not present.any():
        return math.nan
    a, b = truth[present], aligned[present]
    if np.ptp(a) == 0 or np.ptp(b) == 0:  # a constant minus its mean may leave rounding noise
        return math.nan
    x, y = a - a.mean(), b - b.mean()
    return float(x @ y) / math.sqrt(float(x @ x) * float(y @ y))


def _finite_mean(values: Sequence[float]) -> float:
    finite = [value for value in values if math.isfinite(value)]
    return sum(finite) / len(finite) if finite else math.nan
