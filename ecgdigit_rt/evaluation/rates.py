"""At which rate a prediction was written, and what it is at the truth's rate.

A submission states no rates; its counts tell them. The rate taken is the one under which most leads have
the length of their true windows, the truth's own rate first. At another rate (a run without test.csv
writes 500 Hz) the prediction is resampled to the truth's; after that, what is too long is cut and what is
too short is missing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.evaluation.truth import RATES_HZ, SLACK, Truth
from ecgdigit_rt.resample import resample


def submission_rate_hz(truth: Truth, predicted: Mapping[str, NDArray[np.float64]]) -> float:
    """The rate at which the prediction was written, from its counts."""
    pairs = [(predicted[n].size, label.size) for n, label in truth.leads.items() if n in predicted]

    def matches(rate_hz: float) -> int:
        scale = rate_hz / truth.rate_hz
        return sum(abs(got - want * scale) <= SLACK for got, want in pairs)

    return max((truth.rate_hz, *RATES_HZ), key=matches)  # of equal ones the first


def at_truth_rate(
    guess: NDArray[np.float64], rate_hz: float, to_rate_hz: float, count: int
) -> NDArray[np.float64]:
    """A prediction at the truth's rate and as long as it: (count,), NaN where it is too short."""
    if rate_hz != to_rate_hz:
        whole = math.ceil(guess.size * to_rate_hz / rate_hz)
        short = count - whole  # by so much, the edge is repeated; the rest is missing
        count_found = count if short <= SLACK else whole
        guess = resample(np.nan_to_num(guess), rate_hz, to_rate_hz, count_found)
    out = np.full(count, np.nan)
    out[: guess.size] = guess[:count]
    return out
