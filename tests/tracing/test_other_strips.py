"""Records of other signals, and text on ECG paper, are refused or doubtful."""

from __future__ import annotations

import pytest
from other_strips import ECG_LIKE_PAGES, OTHER_STRIPS

from ecgdigit_rt import Digitizer
from ecgdigit_rt.errors import PageError

PICTURES = OTHER_STRIPS | ECG_LIKE_PAGES

ACCEPTED = {"related pulse waves as 12x1", "related sawtooth as 12x1"}
"""Pictures that are digitized without a doubt. They have a beat, the names of twelve leads that satisfy
Einthoven's law, and calibration pulses: only the shape of the beats is not that of an ECG."""


@pytest.fixture(scope="module")
def digitizer() -> Digitizer:
    return Digitizer(threads=2, ocr=False)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in PICTURES if name not in ACCEPTED])
def test_other_records_are_refused_or_doubtful(digitizer: Digitizer, name: str) -> None:
    try:
        page = digitizer.digitize(PICTURES[name]())
    except PageError:
        return
    assert page.status == "doubtful"
