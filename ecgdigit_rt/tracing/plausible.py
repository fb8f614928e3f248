"""Whether what was read is an ECG at all: letters, charts and empty grids have sheets and rows too.

Of 130 ECG pages every one showed its leads in 98 % of their columns, and names or pulses at most of its
rows; of fourteen other pictures none did both (`tests/other_pictures.py`).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ecgdigit_rt.errors import NotAnEcg
from ecgdigit_rt.reading.layout import Reading
from ecgdigit_rt.record import LEADS, Lead

_LEAST_NAMED = 0.35
_LEAST_MEDIAN_CONFIDENCE = 0.8
_LEAST_CONFIDENCE = 0.2


def check_marks(reading: Reading) -> None:
    """Raises NotAnEcg where nothing that is printed at the rows says that they are leads."""
    if reading.named_share < _LEAST_NAMED and not reading.pulses and not reading.is_scale_printed:
        raise NotAnEcg("neither lead names nor a calibration pulse are seen at its rows")


def seen_leads(leads: Mapping[str, Lead]) -> dict[str, Lead]:
    """The leads that were seen in more than a few of their columns, in the standard order.

    Raises NotAnEcg where most were not.
    """
    confidence = [lead.confidence for lead in leads.values()]
    if np.median(confidence) < _LEAST_MEDIAN_CONFIDENCE:
        raise NotAnEcg("nothing runs along its rows like the curves of an ECG")
    return {
        name: leads[name] for name in LEADS if name in leads and leads[name].confidence >= _LEAST_CONFIDENCE
    }
