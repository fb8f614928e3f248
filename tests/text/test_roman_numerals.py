"""Counting of the strokes of I, II and III: the count corrects or rejects the recognized text."""

from __future__ import annotations

import numpy as np
import pytest
from printed_text import SANS, SERIF, draw_text, grid_paper

from ecgdigit_rt.text.roman_numerals import is_numeral_like, verified_numeral


@pytest.mark.parametrize("name", [SANS, SERIF])
@pytest.mark.parametrize("size_px", [16, 24, 48])
@pytest.mark.parametrize(
    ("printed", "recognized"),
    [
        ("I", "I"), ("I", "l"), ("II", "II"), ("II", "ⅡI"), ("II", "I1"), ("II", "I"), ("II", "Ⅱ"),
        ("III", "II"), ("III", "III"), ("III", "Ⅲ"), ("III", "ⅢI"), ("III", "ⅢⅢ"),
    ],
)  # fmt: skip
def test_strokes_are_counted(printed: str, recognized: str, size_px: int, name: str) -> None:
    for offset in (40, 43):  # at two positions relative to the grid
        paper = grid_paper(200, 150)
        box = draw_text(paper, offset, 50, printed, size_px, name)
        assert verified_numeral(recognized, paper, box) == printed


@pytest.mark.parametrize(
    ("printed", "recognized"),
    [("I", "III"), ("III", "I"), ("II", "Ⅲ"), ("III", "Ⅱ"), ("II", "III"), ("I", "II")],
)
def test_contradiction_is_rejected(printed: str, recognized: str) -> None:
    paper = grid_paper(200, 150)
    box = draw_text(paper, 40, 50, printed)
    assert verified_numeral(recognized, paper, box) is None


def test_light_text_on_a_dark_page() -> None:
    paper = grid_paper(200, 150)
    box = draw_text(paper, 40, 50, "III")
    assert verified_numeral("II", np.asarray(255 - paper, np.uint8), box) == "III"


def test_distant_lines_are_not_strokes() -> None:
    paper = grid_paper(200, 150)
    box = draw_text(paper, 40, 50, "II")
    paper[:, 5:8] = paper[:, 110:113] = 0
    paper[92:95] = 0
    assert verified_numeral("II", paper, box) == "II"


@pytest.mark.parametrize("columns", [slice(33, 36), slice(66, 69)])
def test_numeral_next_to_a_line_is_rejected(columns: slice) -> None:
    """The line may be a stroke that touches a trace."""
    paper = grid_paper(200, 150)
    box = draw_text(paper, 40, 50, "II")
    paper[:, columns] = 0
    assert verified_numeral("II", paper, box) is None


def test_stroke_that_touches_a_trace_is_not_ignored() -> None:
    paper = grid_paper(200, 150)
    box = draw_text(paper, 40, 50, "III")
    paper[60:140, int(box[2]) - 14 : int(box[2]) - 9] = 0  # down from the third stroke
    assert verified_numeral("II", paper, box) in (None, "III")


def test_flat_trace_through_a_numeral_is_not_a_stroke() -> None:
    paper = grid_paper(200, 150)
    box = draw_text(paper, 40, 50, "II")
    paper[66:69] = 0
    assert verified_numeral("II", paper, box) == "II"


def test_steep_trace_through_a_numeral_hides_it() -> None:
    paper = grid_paper(200, 150)
    box = draw_text(paper, 40, 50, "III")
    for row in range(150):
        paper[row, 40 + row // 8 : 44 + row // 8] = 0
    assert verified_numeral("III", paper, box) in (None, "III")


@pytest.mark.parametrize("box", [(10, 10, 40, 40), (-50, -50, -10, -10), (190, 140, 260, 220), (5, 5, 5, 5)])
def test_boxes_without_a_numeral(box: tuple[float, float, float, float]) -> None:
    assert verified_numeral("II", grid_paper(200, 150), box) is None


@pytest.mark.parametrize("text", ["V", "N", "H", "A", "IV", "III I", "IIII"])
def test_other_shapes_are_rejected(text: str) -> None:
    paper = grid_paper(200, 150)
    box = draw_text(paper, 40, 50, text)
    assert verified_numeral("III", paper, box) is None


def test_numeral_like_text() -> None:
    assert all(is_numeral_like(text) for text in ("I", "II", "ⅢI", "l", "I1", "11", "|||"))
    assert not any(is_numeral_like(text) for text in ("", "1", "V1", "I I", "IV", "12"))
