"""Images that are not ECGs are rejected, and segments that are not visible are dropped."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from non_ecg_images import NON_ECG_IMAGES

from ecgdigit_rt import Digitizer, Lead
from ecgdigit_rt.errors import NotAnEcg, PageError
from ecgdigit_rt.tracing.ecg_check import confident_leads


@pytest.fixture(scope="module")
def digitizer() -> Digitizer:
    return Digitizer(threads=2)


@pytest.mark.parametrize("name", list(NON_ECG_IMAGES))
def test_images_that_are_not_ecgs_are_rejected(digitizer: Digitizer, name: str) -> None:
    with pytest.raises(PageError):
        digitizer.digitize(NON_ECG_IMAGES[name]())


def test_rows_on_a_grid_without_marks_are_rejected(digitizer: Digitizer) -> None:
    with pytest.raises(NotAnEcg, match="neither lead names nor a calibration pulse") as caught:
        digitizer.digitize(NON_ECG_IMAGES["waves on grid"]())
    assert "--layout" in caught.value.hint


def lead(name: str, confidence: float) -> Lead:
    return Lead(name, np.zeros(500, np.float32), 500.0, 0.0, confidence, np.zeros((500, 2), np.float32))


def test_a_lead_without_confidence_is_missing() -> None:
    segments = [lead(name, 0.99) for name in ("III", "II", "I")] + [lead("V1", 0.05)]
    assert list(confident_leads(segments)) == ["I", "II", "III"]
    for confidence in (0.3, float("nan")):
        with pytest.raises(NotAnEcg, match="its rows contain no ECG traces"):
            confident_leads([lead(name, confidence) for name in ("I", "II", "III")])


def test_a_hidden_rhythm_strip_is_replaced_by_the_short_segment() -> None:
    short = [lead(name, 0.95) for name in ("I", "II", "III")]
    hidden = dataclasses.replace(lead("II", 0.1), mv=np.ones(5000, np.float32))
    assert confident_leads([*short, hidden])["II"] is short[1]
