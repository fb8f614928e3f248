"""Recognition of printed text: words with boxes, without network requests, and nothing without the extra."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from loaded_modules import modules_after
from numpy.typing import NDArray
from printed_text import SERIF, draw_text, grid_paper

from ecgdigit_rt.text import ocr
from ecgdigit_rt.text.facts import facts_from_words
from ecgdigit_rt.text.ocr import MAX_SIDE_PX, ocr_available, ocr_words

ROOT = Path(__file__).parents[2]

needs_ocr = pytest.mark.skipif(not ocr_available(), reason="the extra `ocr` is not installed")


def printed_page(scale: float = 1.0) -> NDArray[np.uint8]:
    """Return a page with a scale, a heart rate, and lead names."""
    paper = grid_paper(round(1500 * scale), round(800 * scale))
    size = round(34 * scale)

    def put(x: float, y: float, text: str, font: str = "DejaVuSans.ttf") -> None:
        draw_text(paper, x * scale, y * scale, text, size, font)

    put(60, 40, "Miller, Anna")
    put(60, 700, "50 mm/s  10 mm/mV")
    put(900, 40, "Vent. rate 77 BPM")
    for name, (x, y) in _LABELS.items():
        put(x, y, name, SERIF)
    return paper


_LABELS = {
    "II": (100, 200), "aVR": (550, 200), "V1": (1000, 200),
    "III": (100, 420), "aVF": (550, 420), "V6": (1000, 420),
}  # fmt: skip
"""Positions of the lead names of `printed_page`, in reading order."""


@needs_ocr
@pytest.mark.parametrize("scale", [0.6, 1.0, 2.6])
def test_facts_of_a_printed_page(scale: float) -> None:
    facts = facts_from_words(ocr_words(printed_page(scale)))
    assert (facts.speed_mm_s, facts.gain_mm_mv, facts.heart_rate_bpm) == (50, 10, 77)
    names = [label.name for label in facts.leads]
    assert names == [name for name in _LABELS if name in names]
    assert len(names) == 6 or (scale < 1 and len(names) >= 4)  # small numerals are not certain
    for label in facts.leads:
        x, y = _LABELS[label.name]
        left, top, right, bottom = label.box_px
        assert left == pytest.approx(x * scale, abs=15 * scale)
        assert top <= (y + 20) * scale <= bottom
        assert right - left < 110 * scale


@needs_ocr
@pytest.mark.parametrize("shape", [(800, 1500), (170, 4000), (4000, 170), (300, 300)])
def test_pages_without_text_have_no_words(shape: tuple[int, int]) -> None:
    assert ocr_words(np.full((*shape, 3), 255, np.uint8)) == ()


@needs_ocr
def test_boxes_are_inside_large_pages() -> None:
    page = printed_page(2.6)
    assert max(page.shape) > 1.9 * MAX_SIDE_PX
    words = ocr_words(page)
    assert words
    for word in words:
        left, top, right, bottom = word.box_px
        assert 0 <= left < right <= page.shape[1]
        assert 0 <= top < bottom <= page.shape[0]


@needs_ocr
def test_threads_receive_their_own_words() -> None:
    pages = []
    for speed in (25, 50):
        paper = grid_paper(700, 300)
        draw_text(paper, 60, 100, f"{speed} mm/s", 34)
        pages.append(paper)
    with ThreadPoolExecutor(4) as pool:
        speeds = list(pool.map(lambda page: facts_from_words(ocr_words(page)).speed_mm_s, pages * 4))
    assert speeds == [25, 50] * 4


@needs_ocr
def test_nothing_is_logged_or_printed(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        assert ocr_words(printed_page())
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []


_AUDITED = """
import json, sys
events = []
names = ("socket.", "urllib.", "http.", "os.system", "os.exec", "os.posix_spawn", "subprocess.")
sys.addaudithook(lambda event, arguments: events.append(event) if event.startswith(names) else None)
import numpy as np
from ecgdigit_rt.text.ocr import ocr_words
ocr_words(np.full((300, 500, 3), 255, np.uint8))
import os
print(json.dumps([events, os.environ.get("ORT_DISABLE_TELEMETRY"), "requests" in sys.modules]))
"""


@needs_ocr
def test_no_socket_is_opened() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _AUDITED], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert json.loads(done.stdout) == [[], "1", False]
    assert done.stderr == ""


@pytest.fixture
def without_extra(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(ocr, "find_spec", lambda name: None)
    ocr._engine.cache_clear()
    yield
    ocr._engine.cache_clear()


@pytest.mark.usefixtures("without_extra")
def test_without_the_extra_there_are_no_words() -> None:
    assert not ocr_available()
    assert ocr_words(printed_page()) == ()


@needs_ocr
def test_without_its_networks_the_extra_is_not_available(monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing network must not be downloaded."""
    monkeypatch.setattr(ocr, "_RECOGNITION", "missing.onnx")
    assert not ocr_available()
    assert ocr_words(printed_page()) == ()


def test_import_and_availability_load_nothing_heavy() -> None:
    loaded = modules_after("import ecgdigit_rt.text.ocr as ocr; ocr.ocr_available()")
    assert not {"rapidocr", "onnxruntime", "requests", "PIL"} & loaded
