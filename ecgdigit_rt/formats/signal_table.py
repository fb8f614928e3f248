"""A page's leads on one clock: a line per sample of the record, a column per lead."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.results import LEADS, Digitized, Lead

RATE_HZ = 500.0
"""The rate of every table that is written."""


def lead_names(page: Digitized) -> list[str]:
    """The leads that were found, in the standard order: the columns of the table."""
    return [name for name in LEADS if name in page.leads and page.leads[name].mv.size]


def window(lead: Lead, rate_hz: float = RATE_HZ) -> slice:
    """The lines of the table that a lead fills.

    It starts on the line that is nearest to its `start_s`: at 500 Hz at most 1 ms beside it.
    """
    start = max(0, round(lead.start_s * rate_hz))
    return slice(start, start + max(1, round(lead.mv.size * rate_hz / lead.rate_hz)))


def signal_table(page: Digitized, rate_hz: float = RATE_HZ) -> NDArray[np.float32]:
    """(samples, leads) float32, millivolt, NaN where nothing was printed; columns as in `lead_names`."""
    leads = [page.leads[name] for name in lead_names(page)]
    windows = [window(lead, rate_hz) for lead in leads]
    table = np.full((max((w.stop for w in windows), default=0), len(leads)), np.nan, np.float32)
    for column, (lead, lines) in enumerate(zip(leads, windows, strict=True)):
        table[lines, column] = _at_rate(lead, rate_hz, lines.stop - lines.start)
    return table


def _at_rate(lead: Lead, rate_hz: float, count: int) -> NDArray[np.floating]:
    if lead.rate_hz == rate_hz:
        return lead.mv
    from ecgdigit_rt.resample import resample  # scipy: leads are at 500 Hz as a rule

    return resample(lead.mv, lead.rate_hz, rate_hz, count)
