"""How near one lead comes to its truth, in the three measures that papers on digitization state.

All three are taken after the competition's alignment, the best lag within ±0.2 s and the best height
(`ecgdigit_rt.scoring.metric`), so that they speak of the same two curves.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.record import Lead
from ecgdigit_rt.scoring.evaluate import at_truth_rate
from ecgdigit_rt.scoring.metric import lead_score, shifted
from ecgdigit_rt.scoring.truth import Truth


@dataclass(frozen=True, slots=True)
class Agreement:
    """One lead against its truth.

    db: Σ truth² over Σ error², as the metric counts them. nrmse_percent: the root mean square of the same
    error, in percent of the truth's range (highest minus lowest); infinite for a level truth. pearson:
    the correlation where both are present, NaN where one of them is level. lag_s, offset_mv: by how much
    the prediction was moved later and up.
    """

    db: float
    nrmse_percent: float
    pearson: float
    lag_s: float
    offset_mv: float


def agreement(truth: NDArray[np.float64], predicted: NDArray[np.float64], rate_hz: float) -> Agreement:
    """truth: (samples,) finite mV. predicted: the same count, NaN where missing. Raises as `lead_score`."""
    score = lead_score(truth, predicted, rate_hz)
    span = float(np.ptp(truth))
    rms = math.sqrt(score.error / truth.size)
    return Agreement(
        db=score.db,
        nrmse_percent=100 * rms / span if span > 0 else math.inf,
        pearson=_pearson(truth, shifted(predicted, score.lag)),
        lag_s=score.lag / rate_hz,
        offset_mv=score.offset_mv,
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


def _pearson(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    both = np.isfinite(a) & np.isfinite(b)
    if not both.any():
        return math.nan
    x, y = a[both] - a[both].mean(), b[both] - b[both].mean()
    power = math.sqrt(float(x @ x) * float(y @ y))
    return float(x @ y) / power if power > 0 else math.nan
