"""Whether what was read is an ECG at all: letters, charts and empty grids have sheets and rows too.

Of 130 ECG pages every one showed its leads in 98 % of their columns, and names or pulses at most of its
rows; of fourteen other pictures none did both (`tests/other_pictures.py`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ecgdigit_rt.errors import NotAnEcg
from ecgdigit_rt.layout.match import LayoutReading
from ecgdigit_rt.results import LEADS, Lead
from ecgdigit_rt.tracing.assemble import longest

_LEAST_NAMED = 0.35
_LEAST_MEDIAN_CONFIDENCE = 0.8
_LEAST_CONFIDENCE = 0.2


def check_marks(reading: LayoutReading) -> None:
    """Raises NotAnEcg where nothing that is printed at the rows says that they are leads."""
    if reading.named_share < _LEAST_NAMED and not reading.pulses and not reading.is_scale_printed:
        raise NotAnEcg("neither lead names nor a calibration pulse are seen at its rows")


def confident_leads(stretches: Sequence[Lead]) -> dict[str, Lead]:
    """Each lead's longest stretch of those that were seen in more than a few columns, in the standard order.

    Raises NotAnEcg where most stretches were not.
    """
    if not np.median([stretch.confidence for stretch in stretches]) >= _LEAST_MEDIAN_CONFIDENCE:
        raise NotAnEcg("nothing runs along its rows like the curves of an ECG")
    leads = longest([stretch for stretch in stretches if stretch.confidence >= _LEAST_CONFIDENCE])
    return {name: leads[name] for name in LEADS if name in leads}
