"""Rejection of images that are not ECGs, such as letters, charts and empty grids.

On each of 130 ECG pages, the leads were visible in 98 % of the columns, and most rows had lead names or
pulses. None of fourteen images without an ECG (`tests/support/non_ecg_images.py`) had both properties.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ecgdigit_rt.errors import NotAnEcg
from ecgdigit_rt.layout.match import LayoutReading
from ecgdigit_rt.results import LEADS, Lead

# Both minima separate these ECG pages from these other images.
_MIN_LABELLED_FRACTION = 0.35  # minimum fraction of labelled segments, if there are no pulses and no scale
_MIN_MEDIAN_CONFIDENCE = 0.8  # minimum median confidence of all segments

_MIN_CONFIDENCE = 0.2  # minimum confidence of a returned segment. Hand-picked, not tuned.


def check_marks(reading: LayoutReading) -> None:
    """Raise NotAnEcg if there are few lead names, no pulses and no printed scale."""
    if (
        reading.labelled_share < _MIN_LABELLED_FRACTION
        and not reading.pulse_count
        and not reading.is_scale_printed
    ):
        raise NotAnEcg("neither lead names nor a calibration pulse were detected at its rows")


def confident_leads(segments: Sequence[Lead]) -> dict[str, Lead]:
    """Return the longest confident segment of each lead, in standard order.

    Segments with a confidence below `_MIN_CONFIDENCE` are dropped. Raises NotAnEcg if the median confidence
    of all segments is below `_MIN_MEDIAN_CONFIDENCE`.
    """
    if not np.median([segment.confidence for segment in segments]) >= _MIN_MEDIAN_CONFIDENCE:
        raise NotAnEcg("its rows contain no ECG traces")
    leads = longest_segments([segment for segment in segments if segment.confidence >= _MIN_CONFIDENCE])
    return {name: leads[name] for name in LEADS if name in leads}


def longest_segments(segments: Sequence[Lead]) -> dict[str, Lead]:
    """Return the longest segment of each lead, or the first of equally long ones, in page order."""
    leads: dict[str, Lead] = {}
    for lead in segments:
        if lead.name not in leads or lead.mv.size > leads[lead.name].mv.size:
            leads[lead.name] = lead
    return leads
