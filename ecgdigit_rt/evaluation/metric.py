"""The competition metric: signal-to-noise ratio after alignment in time and offset.

Source: PhysioNet "Digitization of ECG Images" (2025), evaluation page. Per lead:

1. Find the lag within ±int(0.2·fs) samples that maximizes the cross-correlation of the signals minus their
   means. The lag with the smallest absolute value wins a tie.
2. Shift the prediction by this lag. The samples that this leaves without a value are missing.
3. Add the constant offset that minimizes the squared error.
4. Replace missing samples by 0.

The ratio of an image is Σ truth² / Σ error², capped at 384. Both sums are over all leads of the image. The
score is 10·log10 of the mean ratio over images.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAX_LAG_S = 0.2
"""Maximum lag of the alignment, from the evaluation page."""

PERFECT_RATIO = 384.0
"""Cap of the ratio of an image, 25.84 dB, from the evaluation page."""


@dataclass(frozen=True, slots=True)
class LeadScore:
    """Score of one lead.

    `signal` is Σ truth² and `error` is Σ error², both in mV². `lag` and `offset_mv` are the alignment of the
    prediction: its shift to the right in samples, and the constant that is added to it.
    """

    signal: float
    error: float
    lag: int
    offset_mv: float

    @property
    def db(self) -> float:
        """Signal-to-noise ratio in dB, uncapped."""
        return db_from_ratio(snr_ratio([self]))


def lead_score(
    truth: NDArray[np.floating[Any]], predicted: NDArray[np.floating[Any]] | None, rate_hz: float
) -> LeadScore:
    """Score one lead.

    `truth` is (samples,) in mV, finite. `predicted` has the same shape and is NaN where samples are missing.
    It is None for a missing lead. Raises ValueError if the shapes differ or the truth is not finite.
    """
    true_mv = np.asarray(truth, np.float64)
    signal = float(true_mv @ true_mv)
    if not np.isfinite(signal):
        raise ValueError("the truth is not finite")
    if predicted is None or not np.isfinite(predicted).any():
        return LeadScore(signal, signal, 0, 0.0)
    if predicted.shape != true_mv.shape:
        raise ValueError(f"{predicted.size} samples predicted, {true_mv.size} true")
    samples = np.where(np.isfinite(predicted), predicted, np.nan).astype(np.float64)
    lag = best_lag(true_mv, samples, int(rate_hz * MAX_LAG_S))
    aligned = shift(samples, lag)
    present = np.isfinite(aligned)
    offset = float(np.mean(true_mv[present] - aligned[present])) if present.any() else 0.0
    error = true_mv - np.where(present, aligned + offset, 0.0)
    return LeadScore(signal, float(error @ error), lag, offset)


def best_lag(truth: NDArray[np.float64], predicted: NDArray[np.float64], max_lag: int) -> int:
    """Return the shift of `predicted` to the right, in samples, that correlates best with `truth`.

    NaN samples of `predicted` are replaced by the mean of the other samples.
    """
    a = truth - truth.mean()
    b = np.nan_to_num(predicted - np.nanmean(predicted))
    max_lag = min(max_lag, a.size - 1)
    size = 1 << (a.size + max_lag).bit_length()
    circular = np.fft.irfft(np.fft.rfft(a, size) * np.conj(np.fft.rfft(b, size)), size)
    lags = np.arange(-max_lag, max_lag + 1)
    correlation = circular[lags]  # negative lags are at the end of the array
    # Correlations that are equal in theory (flat or periodic predictions) differ by the rounding of the FFT.
    rounding = 1e-12 * float(np.linalg.norm(a) * np.linalg.norm(np.nan_to_num(predicted)))
    tied = lags[correlation >= correlation.max() - rounding]
    return int(tied[np.argmin(np.abs(tied))])


def shift(mv: NDArray[np.float64], lag: int) -> NDArray[np.float64]:
    """Shift `mv` to the right by `lag` samples, to the left if negative. Absent samples become NaN."""
    out = np.full(mv.size, np.nan)
    if lag >= 0:
        out[lag:] = mv[: mv.size - lag]
    else:
        out[:lag] = mv[-lag:]
    return out


def snr_ratio(scores: Iterable[LeadScore]) -> float:
    """Return the linear SNR over all leads of an image, uncapped. It is infinite if the error is 0."""
    listed = list(scores)
    signal, error = sum(s.signal for s in listed), sum(s.error for s in listed)
    if error == 0:
        return math.inf
    return signal / error


def db_from_ratio(linear: float) -> float:
    """Return 10·log10 of a linear ratio. The result for 0 is −inf."""
    return 10 * math.log10(linear) if linear > 0 else -math.inf


def competition_score(ratios: Sequence[float]) -> float:
    """Return 10·log10 of the mean ratio over images, each ratio capped at 384."""
    return db_from_ratio(sum(min(r, PERFECT_RATIO) for r in ratios) / len(ratios))
