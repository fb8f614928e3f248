"""Rejection of images that are not ECGs, such as letters, charts and empty grids.

On all of 130 ECG pages, the leads were visible in 98 % of the columns, and most rows had lead names or
pulses. None of fourteen other images had both properties (`tests/support/non_ecg_images.py`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ecgdigit_rt.errors import NotAnEcg
from ecgdigit_rt.layout.match import LayoutReading
from ecgdigit_rt.results import LEADS, Lead

# Both minima separate the two groups of images above.
_MIN_LABELLED_SHARE = 0.35  # minimum share of labelled segments on a page without pulses and printed scale
_MIN_MEDIAN_CONFIDENCE = 0.8  # minimum median confidence of all segments

_MIN_CONFIDENCE = 0.2  # minimum confidence of a segment that is returned. Hand-picked, not tuned.


def check_marks(reading: LayoutReading) -> None:
    """Raise NotAnEcg if there are few lead names, no pulses and no printed scale."""
    if (
        reading.labelled_share < _MIN_LABELLED_SHARE
        and not reading.pulse_count
        and not reading.is_scale_printed
    ):
        raise NotAnEcg("neither lead names nor a calibration pulse were detected at its rows")


def confident_leads(segments: Sequence[Lead]) -> dict[str, Lead]:
    """Return the longest confident segment of each lead, in standard order.

    Segments with very low confidence are dropped. Raises NotAnEcg if the median confidence is low.
    """
    if not np.median([segment.confidence for segment in segments]) >= _MIN_MEDIAN_CONFIDENCE:
        raise NotAnEcg("its rows contain no ECG traces")
    leads = longest_segments([segment for segment in segments if segment.confidence >= _MIN_CONFIDENCE])
    return {name: leads[name] for name in LEADS if name in leads}


def longest_segments(segments: Sequence[Lead]) -> dict[str, Lead]:
    """Return the longest segment of each lead, in page order. Of equal segments, the first is returned."""
    leads: dict[str, Lead] = {}
    for lead in segments:
        if lead.name not in leads or lead.mv.size > leads[lead.name].mv.size:
            leads[lead.name] = lead
    return leads
