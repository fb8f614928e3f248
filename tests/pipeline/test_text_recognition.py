"""Text recognition in the pipeline: which pages need it, and what it changes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("torch")
pytest.importorskip("matplotlib")

from synthetic_pages import layout_style, with_grid

from ecgdigit_export.synth.page import synthetic_page
from ecgdigit_export.synth.signals import simulated_recording
from ecgdigit_rt import Digitizer, pipeline
from ecgdigit_rt.words import Word


@pytest.fixture
def recognized(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Replace text recognition, and return a list with the width of every page that is recognized."""
    widths: list[int] = []

    def words(image: NDArray[np.uint8]) -> tuple[Word, ...]:
        widths.append(image.shape[1])
        return (Word("25 mm/s 5 mm/mV", (10.0, 10.0, 300.0, 40.0)),)

    monkeypatch.setattr(pipeline, "ocr_words", words)
    monkeypatch.setattr(pipeline, "ocr_available", lambda: True)
    monkeypatch.setattr(pipeline, "is_text_open", lambda _: False)
    return widths


def page(gain_mm_mv: float, *, has_scale: bool) -> NDArray[np.uint8]:
    """Return a page with a scale in its footer and pulses, or without both."""
    rng = np.random.default_rng(4)
    style = replace(with_grid(layout_style("3x4+1")), gain_mm_mv=gain_mm_mv)
    style = replace(style, pulse="left" if has_scale else "none")
    image = synthetic_page(simulated_recording(rng), rng, kind="render", style=style).image.copy()
    if not has_scale:
        image[round(0.94 * image.shape[0]) :] = 255
    return image


def test_a_clear_page_is_not_recognized(recognized: list[int]) -> None:
    found = Digitizer(threads=2).digitize(page(10.0, has_scale=True))
    assert (found.layout.gain_mm_mv, found.doubts, recognized) == (10.0, (), [])


def test_words_decide_about_a_gain_that_is_not_clear(recognized: list[int]) -> None:
    image = page(5.0, has_scale=False)
    unread = Digitizer(threads=2, ocr=False).digitize(image)
    assert ([doubt.id for doubt in unread.doubts], recognized) == (["D-GAIN-01"], [])
    found = Digitizer(threads=2).digitize(image)
    assert (found.layout.gain_mm_mv, found.doubts) == (5.0, ())
    assert recognized == [image.shape[1]], "the page is recognized once"
