"""Recognition of the names at the starts of rows."""

from __future__ import annotations

import pytest
from flat_mesh import flat_mesh
from printed_text import draw_text, grid_paper

from ecgdigit_rt.layout.baselines import Baseline
from ecgdigit_rt.layout.row_names import row_start_words
from ecgdigit_rt.text.ocr import ocr_available

PX_PER_MM = 8.0
NAMES = ("V3R", "V4R", "V5R", "V6R", "V7", "V8", "V9")
"""More rows than one column of close-ups has."""


@pytest.mark.skipif(not ocr_available(), reason="the extra `ocr` is not installed")
def test_names_at_the_starts_of_the_rows_are_read() -> None:
    """The boxes are in pixels of the image. Text elsewhere on the page is not read."""
    paper = grid_paper(round(300 * PX_PER_MM), round(220 * PX_PER_MM))
    rows = [Baseline(20.0 + 28 * k, 30.0, 280.0, 1.0) for k in range(len(NAMES))]
    for name, row in zip(NAMES, rows, strict=True):
        draw_text(paper, 32 * PX_PER_MM, (row.v_mm - 8) * PX_PER_MM, name, round(4 * PX_PER_MM))
        draw_text(paper, 150 * PX_PER_MM, (row.v_mm - 8) * PX_PER_MM, "aVF", round(4 * PX_PER_MM))
    words = sorted(row_start_words(paper, flat_mesh(PX_PER_MM), rows), key=lambda word: word.box_px[1])
    assert [word.text for word in words] == list(NAMES)
    for word, row in zip(words, rows, strict=True):
        left, top, _, bottom = (side / PX_PER_MM for side in word.box_px)
        assert left == pytest.approx(32, abs=1.5)
        assert (top + bottom) / 2 == pytest.approx(row.v_mm - 6, abs=1.5)
