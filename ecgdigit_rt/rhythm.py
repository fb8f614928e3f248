"""Beats of simultaneous leads: heart rate, duration of the QRS complexes, and order of the waves.

Signals have the sampling rate of digitized leads, `ecgdigit_rt.results.RATE_HZ`, and any unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.results import RATE_HZ

Values = NDArray[np.float64]

# Hand-picked, not tuned.
_SMOOTHING = 25  # number of samples over which the energy (squared slopes of all leads) is averaged
_MIN_ENERGY, _STEEPEST_QUANTILE = 0.35, 0.995  # minimum energy of a beat, relative to this quantile
_REFRACTORY = 150  # minimum number of samples between beats
_LONG_SHARE = 0.9  # minimum duration of the leads whose rate is used, relative to the longest one
_END = 40  # number of samples at both ends of a lead that are ignored, because bars may hide them
_MIN_INTERVALS = 3  # minimum number of intervals between beats for a heart rate
_LOW_SMOOTHING, _QRS_SMOOTHING = 21, 5  # samples over which waves and QRS complexes are averaged
_MAX_GAP = 100  # maximum number of samples between two parts of one record
_QRS_LEVEL = 0.25  # level of the steep part of a QRS complex, relative to its steepest slope
_MAX_QRS = 140  # maximum number of samples of the steep part on each side of the steepest slope
_QRS_HALF = 45  # half width of a QRS complex that is left out of the areas of the waves
_WAVE_REACH = 210  # maximum number of samples between a wave and its QRS complex


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Beats of a page.

    rate: heart rate of the longest leads in beats per minute, NaN with fewer than three intervals.
    rate_of_all: heart rate of all leads, which may be parts of one record that follow each other.
    qrs_s: median duration of the steep part of the QRS complexes in seconds, in the group of simultaneous
    leads in which it is shortest.
    wave_ratio: logarithm of the ratio between the areas after and before the complexes. The last two are NaN
    without beats.
    """

    rate: float
    rate_of_all: float
    qrs_s: float
    wave_ratio: float


def rhythm_from_groups(groups: Sequence[tuple[int, Values]]) -> Rhythm:
    """Return the rhythm of groups of simultaneous leads: first sample, and leads (leads, samples).

    Beats are detected in each group, because the amplitude differs between groups.
    """
    every = [_Group.from_signals(first, signals) for first, signals in groups]
    longest = max(group.signals.shape[1] for group in every)
    long = [group for group in every if group.signals.shape[1] > _LONG_SHARE * longest]
    widths = [float(np.median(widths)) for widths in (group.widths() for group in every) if widths]
    areas = np.sum([group.wave_areas() for group in every], axis=0)
    return Rhythm(
        _rate([np.diff(group.beats) for group in long]),
        _rate([np.diff(beats) for beats in _beats_of_records(every)]),
        min(widths, default=float("nan")) / RATE_HZ,
        float(np.log(areas[1] / areas[0])) if areas.min() > 0 else float("nan"),
    )


def detect_beats(slopes: Values) -> list[int]:
    """Return the index of the steepest sample of each beat. `slopes` is (leads, samples)."""
    if slopes.shape[1] < _REFRACTORY:
        return []
    energy = np.convolve((slopes**2).sum(0), np.ones(_SMOOTHING) / _SMOOTHING, "same")
    threshold = _MIN_ENERGY * float(np.quantile(energy, _STEEPEST_QUANTILE))
    inner = energy[1:-1]
    peaks = np.flatnonzero((inner > energy[:-2]) & (inner >= energy[2:]) & (inner > threshold)) + 1
    beats: list[int] = []
    for peak in peaks.tolist():
        if not beats or peak - beats[-1] >= _REFRACTORY:
            beats.append(peak)
        elif energy[peak] > energy[beats[-1]]:
            beats[-1] = peak
    return beats


@dataclass(frozen=True, slots=True)
class _Group:
    """Simultaneous leads (leads, samples) from sample `first` on, their slopes, and their beats."""

    first: int
    signals: Values
    slopes: Values
    beats: NDArray[np.intp]

    @classmethod
    def from_signals(cls, first: int, signals: Values) -> _Group:
        """Return the group. The slopes at the ends of the leads, which bars may hide, are 0."""
        centred = signals - np.median(signals, axis=1, keepdims=True)
        slopes = np.diff(centred, axis=1)
        slopes[:, :_END] = 0
        slopes[:, max(0, slopes.shape[1] - _END) :] = 0
        return cls(first, centred, slopes, np.array(detect_beats(slopes), np.intp))

    @property
    def end(self) -> int:
        """Sample after the last one."""
        return self.first + int(self.signals.shape[1])

    def widths(self) -> list[float]:
        """Return the number of samples of the steep part of each QRS complex."""
        energy = np.sqrt(moving_average((self.slopes**2).sum(0), _QRS_SMOOTHING))
        inner = [beat for beat in self.beats if _MAX_QRS <= beat < energy.size - _MAX_QRS]
        windows = [energy[beat - _MAX_QRS : beat + _MAX_QRS] for beat in inner]
        return [float((window > _QRS_LEVEL * window.max()).sum()) for window in windows]

    def wave_areas(self) -> Values:
        """Return the areas before and after the QRS complexes, (2,).

        They are measured from the median around each complex, so that baseline wander hardly counts.
        """
        intervals = np.diff(self.beats)
        interval = float(np.median(intervals)) if intervals.size else 2.0 * _WAVE_REACH
        far = max(_QRS_HALF + 1, round(min(_WAVE_REACH, 0.48 * interval)))
        low = np.stack([moving_average(signal, _LOW_SMOOTHING) for signal in self.signals])
        areas = np.zeros(2)
        for beat in self.beats[(self.beats >= far) & (self.beats < low.shape[1] - far)]:
            window = low[:, beat - far : beat + far]
            area = np.abs(window - np.median(window, axis=1, keepdims=True)).sum(0)
            areas += area[: far - _QRS_HALF].sum(), area[far + _QRS_HALF :].sum()
        return areas


def moving_average(signal: NDArray[np.floating], width: int) -> Values:
    """Return the moving average of a signal (samples,) over `width` samples."""
    return np.asarray(np.convolve(signal, np.ones(width) / width, "same")) if signal.size else np.zeros(0)


def _beats_of_records(groups: Sequence[_Group]) -> list[NDArray[np.intp]]:
    """Return the samples of the beats of each record. Groups that follow each other are one record."""
    records: list[list[_Group]] = []
    for group in sorted(groups, key=lambda group: group.first):
        continued = [record for record in records if 0 <= group.first - record[-1].end <= _MAX_GAP]
        if continued:
            continued[0].append(group)
        else:
            records.append([group])
    return [np.concatenate([group.beats + group.first for group in record]) for record in records]


def _rate(records: Sequence[NDArray[np.intp]]) -> float:
    """Return the heart rate in beats per minute from the intervals of each record, in samples."""
    intervals = np.concatenate(records)
    return 60 * RATE_HZ / float(np.median(intervals)) if intervals.size >= _MIN_INTERVALS else float("nan")
