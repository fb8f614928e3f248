"""Refusal of images that are not ECGs: letters, charts and empty grids have sheets and rows too.

All of 130 ECG pages showed their leads in 98 % of their columns, and names or pulses at most of their rows.
None of fourteen other images did both (`tests/support/non_ecg_images.py`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ecgdigit_rt.errors import NotAnEcg
from ecgdigit_rt.layout.match import LayoutReading
from ecgdigit_rt.results import LEADS, Lead

# These separate the two groups of pages above.
_MIN_LABELLED_SHARE = 0.35
_MIN_MEDIAN_CONFIDENCE = 0.8

_MIN_CONFIDENCE = 0.2  # of a segment that is returned. Chosen, not tuned.


def check_marks(reading: LayoutReading) -> None:
    """Raise NotAnEcg if no printed mark identifies the rows as leads."""
    if (
        reading.labelled_share < _MIN_LABELLED_SHARE
        and not reading.pulse_count
        and not reading.is_scale_printed
    ):
        raise NotAnEcg("neither lead names nor a calibration pulse were detected at its rows")


def confident_leads(segments: Sequence[Lead]) -> dict[str, Lead]:
    """Return the longest confident segment of each lead, in the standard order.

    Segments that are visible in few columns are dropped. Raises NotAnEcg if that applies to most segments.
    """
    if not np.median([segment.confidence for segment in segments]) >= _MIN_MEDIAN_CONFIDENCE:
        raise NotAnEcg("its rows contain no ECG traces")
    leads = longest_segments([segment for segment in segments if segment.confidence >= _MIN_CONFIDENCE])
    return {name: leads[name] for name in LEADS if name in leads}


def longest_segments(segments: Sequence[Lead]) -> dict[str, Lead]:
    """Return the longest segment of each lead, the first of equal ones, in the order of the page."""
    leads: dict[str, Lead] = {}
    for lead in segments:
        if lead.name not in leads or lead.mv.size > leads[lead.name].mv.size:
            leads[lead.name] = lead
    return leads
