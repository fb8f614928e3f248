"""How near one lead comes to its truth, in the measures that papers on digitization state.

All are taken after the competition's alignment, the best lag within ±0.2 s and the best height
(`ecgdigit_rt.evaluation.metric`), so that they speak of the same two curves. What a prediction lacks counts
as 0 mV in `rmse_mv` and `nrmse_percent`, as in the metric, and is passed over by `pearson` and `dtw_mv`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ecgdigit_kernels.warping import dtw_distance
from ecgdigit_rt.evaluation.metric import LeadScore, lead_score, shifted
from ecgdigit_rt.evaluation.r_peaks import PeakAgreement, peak_agreement
from ecgdigit_rt.evaluation.rates import at_truth_rate
from ecgdigit_rt.evaluation.truth import Truth
from ecgdigit_rt.results import Lead

DTW_BAND_S = 0.1
"""How far the warping may move a sample: wide enough for a QRS, too narrow to reach the next wave's."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """One lead against its truth.

    db: Σ truth² over Σ error², as the metric counts them. rmse_mv: the root mean square of the same
    error, and nrmse_percent: that in percent of the truth's range (highest minus lowest); infinite for a
    level truth. pearson: the correlation where both are present, NaN where one of them is level.
    dtw_mv: `dtw_distance` of the two within ±DTW_BAND_S, a mean absolute difference; NaN where nothing
    was read. lag_s, offset_mv: by how much the prediction was moved later and up. peaks: the R peaks.
    peaks_unmoved: the same without the lag, on the prediction's own clock.
    """

    db: float
    rmse_mv: float
    nrmse_percent: float
    pearson: float
    dtw_mv: float
    lag_s: float
    offset_mv: float
    peaks: PeakAgreement = field(repr=False)
    peaks_unmoved: PeakAgreement = field(repr=False)


def agreement(
    truth: NDArray[np.float64],
    predicted: NDArray[np.float64] | None,
    rate_hz: float,
    score: LeadScore | None = None,
) -> Agreement:
    """truth: (samples,) finite mV. predicted: the same count, NaN where missing, or None for no lead at all.

    score: its `lead_score`, where that is known already. Raises as `lead_score`.
    """
    guess = np.full(truth.size, np.nan) if predicted is None else predicted
    score = score or lead_score(truth, guess, rate_hz)
    span = float(np.ptp(truth))
    rmse_mv = math.sqrt(score.error / truth.size)
    moved = shifted(guess, score.lag) + score.offset_mv
    peaks = peak_agreement(truth, moved, rate_hz)
    return Agreement(
        db=score.db,
        rmse_mv=rmse_mv,
        nrmse_percent=100 * rmse_mv / span if span > 0 else math.inf,
        pearson=_pearson(truth, moved),
        dtw_mv=_warped(truth, moved, rate_hz),
        lag_s=score.lag / rate_hz,
        offset_mv=score.offset_mv,
        peaks=peaks,
        peaks_unmoved=peak_agreement(truth, guess, rate_hz) if score.lag else peaks,
    )


def agreements(truth: Truth, leads: Mapping[str, Lead]) -> dict[str, Agreement]:
    """Of every lead that both have, in the truth's order; a prediction at another rate is resampled."""
    return {
        name: agreement(
            label,
            at_truth_rate(leads[name].mv.astype(np.float64), leads[name].rate_hz, truth.rate_hz, label.size),
            truth.rate_hz,
        )
        for name, label in truth.leads.items()
        if name in leads
    }


def _warped(truth: NDArray[np.float64], moved: NDArray[np.float64], rate_hz: float) -> float:
    both = np.isfinite(moved)
    if not both.any():
        return math.nan
    return dtw_distance(truth[both], moved[both], round(DTW_BAND_S * rate_hz))


def _pearson(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    both = np.isfinite(b)
    if not both.any():
        return math.nan
    a, b = a[both], b[both]
    if np.ptp(a) == 0 or np.ptp(b) == 0:  # less their means, rounding is all that is left of them
        return math.nan
    x, y = a - a.mean(), b - b.mean()
    return float(x @ y) / math.sqrt(float(x @ x) * float(y @ y))
