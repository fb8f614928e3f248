"""Alignment of predictions with the ground truth: sampling rate, lag and offset.

A submission does not contain its sampling rate. The rate is inferred from the sample counts: of the known
rates, it is the one at which the largest number of leads have the length of their true windows. The rate of
the truth wins a tie. A prediction at another rate than the truth (a run without test.csv writes 500 Hz) is
resampled. Then excess samples are cut, and absent samples count as missing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.evaluation.measures import Agreement, lead_agreement
from ecgdigit_rt.evaluation.truth import RATES_HZ, SLACK, Truth
from ecgdigit_rt.resample import resample
from ecgdigit_rt.results import Digitized, Lead

if TYPE_CHECKING:
    from ecgdigit_rt.plots.inspect.lead_plot import TrueLead


def infer_rate_hz(truth: Truth, predicted: Mapping[str, NDArray[np.float64]]) -> float:
    """Return the sampling rate of a prediction, inferred from its sample counts."""
    counts = [(predicted[n].size, true_mv.size) for n, true_mv in truth.leads.items() if n in predicted]

    def matches(rate_hz: float) -> int:
        scale = rate_hz / truth.rate_hz
        return sum(abs(count - true_count * scale) <= SLACK for count, true_count in counts)

    return max((truth.rate_hz, *RATES_HZ), key=matches)  # the first rate wins a tie


def resample_to_truth(
    mv: NDArray[np.float64], rate_hz: float, true_rate_hz: float, count: int
) -> NDArray[np.float64]:
    """Return a prediction at the rate and length of the truth: (count,), NaN after the end of the prediction.

    If the prediction is resampled, its NaN samples count as 0 mV, and up to SLACK absent samples repeat the
    last sample.
    """
    if rate_hz != true_rate_hz:
        resampled_count = math.ceil(mv.size * true_rate_hz / rate_hz)
        if count - resampled_count <= SLACK:  # `resample` repeats the last sample
            resampled_count = count
        mv = resample(np.nan_to_num(mv), rate_hz, true_rate_hz, resampled_count)
    out = np.full(count, np.nan)
    out[: mv.size] = mv[:count]
    return out


def page_agreements(truth: Truth, leads: Mapping[str, Lead]) -> dict[str, Agreement]:
    """Return the agreement of every lead that is in `truth` and in `leads`, in the order of the truth."""
    return {
        name: lead_agreement(
            true_mv,
            resample_to_truth(
                leads[name].mv.astype(np.float64), leads[name].rate_hz, truth.rate_hz, true_mv.size
            ),
            truth.rate_hz,
        )
        for name, true_mv in truth.leads.items()
        if name in leads
    }


def align_truth(truth: Truth, page: Digitized) -> dict[str, TrueLead]:
    """Return the true leads, aligned in time and offset with the predicted leads.

    The metric shifts the prediction. The last image of `inspect` shows the prediction unshifted, so this
    function shifts the truth in the opposite direction.
    """
    from ecgdigit_rt.plots.inspect.lead_plot import TrueLead

    return {
        name: TrueLead(
            truth.leads[name] - agreement.offset_mv,
            truth.rate_hz,
            page.leads[name].start_s - agreement.lag_s,
            agreement.db,
            agreement.nrmse_percent,
            agreement.pearson,
        )
        for name, agreement in page_agreements(truth, page.leads).items()
    }
