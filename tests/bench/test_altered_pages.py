"""Tests of altered_pages.py: the alterations of an image, and the verdicts of constructed results."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from altered_pages import ALTERATIONS, altered_fault, altered_images, selected_pages, true_facts, whole_facts
from numpy.typing import NDArray
from page_verdicts import PageFacts
from paper_page import digitized_page, signals, write_truth

from ecgdigit_rt.errors import NoGridFound
from ecgdigit_rt.evaluation.truth import Truth
from ecgdigit_rt.results import PageRef, failed_from_error

SOURCE = PageRef(Path("a.png"))
PAGE = digitized_page(SOURCE, signals(1))
FACTS = PageFacts(signals(1), 25.0, 10.0)
IMAGE = np.arange(40 * 60 * 3, dtype=np.uint8).reshape(40, 60, 3)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("whole", IMAGE),
        ("mirrored", IMAGE[:, ::-1]),
        ("inverted", ~IMAGE),
        ("turned 90", IMAGE[::-1].swapaxes(0, 1)),
        ("turned 180", IMAGE[::-1, ::-1]),
        ("turned 270", IMAGE[:, ::-1].swapaxes(0, 1)),
        ("cut left 15%", IMAGE[:, 9:]),
        ("cut top 25%", IMAGE[10:]),
        ("cut right 40%", IMAGE[:, :36]),
        ("cut bottom 15%", IMAGE[:34]),
    ],
)
def test_altered_image(name: str, expected: NDArray[np.uint8]) -> None:
    assert np.array_equal(ALTERATIONS[name].apply(IMAGE, IMAGE[:, :0]), expected)


def test_doubled_image_contains_both_pages() -> None:
    other = np.full((20, 20, 3), 7, np.uint8)
    side_by_side = ALTERATIONS["doubled beside"].apply(IMAGE, other)
    assert np.array_equal(side_by_side[:, :60], IMAGE)
    assert side_by_side[:, 60:].shape == (40, 40, 3)
    stacked = ALTERATIONS["doubled above"].apply(IMAGE, other)
    assert np.array_equal(stacked[:40], IMAGE)
    assert stacked[40:].shape == (60, 60, 3)
    assert (stacked[40:] == 7).all()


def test_cut_page_may_show_parts_of_its_leads() -> None:
    parts = {name: mv[300:] for name, mv in signals(1).items() if name != "V4"}
    page = digitized_page(SOURCE, parts)
    assert altered_fault(ALTERATIONS["cut left 15%"], FACTS, page) == ""
    assert altered_fault(ALTERATIONS["turned 90"], FACTS, page) == "leads: V4 missing"


def test_reversed_leads_are_wrong() -> None:
    page = digitized_page(SOURCE, {name: mv[::-1] for name, mv in signals(1).items()})
    for name in ("mirrored", "cut top 40%"):
        assert altered_fault(ALTERATIONS[name], FACTS, page).startswith("signals")


def test_wrong_speed_of_a_cut_page_is_wrong() -> None:
    page = replace(PAGE, layout=replace(PAGE.layout, speed_mm_s=50.0))
    assert altered_fault(ALTERATIONS["cut bottom 25%"], FACTS, page).startswith("speed")


def test_every_lead_of_a_doubled_page_is_wrong() -> None:
    assert altered_fault(ALTERATIONS["doubled above"], FACTS, PAGE) == "leads: 12 leads of two pages"


def test_altered_pages_are_compared_with_the_digitized_whole_page() -> None:
    truth = PageFacts({"I": np.zeros(10)}, 50.0, None)
    facts = whole_facts(PAGE, truth)
    assert (set(facts.leads), facts.speed_mm_s, facts.gain_mm_mv) == (set(signals(1)), 50.0, 10.0)
    assert whole_facts(failed_from_error(SOURCE, NoGridFound()), truth) is truth


def test_truth_is_resampled_and_its_scale_is_read(tmp_path: Path) -> None:
    truth = Truth("a", 250.0, {"I": np.zeros(625)})
    assert true_facts(tmp_path / "a.png", truth).speed_mm_s is None
    (tmp_path / "a.json").write_text(json.dumps({"speed": 50.0, "gain": 5.0}))
    facts = true_facts(tmp_path / "a.png", truth)
    assert (facts.leads["I"].size, facts.speed_mm_s, facts.gain_mm_mv) == (1250, 50.0, 5.0)


def test_pages_are_selected_at_equal_distances(tmp_path: Path) -> None:
    for name in "abcde":
        cv2.imwrite(str(tmp_path / f"{name}.png"), np.tile(IMAGE, (4, 3, 1)))
        write_truth(tmp_path / f"{name}.csv", {"I": np.ones(1250)}, 1250)
    (tmp_path / "e.csv").unlink()
    assert [path.stem for path in selected_pages(tmp_path, 2, [])] == ["a", "d"]
    assert [path.stem for path in selected_pages(tmp_path, 10, [])] == ["a", "b", "c", "d"]
    assert [path.stem for path in selected_pages(tmp_path, 2, ["c", "e"])] == ["c"]
    paths = list(selected_pages(tmp_path, 2, []))
    assert len(list(altered_images(paths[:1]))) == len(ALTERATIONS)
