"""R peaks in one lead, and how two curves' R peaks agree in time.

Beats are found as in Elgendi, Fast QRS detection with an optimized knowledge-based method, PLoS ONE 8(9),
2013: the band of 8 to 20 Hz, squared; a QRS stands where, for 97 ms or longer, its mean over 97 ms lies
above that over 611 ms plus 8 % of the mean over all. There is nothing to learn, so windows of 2.5 s will
do. In each beat the curve's own top is the R peak; in a lead whose beats point down (aVR), its lowest point.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

TOLERANCE_S = 0.05
"""Peaks of two curves that are nearer than this are one and the same."""

END_S = 0.06
"""A beat nearer to an end may be cut off in one curve alone: it is matched, and not counted."""

_BAND_HZ, _ORDER = (8.0, 20.0), 3
_QRS_S, _BEAT_S, _OFFSET = 0.097, 0.611, 0.08
_LEAST_RR_S = 0.25
_AROUND_S = 0.06
"""How far from the most energetic place of a beat its peak may lie: peaks are 0.13 s apart or more."""


@dataclass(frozen=True, slots=True)
class PeakAgreement:
    """R peaks of a truth and an estimate; beats within `END_S` of an end are left out.

    true, found: how many each has. true_matched, found_matched: of these, how many have a peak of the
    other curve within `TOLERANCE_S`. errors_s: of each true one that has, how far away that is.
    """

    true: int
    found: int
    true_matched: int
    found_matched: int
    errors_s: tuple[float, ...]

    @property
    def sensitivity(self) -> float:
        """The share of true peaks that were found; NaN without any."""
        return self.true_matched / self.true if self.true else math.nan

    @property
    def precision(self) -> float:
        """The share of found peaks that are true; NaN without any."""
        return self.found_matched / self.found if self.found else math.nan

    @property
    def median_ms(self) -> float:
        """The median distance of matched peaks; NaN without any."""
        return 1000 * float(np.median(self.errors_s)) if self.errors_s else math.nan


def pooled(parts: Iterable[PeakAgreement]) -> PeakAgreement:
    """All peaks of several leads as one count."""
    listed = list(parts)
    return PeakAgreement(
        sum(one.true for one in listed),
        sum(one.found for one in listed),
        sum(one.true_matched for one in listed),
        sum(one.found_matched for one in listed),
        tuple(error for one in listed for error in one.errors_s),
    )


def peak_agreement(truth: Array, predicted: Array, rate_hz: float) -> PeakAgreement:
    """Compare two curves (samples,) of one clock, in mV; NaN of `predicted` is where nothing was read.

    Which way the beats point is the truth's to say: where R and S are equally tall, both curves are
    asked for the same one of them.
    """
    up = points_up(truth, rate_hz)
    true, found = r_peaks(truth, rate_hz, up), r_peaks(predicted, rate_hz, up)
    end_s = truth.size / rate_hz - END_S
    errors = _nearest(true[(true >= END_S) & (true <= end_s)], found)
    back = _nearest(found[(found >= END_S) & (found <= end_s)], true)
    near = errors[errors <= TOLERANCE_S]
    return PeakAgreement(
        errors.size, back.size, near.size, int((back <= TOLERANCE_S).sum()), tuple(near.tolist())
    )


def r_peaks(mv: Array, rate_hz: float, up: bool) -> Array:
    """Where the R peaks of a lead stand, in seconds from its first sample, ascending.

    mv: (samples,), NaN where nothing is known. up: whether a beat's top is wanted or its lowest point.
    The place is that of the parabola through the extreme sample and its neighbours.
    """
    known = _closed(mv)
    curve = known if up else -known
    reach = round(_AROUND_S * rate_hz)
    places = []
    for beat in _beats(known, rate_hz):
        first = max(0, beat - reach)
        top = first + int(curve[first : beat + reach + 1].argmax())
        places.append((top + _beside(curve, top)) / rate_hz)
    return np.array(places)


def points_up(mv: Array, rate_hz: float) -> bool:
    """Whether a lead's beats rise further above its median than they fall below it, in the median."""
    known = _closed(mv)
    away = known - np.median(known) if known.size else known
    reach = round(_AROUND_S * rate_hz)
    beats = [away[max(0, beat - reach) : beat + reach + 1] for beat in _beats(known, rate_hz)]
    return not beats or bool(np.median([beat.max() + beat.min() for beat in beats]) >= 0)


def _beats(mv: Array, rate_hz: float) -> list[int]:
    """The most energetic sample of each beat; of two within `_LEAST_RR_S` the stronger one's."""
    if mv.size < _BEAT_S * rate_hz or not np.ptp(mv) > 0:
        return []
    energy = np.square(_in_band(mv, rate_hz))
    of_qrs = _running_mean(energy, _QRS_S * rate_hz)
    is_beat = of_qrs > _running_mean(energy, _BEAT_S * rate_hz) + _OFFSET * energy.mean()
    edges = np.flatnonzero(np.diff(np.r_[False, is_beat, False].astype(np.int8)))
    stretches = zip(edges[::2], edges[1::2], strict=True)
    tops = [int(a + of_qrs[a:b].argmax()) for a, b in stretches if b - a >= _QRS_S * rate_hz]
    kept: list[int] = []
    for top in sorted(tops, key=lambda place: -of_qrs[place]):
        if all(abs(top - other) >= _LEAST_RR_S * rate_hz for other in kept):
            kept.append(top)
    return sorted(kept)


def _in_band(mv: Array, rate_hz: float) -> Array:
    """The band of a QRS, without delay: a Butterworth filter's power response, forth and back."""
    margin = min(mv.size - 1, round(rate_hz))
    wide = np.pad(mv, margin, mode="reflect", reflect_type="odd")
    hz = np.fft.rfftfreq(wide.size, 1 / rate_hz)
    low, high = _BAND_HZ
    with np.errstate(divide="ignore"):  # at 0 Hz the gain is 0
        gain = 1 / ((1 + (hz / high) ** (2 * _ORDER)) * (1 + (low / hz) ** (2 * _ORDER)))
    passed = np.fft.irfft(np.fft.rfft(wide) * gain, wide.size)
    return np.asarray(passed[margin : margin + mv.size])


def _running_mean(values: Array, width: float) -> Array:
    """The mean over `width` samples around each; at the ends, over those of them that there are."""
    half = max(1, round(width / 2))
    sums = np.concatenate([[0.0], np.cumsum(values)])
    at = np.arange(values.size)
    low, high = np.maximum(at - half, 0), np.minimum(at + half + 1, values.size)
    return np.asarray((sums[high] - sums[low]) / (high - low))


def _closed(mv: Array) -> Array:
    """The curve with straight lines across what is not known; empty where nothing is."""
    known = np.flatnonzero(np.isfinite(mv))
    return np.interp(np.arange(mv.size), known, mv[known]) if known.size else np.empty(0)


def _beside(curve: Array, top: int) -> float:
    """How far the top of the parabola through three samples lies beside the middle one, in samples."""
    if not 0 < top < curve.size - 1:
        return 0.0
    before, here, after = curve[top - 1 : top + 2]
    bend = before - 2 * here + after
    return float(0.5 * (before - after) / bend) if bend < 0 and before <= here >= after else 0.0


def _nearest(places: Array, others: Array) -> Array:
    """Of each place, how far the nearest of the others is; infinite without any."""
    if not others.size:
        return np.full(places.size, np.inf)
    return np.asarray(np.abs(places[:, None] - others).min(1))
