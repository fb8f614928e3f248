"""R peaks of a lead, and matching of the R peaks of two curves.

Beats are detected as in Elgendi, "Fast QRS detection with an optimized knowledge-based method", PLoS ONE
8(9), 2013. The curve is band-pass filtered (8 to 20 Hz) and squared. A QRS complex is an interval of at least
97 ms in which the moving mean of the squared curve over 97 ms exceeds its moving mean over 611 ms plus 8 % of
its overall mean. The method has no training or adaptation, so it works on windows of 2.5 s. The R peak of a
beat is the maximum of the curve, or the minimum in a lead whose beats point down (such as aVR).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

TOLERANCE_S = 0.05
"""Maximum distance between matched peaks. Hand-picked, not tuned."""

MARGIN_S = 0.06
"""Margin at both ends of a lead. Hand-picked, not tuned.

A beat inside the margin may be cut off in one of the two curves. It is not counted, but a peak outside the
margin may still be matched with it.
"""

_BAND_HZ, _ORDER = (8.0, 20.0), 3
_QRS_S, _BEAT_S, _OFFSET = 0.097, 0.611, 0.08
"""Pass band, filter order, window lengths for a QRS complex and for a beat, and offset, from Elgendi 2013."""

_MIN_RR_S = 0.25
"""Minimum distance between two beats: 240 beats per minute. Hand-picked, not tuned."""

_SEARCH_S = 0.06
"""Maximum distance between the R peak and the sample with the most energy. Hand-picked, not tuned.

The search windows of two beats do not overlap, because 2 × 0.06 s is less than `_MIN_RR_S`.
"""


@dataclass(frozen=True, slots=True)
class PeakMatches:
    """Counts and errors of the matched R peaks of a truth and a prediction.

    Peaks within `MARGIN_S` of an end are not counted. `true_count` and `predicted_count` are the numbers of
    counted peaks. `true_matched` and `predicted_matched` are the numbers of peaks with a peak of the other
    curve within `TOLERANCE_S`. `errors_s` are the distances of the matched true peaks from their nearest
    predicted peak.
    """

    true_count: int
    predicted_count: int
    true_matched: int
    predicted_matched: int
    errors_s: tuple[float, ...]

    @property
    def sensitivity(self) -> float:
        """Fraction of the true peaks that are matched. NaN if there are no true peaks."""
        return self.true_matched / self.true_count if self.true_count else math.nan

    @property
    def precision(self) -> float:
        """Fraction of the predicted peaks that are matched. NaN if there are no predicted peaks."""
        return self.predicted_matched / self.predicted_count if self.predicted_count else math.nan

    @property
    def median_ms(self) -> float:
        """Median distance of the matched peaks in ms. NaN if no peaks are matched."""
        return 1000 * float(np.median(self.errors_s)) if self.errors_s else math.nan


def pool_peaks(parts: Iterable[PeakMatches]) -> PeakMatches:
    """Combine the matches of several leads."""
    matches = list(parts)
    return PeakMatches(
        sum(lead.true_count for lead in matches),
        sum(lead.predicted_count for lead in matches),
        sum(lead.true_matched for lead in matches),
        sum(lead.predicted_matched for lead in matches),
        tuple(error for lead in matches for error in lead.errors_s),
    )


def match_r_peaks(truth: Array, predicted: Array, rate_hz: float) -> PeakMatches:
    """Match the R peaks of two curves (samples,) in mV with a common start. NaN marks missing samples.

    The truth determines the polarity of both curves. Otherwise an R wave could be matched with an S wave in a
    lead in which both waves are equally tall.
    """
    up = points_up(truth, rate_hz)
    true_s, predicted_s = r_peaks(truth, rate_hz, up), r_peaks(predicted, rate_hz, up)
    end_s = truth.size / rate_hz - MARGIN_S
    true_errors = _nearest_distances(true_s[(true_s >= MARGIN_S) & (true_s <= end_s)], predicted_s)
    predicted_errors = _nearest_distances(
        predicted_s[(predicted_s >= MARGIN_S) & (predicted_s <= end_s)], true_s
    )
    matched = true_errors[true_errors <= TOLERANCE_S]
    return PeakMatches(
        true_count=true_errors.size,
        predicted_count=predicted_errors.size,
        true_matched=matched.size,
        predicted_matched=int((predicted_errors <= TOLERANCE_S).sum()),
        errors_s=tuple(matched.tolist()),
    )


def r_peaks(mv: Array, rate_hz: float, up: bool) -> Array:
    """Return the times of the R peaks of a lead in seconds from its first sample, ascending.

    `mv` is (samples,), NaN where missing. If `up`, the R peak of a beat is its maximum, otherwise its
    minimum. A parabola through the extreme sample and its two neighbours refines the time.
    """
    filled = _interpolate_gaps(mv)
    curve = filled if up else -filled
    radius = round(_SEARCH_S * rate_hz)
    times_s = []
    for beat in _beats(filled, rate_hz):
        first = max(0, beat - radius)
        peak = first + int(curve[first : beat + radius + 1].argmax())
        times_s.append((peak + _parabola_offset(curve, peak)) / rate_hz)
    return np.array(times_s)


def points_up(mv: Array, rate_hz: float) -> bool:
    """Return whether a typical beat rises at least as far above the median of the lead as it falls below.

    The result is true for a lead without beats.
    """
    filled = _interpolate_gaps(mv)
    centered = filled - np.median(filled) if filled.size else filled
    radius = round(_SEARCH_S * rate_hz)
    beats = [centered[max(0, beat - radius) : beat + radius + 1] for beat in _beats(filled, rate_hz)]
    return not beats or bool(np.median([beat.max() + beat.min() for beat in beats]) >= 0)


def _beats(mv: Array, rate_hz: float) -> list[int]:
    """Return for each beat the index of the sample with the highest mean energy over `_QRS_S`, ascending.

    If two beats are closer than `_MIN_RR_S`, the one with less energy is dropped.
    """
    if mv.size < _BEAT_S * rate_hz or not np.ptp(mv) > 0:
        return []
    energy = np.square(_band_pass(mv, rate_hz))
    qrs_mean = _running_mean(energy, _QRS_S * rate_hz)
    is_qrs = qrs_mean > _running_mean(energy, _BEAT_S * rate_hz) + _OFFSET * energy.mean()
    edges = np.flatnonzero(np.diff(np.r_[False, is_qrs, False].astype(np.int8)))
    intervals = zip(edges[::2], edges[1::2], strict=True)
    candidates = [int(a + qrs_mean[a:b].argmax()) for a, b in intervals if b - a >= _QRS_S * rate_hz]
    beats: list[int] = []
    for candidate in sorted(candidates, key=lambda sample: -qrs_mean[sample]):
        if all(abs(candidate - beat) >= _MIN_RR_S * rate_hz for beat in beats):
            beats.append(candidate)
    return sorted(beats)


def _band_pass(mv: Array, rate_hz: float) -> Array:
    """Return the curve in the frequency band of QRS complexes, without delay.

    The gain is the product of the power responses of a high-pass and a low-pass Butterworth filter.
    """
    margin = min(mv.size - 1, round(rate_hz))
    padded = np.pad(mv, margin, mode="reflect", reflect_type="odd")
    hz = np.fft.rfftfreq(padded.size, 1 / rate_hz)
    low, high = _BAND_HZ
    with np.errstate(divide="ignore"):  # at 0 Hz, low / hz is infinite and the gain is 0
        gain = 1 / ((1 + (hz / high) ** (2 * _ORDER)) * (1 + (low / hz) ** (2 * _ORDER)))
    filtered = np.fft.irfft(np.fft.rfft(padded) * gain, padded.size)
    return np.asarray(filtered[margin : margin + mv.size])


def _running_mean(values: Array, width: float) -> Array:
    """Return the mean over a window of about `width` samples around each sample.

    The number of samples in the window is odd. Windows are clipped at the ends of the curve.
    """
    half = max(1, round(width / 2))
    sums = np.concatenate([[0.0], np.cumsum(values)])
    at = np.arange(values.size)
    low, high = np.maximum(at - half, 0), np.minimum(at + half + 1, values.size)
    return np.asarray((sums[high] - sums[low]) / (high - low))


def _interpolate_gaps(mv: Array) -> Array:
    """Return the curve with missing samples interpolated linearly, or an empty array if all are missing."""
    present = np.flatnonzero(np.isfinite(mv))
    return np.interp(np.arange(mv.size), present, mv[present]) if present.size else np.empty(0)


def _parabola_offset(curve: Array, peak: int) -> float:
    """Return the offset, in samples, of the vertex of the parabola through `peak` and its neighbours.

    It is 0 if `peak` is at an end of the curve or is not a local maximum.
    """
    if not 0 < peak < curve.size - 1:
        return 0.0
    before, here, after = curve[peak - 1 : peak + 2]
    curvature = before - 2 * here + after
    is_maximum = curvature < 0 and before <= here >= after
    return float(0.5 * (before - after) / curvature) if is_maximum else 0.0


def _nearest_distances(times_s: Array, others_s: Array) -> Array:
    """Return the distance of each time from the nearest of the others, or infinity if there are no others."""
    if not others_s.size:
        return np.full(times_s.size, np.inf)
    return np.asarray(np.abs(times_s[:, None] - others_s).min(1))
