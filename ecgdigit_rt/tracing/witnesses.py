"""Doubts from the digitized signals: heart rate, shape and order of the waves, and flat leads.

The limits were measured on the 354 held-out recordings of the training set, cut like a page of 3×4 leads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.doubts import Doubt
from ecgdigit_rt.results import Lead
from ecgdigit_rt.stages import SPEEDS, STANDARD_SPEED_MM_S
from ecgdigit_rt.tracing.beat_prior import detect_beats

Values = NDArray[np.float64]

_MIN_RATE = 25.0
"""Minimum possible heart rate in beats per minute. Measured: 38 to 178. Rates above 200 are not detected,
because beats are at least 0.3 s apart."""
_USUAL_RATE, _RATE_DEVIATION = 75.0, 0.3
_USUAL_QRS_S, _QRS_DEVIATION = 0.052, 0.35
"""Medians of the heart rate and of the duration of the steep part of a QRS complex, and the deviations of
their logarithms. Measured: deviations of 0.27, and of 0.24 to 0.33."""
_OTHER_SPEED = {"assumed": 2.0, "faint": 0.7}
"""Logarithm of the likelihood ratio from which heart rate and QRS complexes contradict a paper speed that was
assumed, or an unusual one that was read faintly. Measured: 2 is exceeded by 2 % of the recordings with the
right speed, and by 75 to 95 % with half or twice the speed. Of 31 faint readings of 50 mm/s, 3 were wrong."""
_MAX_QRS_S = 0.28
"""Maximum duration of the steep part of a QRS complex. Measured: at most 0.23 s on 99 % of the recordings."""
_MIN_WAVE_RATIO = -0.5
"""Minimum logarithm of the ratio between the area after and before a QRS complex. The T wave is larger than
the P wave, so that a lower ratio is evidence of a mirrored page. Measured: lower on 0.3 % of the recordings,
and on 85 % of their mirror images."""
_FLAT_MV, _BEATING_MV = 0.06, 0.3
"""Range of a flat lead, and minimum of the median range of the other leads. Measured: at least 0.19 mV."""
_RATE_TOLERANCE = 0.25
"""Maximum relative difference between the measured and a printed heart rate. Hand-picked, not tuned: machines
average over other beats, and a wrong speed differs by a factor of two."""

_LONG_SHARE = 0.9  # minimum duration of the leads that are used, relative to the longest one. Hand-picked.
_END_S = 0.08  # duration at both ends of a lead that is ignored. Hand-picked, not tuned.
_MIN_BEATS = 3  # minimum number of intervals between beats. Hand-picked, not tuned.
_SMOOTHING_S, _QRS_SMOOTHING_S = 0.042, 0.01
"""Widths of the moving averages for the waves and for the QRS complex. Hand-picked, not tuned."""
_QRS_LEVEL = 0.25  # level of the steep part of a QRS complex, relative to its steepest slope. Hand-picked.
_QRS_HALF_S = 0.09  # half width of a QRS complex that is left out of the areas. Hand-picked, not tuned.
_WAVE_REACH_S = 0.42  # maximum distance of a wave from its QRS complex. Hand-picked, not tuned.


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Beats of a page.

    rate: heart rate in beats per minute, NaN with fewer than three intervals.
    rate_of_all: heart rate of all leads, including short ones.
    qrs_s: median duration of the steep part of the QRS complexes in seconds, in the group of simultaneous
    leads in which it is shortest.
    wave_ratio: logarithm of the ratio between the areas after and before the complexes. The last two are NaN
    without beats.
    """

    rate: float
    rate_of_all: float
    qrs_s: float
    wave_ratio: float


def rhythm_from_leads(leads: Mapping[str, Lead]) -> Rhythm:
    """Return the rate of the longest leads, and the waves of all leads. All have equal sampling rates.

    Beats are detected in each group of simultaneous leads, because the amplitude differs between groups.
    """
    rate_hz = next(iter(leads.values())).rate_hz
    groups = [_Group.from_leads(group, rate_hz) for group in _simultaneous(leads)]
    longest = max(group.signals.shape[1] for group in groups)
    long = [group for group in groups if group.signals.shape[1] > _LONG_SHARE * longest]
    intervals, all_intervals = (np.concatenate([np.diff(group.beats) for group in g]) for g in (long, groups))
    widths = [float(np.median(widths)) for widths in (group.widths() for group in groups) if widths]
    areas = np.sum([group.wave_areas() for group in groups], axis=0)
    return Rhythm(
        _rate(intervals, rate_hz),
        _rate(all_intervals, rate_hz),
        min(widths, default=float("nan")),
        float(np.log(areas[1] / areas[0])) if areas.min() > 0 else float("nan"),
    )


def _rate(intervals: NDArray[np.intp], rate_hz: float) -> float:
    return 60 * rate_hz / float(np.median(intervals)) if intervals.size >= _MIN_BEATS else float("nan")


@dataclass(frozen=True, slots=True)
class _Group:
    """Simultaneous leads, (leads, samples) in mV, their slopes, and the samples of their beats."""

    rate_hz: float
    signals: Values
    slopes: Values
    beats: NDArray[np.intp]

    @classmethod
    def from_leads(cls, leads: Sequence[Lead], rate_hz: float) -> _Group:
        """Return the group. The slopes at the ends of the leads, which bars may hide, are 0."""
        count = min(lead.mv.size for lead in leads)
        signals = np.stack([lead.mv[:count].astype(np.float64) for lead in leads])
        signals -= np.median(signals, axis=1, keepdims=True)
        slopes, end = np.diff(signals, axis=1), round(_END_S * rate_hz)
        slopes[:, :end] = 0
        slopes[:, max(0, count - 1 - end) :] = 0
        return cls(rate_hz, signals, slopes, np.array(detect_beats(slopes), np.intp))

    def widths(self) -> list[float]:
        """Return the duration of the steep part of each QRS complex in seconds."""
        energy = np.sqrt(_smooth((self.slopes**2).sum(0), _QRS_SMOOTHING_S * self.rate_hz))
        half = round(_MAX_QRS_S * self.rate_hz)
        inner = [beat for beat in self.beats if half <= beat < energy.size - half]
        windows = [energy[beat - half : beat + half] for beat in inner]
        return [float((window > _QRS_LEVEL * window.max()).sum()) / self.rate_hz for window in windows]

    def wave_areas(self) -> Values:
        """Return the areas before and after the QRS complexes, (2,).

        They are measured from the median around each complex, so that baseline wander hardly counts.
        """
        intervals = np.diff(self.beats)
        interval = float(np.median(intervals)) if intervals.size else 2 * _WAVE_REACH_S * self.rate_hz
        near = round(_QRS_HALF_S * self.rate_hz)
        far = max(near + 1, round(min(_WAVE_REACH_S * self.rate_hz, 0.48 * interval)))
        low = np.stack([_smooth(signal, _SMOOTHING_S * self.rate_hz) for signal in self.signals])
        areas = np.zeros(2)
        for beat in self.beats[(self.beats >= far) & (self.beats < low.shape[1] - far)]:
            window = low[:, beat - far : beat + far]
            area = np.abs(window - np.median(window, axis=1, keepdims=True)).sum(0)
            areas += area[: far - near].sum(), area[far + near :].sum()
        return areas


def _simultaneous(leads: Mapping[str, Lead]) -> list[list[Lead]]:
    """Return groups of leads that start and end together."""
    groups: dict[tuple[float, float], list[Lead]] = {}
    for lead in leads.values():
        groups.setdefault((round(lead.start_s, 1), round(lead.end_s, 1)), []).append(lead)
    return list(groups.values())


def signal_doubts(
    leads: Mapping[str, Lead],
    *,
    speed_mm_s: float = STANDARD_SPEED_MM_S,
    speed_source: str = "clear",
    printed_rate: float | None = None,
) -> Iterator[Doubt]:
    """Yield the doubts about the leads of a page.

    `speed_mm_s` is the paper speed. `speed_source` is `clear`, `faint` or `assumed`, as defined in
    `ecgdigit_rt.layout.calibration.Calibration`. `printed_rate` is the printed heart rate in beats per
    minute.
    """
    if not leads:
        return
    rhythm, limit = rhythm_from_leads(leads), _OTHER_SPEED.get(speed_source, np.inf)
    if max(rhythm.rate, rhythm.rate_of_all) < _MIN_RATE:
        yield Doubt("D-RATE-01", f"A heart rate of {rhythm.rate:.0f} beats per minute is not possible")
    elif not printed_rate and _other_speed_points(rhythm, speed_mm_s) > limit:
        rate, qrs_ms = rhythm.rate, rhythm.qrs_s * 1000
        text = f"a heart rate of {rate:.0f} beats per minute with QRS complexes of {qrs_ms:.0f} ms"
        yield Doubt("D-SPEED-01", f"The paper speed is not clear, and it leads to {text}")
    if printed_rate and abs(rhythm.rate / printed_rate - 1) > _RATE_TOLERANCE:
        text = f"The heart rate is {rhythm.rate:.0f} beats per minute, but {printed_rate:.0f} is printed"
        yield Doubt("D-RATE-01", text)
    if rhythm.qrs_s > _MAX_QRS_S:
        yield Doubt("D-WAVES-01", f"The QRS complexes last {rhythm.qrs_s * 1000:.0f} ms")
    if rhythm.wave_ratio < _MIN_WAVE_RATIO:
        yield Doubt("D-WAVES-01", "The waves before the QRS complexes are larger than those after them")
    yield from _flat_leads(leads)


def _other_speed_points(rhythm: Rhythm, speed_mm_s: float) -> float:
    """Return the log-likelihood ratio of the best other paper speed, by heart rate and QRS complexes."""

    def points(factor: float) -> float:
        rate = np.log(rhythm.rate * factor / _USUAL_RATE) / _RATE_DEVIATION
        qrs = np.log(rhythm.qrs_s / factor / _USUAL_QRS_S) / _QRS_DEVIATION
        return -0.5 * float(rate**2 + qrs**2)

    others = [speed for speed in SPEEDS.values() if speed != speed_mm_s]
    return max(points(speed / speed_mm_s) for speed in others) - points(1.0)


def _flat_leads(leads: Mapping[str, Lead]) -> Iterator[Doubt]:
    spans = {
        name: float(np.ptp(_smooth(lead.mv - np.median(lead.mv), 5)))
        for name, lead in leads.items()
        if lead.mv.size > 10
    }
    flat = [name for name, span in spans.items() if span < _FLAT_MV]
    others = [span for name, span in spans.items() if name not in flat]
    if flat and others and np.median(others) > _BEATING_MV:
        yield Doubt("D-LEADS-03", f"Flat beside leads that show beats: {', '.join(flat)}")


def _smooth(signal: NDArray[np.floating], width: float) -> Values:
    if not signal.size:
        return np.zeros(0)
    count = max(1, round(width))
    return np.asarray(np.convolve(signal, np.ones(count) / count, "same"))
