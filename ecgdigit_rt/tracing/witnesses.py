"""Doubts from the digitized signals: heart rate, shape and order of the waves, and flat leads.

The limits were measured on the 354 held-out recordings of the training set, cut like a page of 3×4 leads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.doubts import ACCURACY_DOUBT, Doubt
from ecgdigit_rt.results import Lead
from ecgdigit_rt.rhythm import Rhythm, moving_average, rhythm_from_groups
from ecgdigit_rt.stages import SPEEDS, STANDARD_SPEED_MM_S

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
_MIN_LEAD_DB = 9.0
"""Minimum expected signal-to-noise ratio of an accurate lead. Measured on 2256 leads of synthetic pages,
many of which are badly damaged: 36 % of the leads below 9 dB have a correlation of less than 0.9 with the
truth, and 9 % of the others. None of 1092 leads of real and rendered pages is below 9 dB. The lowest one has
9.04 dB and a correlation of 0.79."""
_RATE_TOLERANCE = 0.25
"""Maximum relative difference between the measured and a printed heart rate. Hand-picked, not tuned: machines
average over other beats, and a wrong speed differs by a factor of two."""


def rhythm_from_leads(leads: Mapping[str, Lead]) -> Rhythm:
    """Return the rhythm of the leads."""
    return rhythm_from_groups([_signals(group) for group in _simultaneous(leads)])


def _signals(leads: Sequence[Lead]) -> Values:
    """Return simultaneous leads as an array (leads, samples)."""
    count = min(lead.mv.size for lead in leads)
    return np.stack([lead.mv[:count].astype(np.float64) for lead in leads])


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
    yield from _inaccurate_leads(leads)


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
        name: float(np.ptp(moving_average(lead.mv - np.median(lead.mv), 5)))
        for name, lead in leads.items()
        if lead.mv.size > 10
    }
    flat = [name for name, span in spans.items() if span < _FLAT_MV]
    others = [span for name, span in spans.items() if name not in flat]
    if flat and others and np.median(others) > _BEATING_MV:
        yield Doubt("D-LEADS-03", f"Flat beside leads that show beats: {', '.join(flat)}")


def _inaccurate_leads(leads: Mapping[str, Lead]) -> Iterator[Doubt]:
    found = [
        f"{name} ({lead.expected_db:z.0f} dB)"
        for name, lead in leads.items()
        if lead.expected_db < _MIN_LEAD_DB
    ]
    if found:
        text = f"Probably not accurate, with the expected signal-to-noise ratio: {', '.join(found)}"
        yield Doubt(ACCURACY_DOUBT, text)
