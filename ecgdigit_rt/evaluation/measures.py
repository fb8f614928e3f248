"""Accuracy measures of the digitization literature, per lead and summarized over leads.

All measures are taken after the alignment of the competition metric (`ecgdigit_rt.evaluation.metric`): the
best lag within ±0.2 s and the best offset. Every measure therefore compares the same two curves. Missing
samples count as 0 mV in `rmse_mv` and `nrmse_percent`, as in the metric. `pearson` and `dtw_mv` ignore them.
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
"""Half width of the band of dynamic time warping: about a QRS complex, less than the distance to the next
wave. Chosen, not tuned."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Agreement of one lead with its truth.

    - `db` is the SNR of the metric: Σ truth² over Σ error².
    - `rmse_mv` is the root mean square error, and `nrmse_percent` the same in percent of the range of the
      truth (maximum minus minimum). The latter is infinite for a constant truth.
    - `pearson` is the correlation of the samples present in both curves, NaN if one of them is constant.
    - `dtw_mv` is the `dtw_distance` within ±DTW_BAND_S, a mean absolute difference. It is NaN for a missing
      lead.
    - `lag_s` and `offset_mv` are the alignment: how far the prediction was moved later and up.
    - `peaks` are the matched R peaks, and `peaks_unaligned` the same without the lag.
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
    """Means over leads, each lead of each image counting once, and R peaks pooled over all leads.

    A lead without a measure (no correlation if it is missing) is left out of its mean. The mean is NaN if no
    lead has the measure.
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

    `truth` is (samples,) in mV, finite. `predicted` has the same shape, NaN where missing, or is None for a
    missing lead. `score` is its `lead_score`, computed if not given. Raises ValueError as `lead_score` does.
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
        _finite_mean([one.nrmse_percent for one in listed]),
        _finite_mean([one.pearson for one in listed]),
        _finite_mean([one.rmse_mv for one in listed]),
        _finite_mean([one.dtw_mv for one in listed]),
        pool_peaks(one.peaks for one in listed),
        pool_peaks(one.peaks_unaligned for one in listed),
    )


def measure_values(of: Summary | Agreement) -> dict[str, float]:
    """Return the measures under their names in JSON, CSV and HTML.

    `r_peak_ms` is the median distance of matched R peaks after the alignment, `r_peak_unaligned_ms` before
    it.
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
    if np.ptp(a) == 0 or np.ptp(b) == 0:  # a constant minus its mean is rounding noise
        return math.nan
    x, y = a - a.mean(), b - b.mean()
    return float(x @ y) / math.sqrt(float(x @ x) * float(y @ y))


def _finite_mean(values: Sequence[float]) -> float:
    finite = [value for value in values if math.isfinite(value)]
    return sum(finite) / len(finite) if finite else math.nan
