"""What is no ECG is refused by name; what is told of a page is believed."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest
from other_pictures import OTHER_PICTURES

from ecgdigit_rt import Digitizer, Lead, PageRef
from ecgdigit_rt.decode.decode_page import rgb_from_page
from ecgdigit_rt.errors import LayoutNotUnderstood, NotAnEcg, PageError, QualityTooLow, UnknownLayout
from ecgdigit_rt.tracing.ecg_check import confident_leads

EXAMPLE = Path(__file__).parents[2] / "examples" / "000000_render.jpg"


@pytest.fixture(scope="module")
def digitizer() -> Digitizer:
    return Digitizer(threads=2)


@pytest.mark.parametrize("name", list(OTHER_PICTURES))
def test_nothing_is_digitized_that_is_no_ecg(digitizer: Digitizer, name: str) -> None:
    with pytest.raises(PageError):
        digitizer.digitize(OTHER_PICTURES[name]())


def test_a_picture_with_rows_and_a_grid_is_refused_for_what_it_lacks(digitizer: Digitizer) -> None:
    with pytest.raises(NotAnEcg, match="neither lead names nor a calibration pulse") as caught:
        digitizer.digitize(OTHER_PICTURES["waves on grid"]())
    assert "--layout" in caught.value.hint


def lead(name: str, confidence: float) -> Lead:
    return Lead(name, np.zeros(500, np.float32), 500.0, 0.0, confidence, np.zeros((500, 2), np.float32))


def test_a_lead_that_nobody_saw_is_missing() -> None:
    stretches = [lead(name, 0.99) for name in ("III", "II", "I")] + [lead("V1", 0.05)]
    assert list(confident_leads(stretches)) == ["I", "II", "III"]
    for confidence in (0.3, float("nan")):
        with pytest.raises(NotAnEcg, match="nothing runs along its rows"):
            confident_leads([lead(name, confidence) for name in ("I", "II", "III")])


def test_a_hidden_rhythm_strip_leaves_the_short_stretch() -> None:
    short = [lead(name, 0.95) for name in ("I", "II", "III")]
    hidden = dataclasses.replace(lead("II", 0.1), mv=np.ones(5000, np.float32))
    assert confident_leads([*short, hidden])["II"] is short[1]


def test_a_strip_of_one_lead_is_read_when_it_is_told() -> None:
    """The rhythm strip cut out of a page, its name and pulse with it cut off."""
    page = rgb_from_page(PageRef(EXAMPLE))
    whole = Digitizer(threads=2).digitize(EXAMPLE)
    rhythm = whole.leads["II"].curve_px
    top, bottom = int(rhythm[:, 1].min()) - 60, int(rhythm[:, 1].max()) + 40
    strip = page[max(0, top) : bottom]
    found = Digitizer(threads=2, layout="ii", speed_mm_s=25, gain_mm_mv=10).digitize(strip)
    assert list(found.leads) == ["II"]
    assert found.layout.name == "ii"
    want, got = whole.leads["II"].mv, found.leads["II"].mv
    count = min(want.size, got.size) - 400
    best = max(
        float(np.corrcoef(want[200 : 200 + count], got[200 + lag : 200 + lag + count])[0, 1])
        for lag in range(-100, 101)
    )
    assert best > 0.95


def test_what_is_told_is_not_read() -> None:
    as_read = Digitizer(threads=2).digitize(EXAMPLE)
    told = Digitizer(threads=2, speed_mm_s=50.0, gain_mm_mv=20.0).digitize(EXAMPLE)
    assert (told.layout.speed_mm_s, told.layout.gain_mm_mv) == (50.0, 20.0)
    assert told.duration_s == pytest.approx(as_read.duration_s / 2, abs=0.01)
    assert np.ptp(told.leads["II"].mv) == pytest.approx(np.ptp(as_read.leads["II"].mv) / 2, rel=0.05)
    with pytest.raises(UnknownLayout, match="rows"):
        Digitizer(threads=2, layout="12x1").digitize(EXAMPLE)
    with pytest.raises(LayoutNotUnderstood, match="no layout '3x5'") as caught:
        Digitizer(layout="3x5")
    assert "cabrera-3x4" in caught.value.hint


def test_pages_below_the_quality_asked_for_are_refused(digitizer: Digitizer) -> None:
    sharp = rgb_from_page(PageRef(EXAMPLE))
    expected = digitizer.digitize(sharp).expected_db
    blurred = np.asarray(cv2.GaussianBlur(sharp, (0, 0), 5), np.uint8)
    assert digitizer.digitize(blurred).expected_db < expected - 2
    with pytest.raises(QualityTooLow, match="below the 60 dB asked for") as caught:
        Digitizer(threads=2, min_quality_db=60.0).digitize(EXAMPLE)
    assert caught.value.expected_db == pytest.approx(expected, abs=0.3)
