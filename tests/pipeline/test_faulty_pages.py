"""Pages that mislead: framed, doubled, cut, mirrored, inverted and turned pages, and wrong layouts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("torch")
pytest.importorskip("matplotlib")

from synthetic_pages import layout_style, with_grid

from ecgdigit_export.synth.page import SyntheticPage, synthetic_page
from ecgdigit_export.synth.signals import simulated_recording
from ecgdigit_rt import Digitized, Digitizer, Failed
from ecgdigit_rt.doubts import DOUBTS
from ecgdigit_rt.errors import EcgDigitError, MirroredPage, SeveralEcgs, UnknownLayout
from ecgdigit_rt.layout.catalog import LAYOUTS
from ecgdigit_rt.results import LEADS

Image = NDArray[np.uint8]
RATE_HZ = 500
MIN_CORRELATION = 0.9
"""Correlation with the true lead below which a lead is wrong."""


def recording(seed: int) -> NDArray[np.float32]:
    return simulated_recording(np.random.default_rng(seed))


def page_of(layout: str, seed: int = 3, *, has_names: bool = True) -> SyntheticPage:
    """Return a page with a grid and a printed scale."""
    style = replace(with_grid(layout_style(layout)), has_labels=has_names)
    return synthetic_page(recording(seed), np.random.default_rng(seed), kind="render", style=style)


@pytest.fixture(scope="module")
def digitizer() -> Digitizer:
    """Return a digitizer without text recognition, which these pages do not need."""
    return Digitizer(threads=2, ocr=False)


@pytest.fixture(scope="module")
def standard() -> Image:
    """Return a page with three rows of four leads and a rhythm strip."""
    return page_of("3x4+1").image


def correlations(page: Digitized, seed: int = 3) -> dict[str, float]:
    """Return the largest correlation of each lead with the true lead, over shifts up to 20 ms."""
    truth = dict(zip(LEADS, recording(seed), strict=True))
    found = {}
    for name, lead in page.leads.items():
        values = []
        for shift in range(-10, 11):
            first = round(lead.start_s * RATE_HZ) + shift
            true = truth[name][max(0, first) : first + lead.mv.size]
            mv = lead.mv[max(0, -first) :][: true.size]
            values.append(float(np.corrcoef(true[: mv.size], mv)[0, 1]))
        found[name] = max(values)
    return found


def assert_right(page: Digitized, leads: int = 12) -> None:
    found = correlations(page)
    assert len(found) == leads
    assert min(found.values()) > MIN_CORRELATION, found


def is_silently_wrong(digitizer: Digitizer, image: Image, seed: int = 3) -> bool:
    """Return whether a page is digitized without doubts, although a lead is wrong."""
    try:
        page = digitizer.digitize(np.ascontiguousarray(image))
    except EcgDigitError:
        return False
    return not page.doubts and min(correlations(page, seed).values()) < MIN_CORRELATION


def ids(page: Digitized) -> set[str]:
    assert {doubt.id for doubt in page.doubts} <= set(DOUBTS)
    return {doubt.id for doubt in page.doubts}


def test_a_framed_page_without_a_rhythm_strip_is_read(digitizer: Digitizer) -> None:
    image = page_of("3x4").image.copy()
    height, width = image.shape[:2]
    cv2.rectangle(image, (24, 24), (width - 24, height - 24), (0, 0, 0), 4)
    for top in (64, height - 160):  # rules above and below the rows, as long as the rows
        cv2.line(image, (112, top), (width - 128, top), (0, 0, 0), 2)
    page = digitizer.digitize(image)
    assert (page.layout.name, page.status) == ("3x4", "digitized")
    assert_right(page)


@pytest.mark.parametrize("axis", [0, 1])
def test_two_pages_on_one_sheet_are_refused(digitizer: Digitizer, standard: Image, axis: int) -> None:
    other = page_of("3x4+1", seed=8).image
    with pytest.raises((SeveralEcgs, UnknownLayout)):
        digitizer.digitize(np.concatenate([standard, other], axis))


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_an_ecg_beside_the_rows_is_found_in_any_orientation(digitizer: Digitizer, turns: int) -> None:
    """The second sheet is turned, and as high as the first one."""
    first, second = page_of("3x4+1").image, np.rot90(page_of("3x4+1", 5).image, turns)
    width = round(second.shape[1] * first.shape[0] / second.shape[0])
    both = np.hstack([first, np.asarray(cv2.resize(second, (width, first.shape[0])), np.uint8)])
    with pytest.raises((SeveralEcgs, UnknownLayout)):
        digitizer.digitize(both)


def test_a_page_on_a_large_empty_sheet_is_read(digitizer: Digitizer, standard: Image) -> None:
    empty = np.full_like(standard, 255)
    page = digitizer.digitize(np.vstack([standard, empty]))
    assert len(page.leads) == len(LEADS)


@pytest.mark.parametrize("part", ["left", "top", "right", "bottom"])
def test_half_of_a_page_is_refused_or_doubtful(digitizer: Digitizer, standard: Image, part: str) -> None:
    height, width = standard.shape[:2]
    half = {
        "left": standard[:, : width // 2],
        "top": standard[: height // 2],
        "right": standard[:, width // 2 :],
        "bottom": standard[height // 2 :],
    }[part]
    (result,) = digitizer.digitize_many([np.ascontiguousarray(half)])
    assert isinstance(result, Failed) or result.doubts


def test_a_page_of_chest_leads_is_read(digitizer: Digitizer) -> None:
    page = digitizer.digitize(page_of("chest-6x1").image)
    assert (page.layout.name, page.status) == ("chest-6x1", "digitized")
    assert_right(page, leads=6)


def test_rows_of_one_lead_are_one_lead() -> None:
    page = Digitizer(threads=2, ocr=False, layout="II/II/II").digitize(page_of("II/II/II").image)
    (lead,) = page.leads.values()
    assert lead.mv.size == pytest.approx(3 * 10 * RATE_HZ, abs=3)
    assert [row.segments[0].start_s for row in page.layout.rows] == pytest.approx([0, 10, 20])


@pytest.mark.parametrize("layout", ["3x4", "I,aVR,V1,V4/II,aVL,V2,V5/III,aVF,V3,V6"])
def test_a_specified_layout_with_fewer_rows_is_doubtful(standard: Image, layout: str) -> None:
    page = Digitizer(threads=2, ocr=False, layout=layout).digitize(standard)
    assert page.status == "doubtful"
    assert "D-LAYOUT-02" in ids(page)
    assert any("1 row with a signal" in doubt.message for doubt in page.doubts)


@pytest.mark.parametrize("layout", ["3x4+1", "4x3"])
def test_a_specified_layout_does_not_turn_a_page(standard: Image, layout: str) -> None:
    digitizer = Digitizer(threads=2, ocr=False, layout=layout)
    upright = digitizer.digitize(standard)
    turned = digitizer.digitize(np.ascontiguousarray(standard[::-1, ::-1]))
    row = LAYOUTS[layout].rows[0]
    for page, sign in ((upright, 1), (turned, -1)):
        first, last = (page.layout.rows[0].segments[k].lead for k in (0, -1))
        assert [first, last] == [row[0].lstrip("-"), row[-1].lstrip("-")]
        x = {name: float(np.median(page.leads[name].curve_px[:, 0])) for name in (first, last)}
        assert sign * (x[last] - x[first]) > 0
        assert bool(page.doubts) == (layout != "3x4+1")


def test_a_page_without_names_is_not_turned_by_a_layout() -> None:
    blank = page_of("3x4+1", has_names=False)
    assert_right(Digitizer(threads=2, ocr=False, layout="3x4+1").digitize(blank.image))


def test_a_mirrored_page_is_refused(digitizer: Digitizer, standard: Image) -> None:
    for mirrored in (standard[:, ::-1], standard[::-1]):
        with pytest.raises(MirroredPage):
            digitizer.digitize(np.ascontiguousarray(mirrored))


def test_an_inverted_page_is_read_with_a_note(digitizer: Digitizer, standard: Image) -> None:
    page = digitizer.digitize(255 - standard)
    assert page.status == "digitized"
    assert any("inverted" in note for note in page.notes)
    assert_right(page)
    turned = digitizer.digitize(np.ascontiguousarray(np.rot90(255 - standard)))
    assert_right(turned)
    assert not any("inverted" in note for note in digitizer.digitize(standard).notes)


def test_cut_pages_are_not_silently_wrong(digitizer: Digitizer, standard: Image) -> None:
    height, width = standard.shape[:2]
    cuts: Mapping[str, Image] = {
        "right": standard[:, : round(0.85 * width)],
        "left": standard[:, round(0.25 * width) :],
        "top": standard[round(0.25 * height) :],
        "bottom": standard[: round(0.75 * height)],
    }
    wrong = [side for side, image in cuts.items() if is_silently_wrong(digitizer, image)]
    assert wrong == []
