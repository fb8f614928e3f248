"""Paper speed and gain: evidence from text, pulses and curves, and contradictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
from painted_pages import GAIN_MM_MV, SPEED_MM_S, painted_heatmap, painted_page
from paper_page import beats

from ecgdigit_rt.layout.calibration import Calibration, read_calibration
from ecgdigit_rt.layout.catalog import LAYOUTS
from ecgdigit_rt.layout.hypotheses import Hypothesis, HypothesisScorer
from ecgdigit_rt.layout.name_field import NameField
from ecgdigit_rt.layout.page_text import PageText
from ecgdigit_rt.layout.text_evidence import NO_FACTS
from ecgdigit_rt.results import LEADS
from ecgdigit_rt.stages import HEATMAPS
from ecgdigit_rt.text.facts import PrintedFacts


@lru_cache
def hypothesis(
    layout: str = "3x4+1", true_speed_mm_s: float = SPEED_MM_S, range_factor: float = 1.0
) -> Hypothesis:
    """Return the hypothesis of a page with 75 beats per minute, drawn at this paper speed."""
    stretch = true_speed_mm_s / SPEED_MM_S
    signals = {}
    for seed, name in enumerate(LEADS):
        mv = beats(10 / min(stretch, 1), seed)
        signals[name] = range_factor * np.interp(np.arange(5000) / stretch, np.arange(mv.size), mv)
    page = painted_page(layout, signals)
    scorer = HypothesisScorer(NameField(page.text.heatmap), page.curves)
    (best,) = scorer.best([LAYOUTS[layout]], is_fixed=True)[:1]
    return best


def calibration(
    scale: Sequence[str] = (),
    facts: PrintedFacts = NO_FACTS,
    *,
    pulses_mm_mv: Sequence[float] = (),
    speed_mm_s: float | None = None,
    gain_mm_mv: float | None = None,
    faint: float | None = None,
    is_recognized: bool = False,
    best: Hypothesis | None = None,
) -> Calibration:
    """Return the calibration of a page with this printed scale and these pulses."""
    heatmap = painted_heatmap([], scale)
    if faint is not None:
        heatmap.heatmaps[[HEATMAPS.index(channel) for channel in scale]] *= faint / 0.9
    text = PageText(heatmap, facts, is_recognized=is_recognized)
    pulses_mm = [gain / 2 for gain in pulses_mm_mv]
    return read_calibration(text, best or hypothesis(), pulses_mm, speed_mm_s, gain_mm_mv)


def doubt_ids(found: Calibration) -> list[str]:
    return [doubt.id for doubt in found.doubts]


@pytest.mark.parametrize("speed", [12.5, 25.0, 50.0])
def test_printed_values_are_read_without_doubts(speed: float) -> None:
    found = calibration(
        (f"speed_{speed:g}", "gain_5"), best=hypothesis(true_speed_mm_s=speed, range_factor=0.5)
    )
    assert (found.speed_mm_s, found.gain_mm_mv) == (speed, 5.0)
    assert (found.notes, found.doubts) == ((), ())


def test_words_override_the_heatmaps() -> None:
    found = calibration(("speed_50", "gain_5"), PrintedFacts(speed_mm_s=25.0, gain_mm_mv=20.0))
    assert (found.speed_mm_s, found.gain_mm_mv) == (25.0, 20.0)
    assert found.notes == ()


def test_missing_values_are_assumed_and_noted() -> None:
    found = calibration()
    assert (found.speed_mm_s, found.gain_mm_mv) == (SPEED_MM_S, GAIN_MM_MV)
    assert found.notes == (
        "25 mm/s assumed: no printed paper speed detected",
        "10 mm/mV assumed: neither a printed gain nor a calibration pulse detected",
    )
    assert found.doubts == ()


@pytest.mark.parametrize("layout", ["3x4+1", "6x2", "12x1"])
@pytest.mark.parametrize("speed", [12.5, 50.0])
def test_the_rhythm_contradicts_an_assumed_speed(layout: str, speed: float) -> None:
    """At 25 mm/s, the rate would be half or twice as high, and the QRS complexes longer or shorter."""
    found = calibration(best=hypothesis(layout, speed))
    assert doubt_ids(found) == ["D-SPEED-01"]
    ranked = found.speed.ranked
    assert ranked[0] == speed or ranked[1] == speed
    assert f"{speed:g} mm/s" in found.doubts[0].message
    assert "beats per minute" in found.speed.reasons(speed, 25.0)


def test_a_misread_speed_is_contradicted_by_the_rhythm() -> None:
    assert calibration(("speed_50", "gain_10"), faint=0.4).speed_mm_s == 25.0
    clear = calibration(("speed_50", "gain_10"))
    assert (clear.speed_mm_s, doubt_ids(clear)) == (50.0, [])


@pytest.mark.parametrize(("printed", "speed"), [(75.0, 25.0), (150.0, 50.0), (37.5, 12.5)])
def test_a_printed_heart_rate_is_evidence_of_the_speed(printed: float, speed: float) -> None:
    found = calibration(facts=PrintedFacts(heart_rate_bpm=printed))
    assert max(found.speed.by_value, key=lambda value: found.speed.points(value, "prior", "rhythm")) == speed


def test_a_specified_value_is_not_assumed() -> None:
    found = calibration(speed_mm_s=50.0, gain_mm_mv=20.0, best=hypothesis(true_speed_mm_s=50.0))
    assert (found.speed_mm_s, found.gain_mm_mv) == (50.0, 20.0)
    assert (found.notes, found.doubts) == ((), ())
    other = calibration(speed_mm_s=30.0, gain_mm_mv=8.0)
    assert (other.speed_mm_s, other.gain_mm_mv, other.doubts) == (30.0, 8.0, ())


@pytest.mark.parametrize(
    ("scale", "facts"),
    [
        (("speed_25", "gain_10"), PrintedFacts()),
        ((), PrintedFacts(speed_mm_s=25.0, gain_mm_mv=10.0)),
    ],
)
def test_specified_values_that_the_page_contradicts_are_doubtful(
    scale: Sequence[str], facts: PrintedFacts
) -> None:
    found = calibration(scale, facts, speed_mm_s=50.0, gain_mm_mv=5.0)
    assert (found.speed_mm_s, found.gain_mm_mv) == (50.0, 5.0)
    assert doubt_ids(found) == ["D-SPEED-01", "D-GAIN-01"]
    assert found.notes[0].startswith("50 mm/s specified, but the page indicates 25 mm/s: the ")
    assert found.notes[1].startswith("5 mm/mV specified, but the page indicates 10 mm/mV: the ")
    assert calibration(scale, facts, speed_mm_s=25.0, gain_mm_mv=10.0).doubts == ()


def test_a_faint_speed_counts_less_after_text_recognition() -> None:
    at_50 = hypothesis(true_speed_mm_s=35.0)  # the rhythm does not decide
    faint = calibration(("speed_50", "gain_10"), faint=0.4, best=at_50).speed
    unread = calibration(("speed_50", "gain_10"), faint=0.4, is_recognized=True, best=at_50).speed
    assert faint.points(50.0) - faint.points(25.0) > unread.points(50.0) - unread.points(25.0) + 1


def test_a_stated_value_that_the_page_contradicts_is_doubtful() -> None:
    """The text states 5 mm/mV, but the pulses and the leads indicate 20 mm/mV."""
    best = hypothesis(range_factor=2.5)
    found = calibration(("speed_25",), PrintedFacts(gain_mm_mv=5.0), pulses_mm_mv=[20.0] * 8, best=best)
    assert (found.gain_mm_mv, doubt_ids(found)) == (20.0, ["D-GAIN-01"])
    assert found.doubts[0].message.startswith("The text states 5 mm/mV, but the page indicates 20 mm/mV: ")


def test_a_stated_value_that_is_not_standard_is_doubtful() -> None:
    found = calibration(("speed_25", "gain_10"), PrintedFacts(gain_mm_mv=2.5))
    assert found.doubts[0].message == "The text states 2.5 mm/mV, but the page indicates 10 mm/mV"


def test_frames_at_the_ends_of_the_leads_do_not_change_their_range() -> None:
    plain = hypothesis()
    cells = []
    for cell in plain.cells:
        heights = cell.curve.height_mm.copy()
        heights[[0, 1, -2, -1]] = -19.5
        cells.append(replace(cell, curve=replace(cell.curve, height_mm=heights)))
    framed = replace(plain, cells=tuple(cells))
    for gain in (5.0, 10.0, 20.0):
        with_frame, without = (calibration(best=best).gain.points(gain) for best in (framed, plain))
        assert with_frame == pytest.approx(without, abs=0.3)


def test_values_that_contradict_each_other_are_doubtful() -> None:
    facts = PrintedFacts(contradictory=frozenset({"speed_mm_s", "gain_mm_mv"}))
    found = calibration(("speed_25", "gain_10"), facts)
    assert doubt_ids(found) == ["D-SPEED-01", "D-GAIN-01"]
    assert calibration((), facts, speed_mm_s=25.0, gain_mm_mv=10.0).doubts == ()
    other = PrintedFacts(contradictory=frozenset({"heart_rate_bpm"}))
    assert calibration(("speed_25", "gain_10"), other).doubts == ()


@pytest.mark.parametrize("gain", [5.0, 10.0, 20.0])
def test_pulses_determine_the_gain(gain: float) -> None:
    best = hypothesis(range_factor=gain / 10)
    found = calibration(("speed_25",), pulses_mm_mv=[gain] * 4, best=best)
    assert (found.gain_mm_mv, found.notes, found.doubts) == (gain, (), ())
    noisy = calibration(("speed_25",), pulses_mm_mv=[gain * 1.1, gain, gain * 0.9, 2.2 * gain], best=best)
    assert (noisy.gain_mm_mv, noisy.doubts) == (gain, ())


@pytest.mark.parametrize("gain", [5.0, 20.0])
def test_pulses_that_contradict_the_printed_gain_are_doubtful(gain: float) -> None:
    found = calibration(
        ("speed_25", "gain_10"), pulses_mm_mv=[gain] * 4, best=hypothesis(range_factor=gain / 10)
    )
    assert doubt_ids(found) == ["D-GAIN-01"]
    assert f"{gain:g}" in found.doubts[0].message
    specified = calibration(("speed_25", "gain_10"), pulses_mm_mv=[gain] * 4, gain_mm_mv=10.0)
    assert (specified.gain_mm_mv, specified.doubts) == (10.0, ())


@pytest.mark.parametrize(("gain", "doubts"), [(5.0, ["D-GAIN-01"]), (10.0, [])])
def test_a_single_pulse_contradicts_an_assumed_gain(gain: float, doubts: list[str]) -> None:
    found = calibration(("speed_25",), pulses_mm_mv=[gain], best=hypothesis(range_factor=0.7))
    assert doubt_ids(found) == doubts


def test_curves_that_end_at_once_are_no_evidence() -> None:
    best = hypothesis()
    short = replace(best, cells=tuple(replace(cell, end_mm=cell.start_mm + 3) for cell in best.cells))
    found = calibration(("speed_25", "gain_10"), best=short)
    assert (found.speed_mm_s, found.gain_mm_mv, found.doubts) == (25.0, 10.0, ())
