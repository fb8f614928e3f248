"""Images that are not ECGs are rejected, and segments that are not visible are dropped."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from non_ecg_images import NON_ECG_IMAGES
from painted_pages import painted_page

from ecgdigit_rt import Digitizer, Lead
from ecgdigit_rt.errors import NotAnEcg, PageError
from ecgdigit_rt.layout.match import read_layout
from ecgdigit_rt.results import LEADS
from ecgdigit_rt.tracing.ecg_check import check_marks, confident_leads, join_consecutive


@pytest.fixture(scope="module")
def digitizer() -> Digitizer:
    return Digitizer(threads=2, ocr=False)


@pytest.mark.parametrize("name", list(NON_ECG_IMAGES))
def test_images_that_are_not_ecgs_are_rejected(digitizer: Digitizer, name: str) -> None:
    with pytest.raises(PageError):
        digitizer.digitize(NON_ECG_IMAGES[name]())


def test_words_do_not_turn_text_into_an_ecg() -> None:
    with pytest.raises(PageError):
        Digitizer(threads=2).digitize(NON_ECG_IMAGES["text on grid"]())


def test_rows_without_marks_are_rejected() -> None:
    """The signals of these rows satisfy Einthoven's law, but a chart could show them as well."""
    marked = painted_page("6x2")
    blank = replace(marked.without_names(*LEADS), scale=())
    with pytest.raises(NotAnEcg, match="neither lead names nor a calibration pulse") as caught:
        check_marks(read_layout(blank.text, blank.curves))
    assert "--layout" in caught.value.hint
    with_scale = marked.without_names(*LEADS)
    with_names = replace(marked.without_names(*LEADS[:6]), scale=())
    for page in (marked, with_scale, with_names):
        check_marks(read_layout(page.text, page.curves))


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
    hidden = replace(lead("II", 0.1), mv=np.ones(5000, np.float32))
    assert confident_leads([*short, hidden])["II"] is short[1]


def part(start_s: float, value: float, confidence: float = 0.9, name: str = "I", samples: int = 500) -> Lead:
    """Return a segment of constant voltage at 500 Hz."""
    curve = np.full((samples, 2), value, np.float32)
    mv = np.full(samples, value, np.float32)
    return Lead(name, mv, 500.0, start_s, confidence, curve, expected_error_mv=value)


def test_rows_of_one_lead_are_joined() -> None:
    parts = [part(0.0, 1.0, 0.6), part(1.0, 2.0, 0.9), part(2.0, 4.0, 0.9, samples=1000)]
    (joined,) = join_consecutive(parts)
    assert (joined.name, joined.start_s) == ("I", 0.0)
    assert joined.end_s == pytest.approx(4.0)
    assert joined.mv[[0, 499, 500, 999, 1000, 1999]].tolist() == [1, 1, 2, 2, 4, 4]
    assert joined.curve_px.shape == (2000, 2)
    assert joined.curve_px[-1].tolist() == [4, 4]
    assert joined.confidence == pytest.approx(0.25 * 0.6 + 0.75 * 0.9)
    assert joined.expected_error_mv == pytest.approx(np.sqrt((1 + 4 + 2 * 16) / 4))
    assert confident_leads(parts)["I"].mv.size == 2000


def test_segments_that_do_not_continue_each_other_are_not_joined() -> None:
    simultaneous = [part(0.0, 1.0), part(0.0, 2.0)]
    assert join_consecutive(simultaneous) == simultaneous
    apart = [part(0.0, 1.0), part(1.5, 2.0)]
    assert join_consecutive(apart) == apart
    other = [part(0.0, 1.0), part(1.0, 2.0, name="II"), part(1.0, 3.0)]
    assert join_consecutive(other) == other
    assert join_consecutive([]) == []


def test_a_hidden_row_of_one_lead_is_not_bridged() -> None:
    """The longest part remains, instead of parts that are joined at the wrong time."""
    rows = [part(0.0, 1.0), part(1.0, 2.0, 0.05), *(part(2.0 + k, 3.0) for k in range(4))]
    (only,) = confident_leads(rows).values()
    assert (only.start_s, only.mv.size) == (2.0, 2000)
