"""Rejection of images that are not ECGs, such as letters, charts and empty grids.

On each of 130 ECG pages, the leads were visible in 98 % of the columns, and most rows had lead names or
pulses. None of fourteen images without an ECG (`tests/support/non_ecg_images.py`) had both properties.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from ecgdigit_rt.errors import NotAnEcg
from ecgdigit_rt.layout.match import LayoutReading
from ecgdigit_rt.results import ALL_LEADS, Lead

# Both minima separate these ECG pages from these other images.
_MIN_LABELLED_FRACTION = 0.35  # minimum fraction of labelled segments, if there are no pulses and no scale
_MIN_MEDIAN_CONFIDENCE = 0.8  # minimum median confidence of all segments

_MIN_CONFIDENCE = 0.2  # minimum confidence of a returned segment. Hand-picked, not tuned.
_MAX_GAP_S = 0.01  # maximum gap between segments that continue each other: rounding. Hand-picked, not tuned.


def check_marks(reading: LayoutReading) -> None:
    """Raise NotAnEcg if there are few lead names, no pulses and no printed scale."""
    if (
        reading.labelled_share < _MIN_LABELLED_FRACTION
        and not reading.pulse_heights_mm
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
    confident = [segment for segment in segments if segment.confidence >= _MIN_CONFIDENCE]
    leads = longest_segments(join_consecutive(confident))
    return {name: leads[name] for name in ALL_LEADS if name in leads}


def longest_segments(segments: Sequence[Lead]) -> dict[str, Lead]:
    """Return the longest segment of each lead, or the first of equally long ones, in page order."""
    leads: dict[str, Lead] = {}
    for lead in segments:
        if lead.name not in leads or lead.mv.size > leads[lead.name].mv.size:
            leads[lead.name] = lead
    return leads


def join_consecutive(segments: Sequence[Lead]) -> list[Lead]:
    """Join segments of one lead that continue each other, such as the rows of a page with a single lead."""
    joined: list[Lead] = []
    for lead in segments:
        last = joined[-1] if joined else None
        is_next = last is not None and last.name == lead.name
        if last is not None and is_next and abs(lead.start_s - last.end_s) < _MAX_GAP_S:
            joined[-1] = _joined(last, lead)
        else:
            joined.append(lead)
    return joined


def _joined(first: Lead, second: Lead) -> Lead:
    sizes = np.array([first.mv.size, second.mv.size])
    errors = np.array([first.expected_error_mv, second.expected_error_mv])
    return dataclasses.replace(
        first,
        mv=np.concatenate([first.mv, second.mv]),
        confidence=float(np.average([first.confidence, second.confidence], weights=sizes)),
        curve_px=np.concatenate([first.curve_px, second.curve_px]),
        expected_error_mv=float(np.sqrt(np.average(errors**2, weights=sizes))),
    )
