"""Doubts from the digitized signals: heart rate, shape and order of the waves, and flat leads.

The limits were measured on the 354 held-out recordings of the training set, cut like a page of 3×4 leads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.doubts import ACCURACY_DOUBT, Doubt
from ecgdigit_rt.results import RATE_HZ, Lead
from ecgdigit_rt.rhythm import Rhythm, moving_average, rhythm_from_groups

Values = NDArray[np.float64]

_MIN_RATE = 25.0
"""Minimum possible heart rate in beats per minute. Measured: 38 to 178. Rates above 200 are not detected,
because beats are at least 0.3 s apart."""
_MAX_QRS_S = 0.28
"""Maximum duration of the steep part of a QRS complex. Measured: at most 0.23 s on 99 % of the recordings."""
_MIN_WAVE_RATIO = -0.5
"""Minimum logarithm of the ratio between the area after and before a QRS complex. The T wave is larger than
the P wave, so that a lower ratio is evidence of a mirrored page. Measured: lower on 0.3 % of the recordings,
and on 85 % of their mirror images."""
_FLAT_MV, _BEATING_MV = 0.06, 0.3
"""Range of a flat lead, and minimum of the median range of the other leads. Measured: at least 0.19 mV."""
_MIN_LEAD_DB, _MAX_ERROR_MV = 9.0, 0.1
"""Minimum expected signal-to-noise ratio of a lead with a larger expected error, and this error: 1 mm at the
standard gain. Measured on 2256 leads of synthetic pages, many of which are badly damaged: 55 % of the leads
beyond both limits have a correlation of less than 0.9 with the truth, and 11 % of the others. Of 125 real
and rendered pages, only one has such leads, and they are wrong."""
_RATE_TOLERANCE = 0.25
"""Maximum relative difference between the measured and a printed heart rate. Hand-picked, not tuned: machines
average over other beats, and a wrong speed differs by a factor of two."""


def rhythm_from_leads(leads: Mapping[str, Lead]) -> Rhythm:
    """Return the rhythm of the leads."""
    groups = _simultaneous(leads)
    return rhythm_from_groups([(round(group[0].start_s * RATE_HZ), _signals(group)) for group in groups])


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


def signal_doubts(leads: Mapping[str, Lead], *, printed_rate: float | None = None) -> Iterator[Doubt]:
    """Yield the doubts about the leads of a page. `printed_rate` is a heart rate in beats per minute."""
    if not leads:
        return
    rhythm = rhythm_from_leads(leads)
    if max(rhythm.rate, rhythm.rate_of_all) < _MIN_RATE:
        yield Doubt("D-RATE-01", f"A heart rate of {rhythm.rate:.0f} beats per minute is not possible")
    if printed_rate and abs(rhythm.rate / printed_rate - 1) > _RATE_TOLERANCE:
        text = f"The heart rate is {rhythm.rate:.0f} beats per minute, but {printed_rate:.0f} is printed"
        yield Doubt("D-RATE-01", text)
    if rhythm.qrs_s > _MAX_QRS_S:
        yield Doubt("D-WAVES-01", f"The QRS complexes last {rhythm.qrs_s * 1000:.0f} ms")
    if rhythm.wave_ratio < _MIN_WAVE_RATIO:
        yield Doubt("D-WAVES-01", "The waves before the QRS complexes are larger than those after them")
    yield from _flat_leads(leads)
    yield from _inaccurate_leads(leads)


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
        f"{name} ({lead.expected_error_mv:.2f} mV)"
        for name, lead in leads.items()
        if lead.expected_db < _MIN_LEAD_DB and lead.expected_error_mv > _MAX_ERROR_MV
    ]
    if found:
        yield Doubt(ACCURACY_DOUBT, f"Probably not accurate, with the expected error: {', '.join(found)}")
