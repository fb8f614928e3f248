"""Layout overrides and the minimum quality reach the digitizer."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from ecgdigit_rt import Digitizer, PageRef
from ecgdigit_rt.decode.file_formats import rgb_from_page
from ecgdigit_rt.errors import InvalidLayout, QualityTooLow, UnknownLayout

EXAMPLE = Path(__file__).parents[2] / "examples" / "000000_render.jpg"


def test_a_strip_of_one_lead_is_digitized_with_a_specified_layout(digitizer: Digitizer) -> None:
    """The strip is the rhythm strip of a page, cut out without its name and pulse."""
    image = rgb_from_page(PageRef(EXAMPLE))
    whole = digitizer.digitize(EXAMPLE)
    rhythm = whole.leads["II"].curve_px
    top, bottom = int(rhythm[:, 1].min()) - 60, int(rhythm[:, 1].max()) + 40
    strip = image[max(0, top) : bottom]
    page = Digitizer(threads=2, layout="ii", speed_mm_s=25, gain_mm_mv=10).digitize(strip)
    assert list(page.leads) == ["II"]
    assert page.layout.name == "ii"
    expected, actual = whole.leads["II"].mv, page.leads["II"].mv
    count = min(expected.size, actual.size) - 400
    best = max(
        float(np.corrcoef(expected[200 : 200 + count], actual[200 + lag : 200 + lag + count])[0, 1])
        for lag in range(-100, 101)
    )
    assert best > 0.95


def test_specified_speed_gain_and_layout_override_the_page(digitizer: Digitizer) -> None:
    as_printed = digitizer.digitize(EXAMPLE)
    page = Digitizer(threads=2, speed_mm_s=50.0, gain_mm_mv=20.0).digitize(EXAMPLE)
    assert (page.layout.speed_mm_s, page.layout.gain_mm_mv) == (50.0, 20.0)
    assert page.duration_s == pytest.approx(as_printed.duration_s / 2, abs=0.01)
    assert np.ptp(page.leads["II"].mv) == pytest.approx(np.ptp(as_printed.leads["II"].mv) / 2, rel=0.05)
    with pytest.raises(UnknownLayout, match="rows"):
        Digitizer(threads=2, layout="12x1").digitize(EXAMPLE)
    with pytest.raises(InvalidLayout, match="Unknown layout: '3x5'") as caught:
        Digitizer(layout="3x5")
    assert "cabrera-3x4" in caught.value.hint


def test_pages_below_the_minimum_quality_are_rejected(digitizer: Digitizer) -> None:
    sharp = rgb_from_page(PageRef(EXAMPLE))
    expected = digitizer.digitize(sharp).expected_db
    blurred = np.asarray(cv2.GaussianBlur(sharp, (0, 0), 3), np.uint8)
    assert digitizer.digitize(blurred).expected_db < expected - 2
    with pytest.raises(QualityTooLow, match="below the minimum of 60 dB") as caught:
        Digitizer(threads=2, min_quality_db=60.0).digitize(EXAMPLE)
    assert caught.value.expected_db == pytest.approx(expected, abs=0.3)
