"""The competition's metric: SNR after the best small shift in time and height.

Source: PhysioNet "Digitization of ECG Images" (2025), evaluation page. Per lead: the lag within
±int(0.2·fs) samples that maximises the cross-correlation of the mean-centred signals, of equal
ones the smallest; the prediction is shifted by it, and samples that were shifted in are missing;
then it is moved up or down to the least squared error; then missing samples are 0. Per image:
Σ truth² over Σ error², both over all leads, at most 384. Score: 10·log10 of the mean over images.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAX_LAG_S = 0.2
PERFECT_RATIO = 384.0
"""The cap of an image's ratio: 25.84 dB."""


@dataclass(frozen=True, slots=True)
class LeadScore:
    """One lead's part: Σ truth² and Σ error² in mV², and how the prediction was moved to get it."""

    signal: float
    error: float
    lag: int
    offset_mv: float

    @property
    def db(self) -> float:
        return decibel(ratio([self]))


def lead_score(
    truth: NDArray[np.floating[Any]], predicted: NDArray[np.floating[Any]] | None, rate_hz: float
) -> LeadScore:
    """Score one lead. truth: (samples,) finite. predicted: the same count, NaN where missing.

    Raises ValueError where the counts differ or the truth is not finite.
    """
    label = np.asarray(truth, np.float64)
    signal = float(label @ label)
    if not np.isfinite(signal):
        raise ValueError("the truth is not finite")
    if predicted is None or not np.isfinite(predicted).any():
        return LeadScore(signal, signal, 0, 0.0)
    if predicted.shape != label.shape:
        raise ValueError(f"{predicted.size} samples predicted, {label.size} true")
    guess = np.where(np.isfinite(predicted), predicted, np.nan).astype(np.float64)
    lag = best_lag(label, guess, int(rate_hz * MAX_LAG_S))
    moved = shifted(guess, lag)
    present = np.isfinite(moved)
    offset = float(np.mean(label[present] - moved[present])) if present.any() else 0.0
    error = label - np.where(present, moved + offset, 0.0)
    return LeadScore(signal, float(error @ error), lag, offset)


def best_lag(truth: NDArray[np.float64], predicted: NDArray[np.float64], max_lag: int) -> int:
    """The shift of `predicted` to the right, in samples, that fits best. NaN counts as its mean."""
    a = truth - truth.mean()
    b = np.nan_to_num(predicted - np.nanmean(predicted))
    reach = min(max_lag, a.size - 1)
    size = 1 << (a.size + reach).bit_length()
    circular = np.fft.irfft(np.fft.rfft(a, size) * np.conj(np.fft.rfft(b, size)), size)
    lags = np.arange(-reach, reach + 1)
    correlation = circular[lags]  # a negative lag indexes from the end, where it is
    # Equal correlations (a flat prediction, a periodic one) differ by the FFT's rounding.
    rounding = 1e-12 * float(np.linalg.norm(a) * np.linalg.norm(np.nan_to_num(predicted)))
    tied = lags[correlation >= correlation.max() - rounding]
    return int(tied[np.argmin(np.abs(tied))])


def shifted(mv: NDArray[np.float64], lag: int) -> NDArray[np.float64]:
    """`mv` moved right by `lag` samples (left where negative); what is shifted in is NaN."""
    out = np.full(mv.size, np.nan)
    if lag >= 0:
        out[lag:] = mv[: mv.size - lag]
    else:
        out[:lag] = mv[-lag:]
    return out


def ratio(scores: Iterable[LeadScore]) -> float:
    """An image's linear SNR over its leads, uncapped; infinite without any error."""
    listed = list(scores)
    signal, error = sum(s.signal for s in listed), sum(s.error for s in listed)
    if error == 0:
        return math.inf
    return signal / error


def decibel(linear: float) -> float:
    """10·log10; −inf for zero."""
    return 10 * math.log10(linear) if linear > 0 else -math.inf


def competition_score(ratios: Sequence[float]) -> float:
    """10·log10 of the mean of the images' ratios, each capped at 384."""
    return decibel(sum(min(r, PERFECT_RATIO) for r in ratios) / len(ratios))
