"""Signals of one page on a common time axis: one row per sample, one column per lead."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.resample import resample
from ecgdigit_rt.results import ALL_LEADS, RATE_HZ, Digitized, Lead

COUNTS_PER_MV = 1000
"""Number of integer steps (ADC counts) of a 16-bit sample per millivolt.

One count is 1 µV, which is 0.01 mm of paper at 10 mm/mV. The range of a sample is ±32.767 mV.
"""

INVALID_SAMPLE = -32768
"""16-bit value of samples outside the printed part of a lead.

WFDB format 16 defines this value for invalid samples. In DICOM files it is the Waveform Padding Value.
"""


def lead_names(page: Digitized) -> list[str]:
    """Return the names of the leads that have samples, in standard order: the columns of the table."""
    return [name for name in ALL_LEADS if name in page.leads and page.leads[name].mv.size]


def lead_slice(lead: Lead, rate_hz: float = RATE_HZ) -> slice:
    """Return the rows of the table that a lead occupies.

    The first row is the one nearest to `start_s`, at most 1 ms away at 500 Hz. It is row 0 if `start_s` is
    negative.
    """
    start = max(0, round(lead.start_s * rate_hz))
    return slice(start, start + max(1, round(lead.mv.size * rate_hz / lead.rate_hz)))


def signal_table(page: Digitized, rate_hz: float = RATE_HZ) -> NDArray[np.float32]:
    """Return the signals in millivolts, float32 (samples, leads), with one column for each of `lead_names`.

    Samples outside the printed part of a lead are NaN.
    """
    leads = [page.leads[name] for name in lead_names(page)]
    slices = [lead_slice(lead, rate_hz) for lead in leads]
    table = np.full((max((s.stop for s in slices), default=0), len(leads)), np.nan, np.float32)
    for column, (lead, rows) in enumerate(zip(leads, slices, strict=True)):
        table[rows, column] = _resample_lead(lead, rate_hz, rows.stop - rows.start)
    return table


def int16_from_mv(mv: NDArray[np.floating[Any]]) -> NDArray[np.int16]:
    """Return millivolts as 16-bit counts of the same shape.

    NaN becomes INVALID_SAMPLE. Values outside ±32.767 mV are clipped.
    """
    counts = np.clip(np.rint(mv * COUNTS_PER_MV), -32767, 32767)
    return np.where(np.isnan(mv), INVALID_SAMPLE, counts).astype(np.int16)


def _resample_lead(lead: Lead, rate_hz: float, count: int) -> NDArray[np.floating]:
    if lead.rate_hz == rate_hz:
        return lead.mv
    return resample(lead.mv, lead.rate_hz, rate_hz, count)
