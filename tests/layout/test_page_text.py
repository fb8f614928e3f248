"""Heatmaps of the locate stage, completed with words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from flat_mesh import flat_mesh
from painted_pages import PaintedName, PaintedPage, painted_heatmap, painted_page

from ecgdigit_rt.layout.marks import find_labels
from ecgdigit_rt.layout.page_text import PageText, is_text_open, text_from_words
from ecgdigit_rt.layout.paper_heatmap import PaperHeatmap
from ecgdigit_rt.results import LEADS
from ecgdigit_rt.words import Word

PX_PER_MM = 8.0
HEIGHT_MM = 3.0


def word(text: str, u_mm: float, v_mm: float) -> Word:
    """Return a word of usual size around a position on paper, in an image with 8 pixels per millimetre."""
    half_u, half_v = 0.3 * HEIGHT_MM * len(text), HEIGHT_MM / 2
    box = (u_mm - half_u, v_mm - half_v, u_mm + half_u, v_mm + half_v)
    left, top, right, bottom = (side * PX_PER_MM for side in box)
    return Word(text, (left, top, right, bottom))


def with_words(heatmap: PaperHeatmap, *words: Word, is_exact: bool = True) -> PageText:
    return text_from_words(heatmap, words, flat_mesh(PX_PER_MM), is_exact=is_exact)


def names_in(heatmap: PaperHeatmap) -> list[tuple[str, float, float]]:
    return [(label.lead, label.u_mm, label.v_mm) for label in find_labels(heatmap)]


def test_words_of_the_file_replace_the_names_of_the_network() -> None:
    """The network reads V6 and aVL, the file contains V5 and aVF."""
    read = painted_heatmap([PaintedName("V6", 100, 50), PaintedName("aVL", 100, 90)])
    text = with_words(read, word("V5", 101.2, 50.9), word("aVF", 98, 90.5))
    assert names_in(text.heatmap) == [("V5", 101, 51), ("aVF", 98, 90.5)]
    assert names_in(read) == [("V6", 100, 50), ("aVL", 100, 90)], "the input is unchanged"
    assert min(label.activation for label in find_labels(text.heatmap)) > 0.9


def test_names_far_from_the_words_are_kept() -> None:
    read = painted_heatmap(
        [PaintedName("V6", 100, 50), PaintedName("V3", 110, 50), PaintedName("I", 100, 60)]
    )
    text = with_words(read, word("V5", 100, 50))
    assert names_in(text.heatmap) == [("V5", 100, 50), ("V3", 110, 50), ("I", 100, 60)]


def test_recognized_words_replace_only_faint_names() -> None:
    read = painted_heatmap([PaintedName("V6", 100, 50, 0.9), PaintedName("aVL", 100, 90, 0.3)])
    words = [word("V5", 100, 50), word("aVF", 100, 90), word("V1", 160, 50)]
    text = with_words(read, *words, is_exact=False)
    assert names_in(text.heatmap) == [("V6", 100, 50), ("V1", 160, 50), ("aVF", 100, 90)]
    recognized = find_labels(text.heatmap)[1]
    assert 0.4 < recognized.activation < 0.9


@pytest.mark.parametrize("is_exact", [True, False])
def test_right_sided_leads_are_not_standard_leads(is_exact: bool) -> None:
    read = painted_heatmap([PaintedName("V3", 100, 50, 0.35)])
    text = with_words(read, word("V3R", 100, 50), word("V4", 160, 50), word("V7", 200, 50), is_exact=is_exact)
    assert names_in(text.heatmap) == [("V4", 160, 50)]
    further = [(name.lead, round(name.u_mm, 3), round(name.v_mm, 3)) for name in text.further_names]
    assert further == [("V3R", 100, 50), ("V7", 200, 50)]


def test_words_outside_the_sheet_are_ignored() -> None:
    read = painted_heatmap([])
    text = with_words(read, word("V5", 100, 50), word("V4", 100, 400), word("V3R", -80, 50))
    assert names_in(text.heatmap) == [("V5", 100, 50)]
    assert text.further_names == ()


def test_words_without_names_leave_the_heatmap() -> None:
    read = painted_heatmap([PaintedName("V6", 100, 50)])
    text = with_words(read, word("25 mm/s", 60, 200), word("10 mm/mV", 100, 200))
    assert text.heatmap is read
    assert (text.facts.speed_mm_s, text.facts.gain_mm_mv) == (25.0, 10.0)


def open_page(page: PaintedPage, scale: Sequence[str]) -> bool:
    return is_text_open(replace(page, scale=scale).text.heatmap)


def test_text_is_open_without_speed_gain_or_names() -> None:
    page = painted_page("3x4")
    assert not open_page(page, ("speed_25", "gain_10"))
    assert open_page(page, ("speed_25",))
    assert open_page(page, ("gain_10",))
    assert not open_page(page.without_names(*LEADS[:6]), ("speed_50", "gain_5"))
    assert open_page(page.without_names(*LEADS[:9]), ("speed_25", "gain_10"))


@pytest.mark.parametrize("turns", range(-1, 6))
def test_boxes_turn_with_the_image(turns: int) -> None:
    image = np.zeros((70, 110), np.uint8)
    image[12:20, 30:75] = 255
    turned = np.rot90(image, turns)
    word_turned = Word("V1", (30, 12, 75, 20)).rotated((110, 70), turns)
    left, top, right, bottom = (int(side) for side in word_turned.box_px)
    expected = np.zeros_like(turned)
    expected[top:bottom, left:right] = 255
    assert word_turned.text == "V1"
    assert np.array_equal(turned, expected)
