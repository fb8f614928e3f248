"""Evidence for the paper speed and the gain of a page.

Every standard value is scored: how frequent it is, what is printed, and what the curves show. The points are
log-likelihoods, as for layouts (`ecgdigit_rt.layout.evidence`), so that several weak indications can outweigh
a misread number. The constants were chosen on 490 synthetic pages with known scales, most of them damaged, so
that few wrong values remain without a doubt. Of 122 real and rendered pages, one is doubtful with them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import exp, isfinite, log

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.layout.evidence import Evidence, clip
from ecgdigit_rt.layout.hypotheses import Hypothesis
from ecgdigit_rt.layout.marks import MARK_THRESHOLD
from ecgdigit_rt.layout.page_text import PageText
from ecgdigit_rt.layout.row_curve import CURVE_STEP_MM
from ecgdigit_rt.layout.signal_evidence import Cell
from ecgdigit_rt.results import RATE_HZ
from ecgdigit_rt.rhythm import rhythm_from_groups
from ecgdigit_rt.stages import GAINS, SPEEDS, STANDARD_GAIN_MM_MV, STANDARD_SPEED_MM_S

Values = NDArray[np.float64]

_SPEED_PRIOR: Mapping[float, float] = {STANDARD_SPEED_MM_S: 0.0, 12.5: -3.0, 50.0: -1.5}
_GAIN_PRIOR: Mapping[float, float] = {STANDARD_GAIN_MM_MV: 0.0, 5.0: -1.0, 20.0: -2.0}
"""Logarithms of the frequencies relative to the standard value. Other values are rarer on real pages, but a
wrong standard value must not remain without a doubt."""

_WORD_POINTS = 6.0  # points of a value that words state. Measured: all of 130 recognized values are right.
_SPEED_SHARPNESS, _GAIN_SHARPNESS = 2.0, 1.5  # exponents of the likelihoods from the heatmaps
_ABSENT = 0.2  # activation of a number that is not printed

_DURATIONS: Sequence[tuple[float, float, float]] = (
    (0.5, 10.0, 0.05),
    (0.1, 5.0, 0.06),
    (0.04, 2.5, 0.06),
    (0.04, 20.0, 0.06),
    (0.2, 8.0, 0.7),
)
"""Shares, medians in seconds and logarithmic deviations of the durations of rows."""
_DURATION_WEIGHT = 0.5  # exponent of the likelihood of the duration

_USUAL_RATE, _RATE_DEVIATION = 75.0, 0.3
_USUAL_QRS_S, _QRS_DEVIATION = 0.052, 0.35
"""Medians of the heart rate and of the duration of the steep part of a QRS complex, and the deviations of
their logarithms. Measured on 354 recordings: deviations of 0.27, and of 0.24 to 0.33."""
_ANY_RHYTHM, _RHYTHM_POINTS = 0.03, -8.0
"""Probability of a rhythm that is unusual or measured wrongly, and its log-likelihood."""
_RATE_POINTS, _RATE_TOLERANCE = 4.0, 0.12
"""Points of a printed heart rate, and the deviation of the logarithm of the measured one."""
_CELL_MARGIN_MM = 1.0  # length at both ends of a cell that is ignored, because bars hide it
_CLEAR_POINTS = 1.0  # difference in points from which evidence is named in a message
_MIN_SAMPLES = 200  # minimum number of samples (0.4 s) of a lead in which beats are detected

_PULSE_MM: Mapping[float, float] = {5.0: 5.2, 10.0: 10.1, 20.0: 17.3}
"""Median height of a pulse in mm by gain, measured on 1937 pulses of synthetic pages."""
_PULSE_DEVIATION, _PULSE_OUTLIERS, _OUTLIER_DENSITY = 0.2, 0.2, 0.4
"""Deviation of the logarithm of a pulse's height, fraction of the pulses that are measured wrongly, and the
density of the logarithm of their heights."""
_PULSE_WEIGHT, _PULSE_POINTS = 0.5, 6.0  # exponent of the likelihood of one pulse, and the limit of all
_USUAL_RANGE_MV, _RANGE_DEVIATION = 1.05, 0.4
"""Median range of the leads in mV, and the deviation of its logarithm. Measured on 105 pages: 0.4 to 2 mV."""
_RANGE_MARGIN_MM = 1.5  # length at both ends of a cell without a range. Hand-picked, not tuned.
_ANY_RANGE, _RANGE_POINTS = 0.05, -4.0  # probability of another range, and its log-likelihood


@dataclass(frozen=True, slots=True)
class ScaleEvidence:
    """Evidence for each standard paper speed in mm/s, or for each standard gain in mm/mV.

    `stated` is the value that words on the page state, None if they state none.
    """

    by_value: Mapping[float, tuple[Evidence, ...]]
    is_printed: bool
    stated: float | None = None

    def points(self, value: float, *excluded: str) -> float:
        """Return the sum of the points of a value, without those of some sources."""
        return sum(item.points for item in self.by_value[value] if item.source not in excluded)

    @property
    def ranked(self) -> list[float]:
        """All values, the one with the most points first."""
        return sorted(self.by_value, key=lambda value: -self.points(value))

    @property
    def margin(self) -> float:
        """Points by which the best value exceeds the second one."""
        best, second, *_ = self.ranked
        return self.points(best) - self.points(second)

    def reasons(self, value: float, other: float) -> str:
        """Return the clear evidence for one value in comparison with another, as text."""
        pairs = zip(self.by_value[value], self.by_value[other], strict=True)
        clear = [mine for mine, theirs in pairs if mine.points > theirs.points + _CLEAR_POINTS]
        return ", ".join(item.text for item in clear if item.source != "prior")


def speed_evidence(text: PageText, best: Hypothesis) -> ScaleEvidence:
    """Return the evidence for the paper speed of a page with this layout."""
    printed = _printed_evidence(text, SPEEDS, text.facts.speed_mm_s, _SPEED_SHARPNESS)
    width_mm = best.end_mm - best.start_mm
    rhythms = _rhythms(best)
    evidence = {}
    for speed in SPEEDS.values():
        seconds = width_mm / speed
        evidence[speed] = (
            Evidence("prior", f"frequency of {speed:g} mm/s", _SPEED_PRIOR[speed]),
            printed[speed],
            Evidence("width", f"rows of {seconds:.3g} s", _DURATION_WEIGHT * _duration_points(seconds)),
            *_rhythm_evidence(rhythms[speed], text.facts.heart_rate_bpm),
        )
    stated = text.facts.speed_mm_s
    return ScaleEvidence(evidence, _is_printed(text, SPEEDS, stated), stated)


def gain_evidence(text: PageText, best: Hypothesis, pulses_mm: Sequence[float]) -> ScaleEvidence:
    """Return the evidence for the gain. `pulses_mm` are the heights of the calibration pulses' centres."""
    printed = _printed_evidence(text, GAINS, text.facts.gain_mm_mv, _GAIN_SHARPNESS)
    pulses = {gain: _PULSE_WEIGHT * sum(_pulse_points(gain, pulses_mm)) for gain in GAINS.values()}
    most = max(pulses.values())
    range_mm = _median_range_mm(best.cells)
    heights = ", ".join(f"{2 * height:.1f}" for height in pulses_mm)
    evidence = {
        gain: (
            Evidence("prior", f"frequency of {gain:g} mm/mV", _GAIN_PRIOR[gain]),
            printed[gain],
            Evidence("pulses", f"pulses of {heights} mm", max(pulses[gain] - most, -_PULSE_POINTS)),
            Evidence("range", f"leads of {range_mm / gain:.1f} mV", _range_points(range_mm / gain)),
        )
        for gain in GAINS.values()
    }
    stated = text.facts.gain_mm_mv
    return ScaleEvidence(evidence, _is_printed(text, GAINS, stated) or bool(pulses_mm), stated)


def _is_printed(text: PageText, values: Mapping[str, float], word: float | None) -> bool:
    return word is not None or max(text.heatmap.channel(name).max() for name in values) > MARK_THRESHOLD


def _printed_evidence(
    text: PageText, values: Mapping[str, float], word: float | None, sharpness: float
) -> dict[float, Evidence]:
    """Return the evidence of what is printed for each value. A word overrides the heatmaps.

    If text recognition found words, but not this number, the heatmaps count half.
    """
    if word is not None:
        points = {value: 0.0 if value == word else -_WORD_POINTS for value in values.values()}
        return {value: Evidence("printed", f"the text states {value:g}", points[value]) for value in points}
    activations = np.array([float(text.heatmap.channel(name).max()) for name in values])
    likelihoods = activations**3 + _ABSENT**3
    weight = sharpness * (0.5 if text.is_recognized else 1.0)
    return {
        value: Evidence("printed", f"the number {value:g} is visible ({activation:.0%})", weight * log(share))
        for value, activation, share in zip(
            values.values(), activations.tolist(), (likelihoods / likelihoods.sum()).tolist(), strict=True
        )
    }


def _duration_points(seconds: float) -> float:
    density = sum(share * _normal(log(seconds / middle), width) for share, middle, width in _DURATIONS)
    return log(density)


def _normal(value: float, deviation: float) -> float:
    return exp(-0.5 * (value / deviation) ** 2) / deviation


def _rhythms(best: Hypothesis) -> dict[float, tuple[float, float]]:
    """Return the heart rate and the duration of the QRS complexes at each paper speed. Both may be NaN.

    Beats that are too fast to be detected at the highest speed are detected at the standard speed.
    """
    found = {speed: _rhythm(best, speed) for speed in SPEEDS.values()}
    fast = max(SPEEDS.values())
    rate, qrs_s = found[fast]
    scaled = found[STANDARD_SPEED_MM_S][0] * fast / STANDARD_SPEED_MM_S
    return {**found, fast: (float(np.fmax(rate, scaled)), qrs_s)}


def _rhythm(best: Hypothesis, speed_mm_s: float) -> tuple[float, float]:
    columns: dict[tuple[int, int, int], list[Values]] = {}
    for row, cell in enumerate(best.cells):
        heights = cell.sign * cell.curve.between(
            cell.start_mm + _CELL_MARGIN_MM, cell.end_mm - _CELL_MARGIN_MM
        )
        count = int(heights.size * CURVE_STEP_MM / speed_mm_s * RATE_HZ)
        if count >= _MIN_SAMPLES:
            at = np.arange(count) * (speed_mm_s / RATE_HZ / CURVE_STEP_MM)
            signal = np.interp(at, np.arange(heights.size), heights)
            column = (row if best.plan.is_consecutive else 0, round(cell.start_mm), round(cell.end_mm))
            columns.setdefault(column, []).append(signal)
    if not columns:
        return np.nan, np.nan
    shortest = [min(signal.size for signal in signals) for signals in columns.values()]
    groups = [
        (
            round((start_mm + row * (end_mm - start_mm)) / speed_mm_s * RATE_HZ),
            np.stack([signal[:count] for signal in signals]),
        )
        for ((row, start_mm, end_mm), signals), count in zip(columns.items(), shortest, strict=True)
    ]
    rhythm = rhythm_from_groups(groups)
    return rhythm.rate if isfinite(rhythm.rate) else rhythm.rate_of_all, rhythm.qrs_s


def _rhythm_evidence(rhythm: tuple[float, float], printed_rate: float | None) -> Iterator[Evidence]:
    """Yield the evidence of the heart rate and the QRS complexes, and of the printed heart rate."""
    rate, qrs_s = rhythm
    points, texts = 0.0, []
    if isfinite(rate):
        points -= 0.5 * (log(rate / _USUAL_RATE) / _RATE_DEVIATION) ** 2
        texts.append(f"{rate:.0f} beats per minute")
    if isfinite(qrs_s):
        points -= 0.5 * (log(qrs_s / _USUAL_QRS_S) / _QRS_DEVIATION) ** 2
        texts.append(f"QRS complexes of {qrs_s * 1000:.0f} ms")
    description = " with ".join(texts) or "no beats"
    yield Evidence("rhythm", description, _mixture(points, _ANY_RHYTHM, _RHYTHM_POINTS))
    is_compared = printed_rate is not None and isfinite(rate)
    ratio = log(rate / printed_rate) / _RATE_TOLERANCE if printed_rate is not None and is_compared else 0.0
    text = f"a printed heart rate of {printed_rate:.0f}" if is_compared else "no printed heart rate"
    yield Evidence("rate", text, clip(0.0 - 0.5 * ratio**2, _RATE_POINTS))


def _pulse_points(gain: float, heights_mm: Sequence[float]) -> Iterator[float]:
    """Yield the log-likelihood of each pulse. A pulse is 1 mV high, twice the height of its centre."""
    for height in heights_mm:
        density = (
            _normal(log(2 * height / _PULSE_MM[gain]), _PULSE_DEVIATION) / np.sqrt(2 * np.pi)
            if height > 0
            else 0
        )
        yield log((1 - _PULSE_OUTLIERS) * density + _PULSE_OUTLIERS * _OUTLIER_DENSITY)


def _median_range_mm(cells: Sequence[Cell]) -> float:
    """Return the median range of the leads, without extreme samples and without the ends.

    The coarse curves follow frames and separators at the ends.
    """
    heights = [
        cell.curve.between(cell.start_mm + _RANGE_MARGIN_MM, cell.end_mm - _RANGE_MARGIN_MM) for cell in cells
    ]
    ranges = [float(np.subtract(*np.quantile(one, (0.999, 0.001)))) for one in heights if one.size]
    return float(np.median(ranges)) if ranges else 0.0


def _range_points(range_mv: float) -> float:
    if range_mv <= 0:
        return 0.0
    points = -0.5 * (log(range_mv / _USUAL_RANGE_MV) / _RANGE_DEVIATION) ** 2
    return _mixture(points, _ANY_RANGE, _RANGE_POINTS)


def _mixture(points: float, share: float, other_points: float) -> float:
    """Return the log-likelihood if a share of all cases has another one."""
    return float(np.logaddexp(log(1 - share) + points, log(share) + other_points))
