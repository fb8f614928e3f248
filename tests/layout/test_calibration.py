"""Paper speed and gain: sources in order of preference, and contradictions."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from painted_pages import GAIN_MM_MV, SPEED_MM_S, START_MM, WIDTH_MM, even_baselines_mm, painted_heatmap

from ecgdigit_rt.layout.baselines import Baseline
from ecgdigit_rt.layout.calibration import Calibration, read_calibration
from ecgdigit_rt.layout.marks import RowFrame, frame_from_baselines
from ecgdigit_rt.layout.page_text import PageText
from ecgdigit_rt.layout.paper_heatmap import CELL_V_MM, PaperHeatmap
from ecgdigit_rt.layout.text_evidence import NO_FACTS
from ecgdigit_rt.stages import HEATMAPS, PULSE
from ecgdigit_rt.text.facts import PrintedFacts


def frame(width_mm: float = WIDTH_MM) -> RowFrame:
    return frame_from_baselines(
        [Baseline(v_mm, START_MM, START_MM + width_mm, 1.0) for v_mm in even_baselines_mm(4)]
    )


def paint_pulses(heatmap: PaperHeatmap, gain_mm_mv: float, rows: int) -> None:
    """Paint a pulse of 1 mV at the start of the first rows."""
    for v_mm in even_baselines_mm(4)[:rows]:
        row = round((v_mm - gain_mm_mv / 2) / CELL_V_MM)
        heatmap.heatmaps[HEATMAPS.index(PULSE), row, round(START_MM)] = 0.9


def calibration(
    scale: Sequence[str] = (),
    facts: PrintedFacts = NO_FACTS,
    *,
    pulses_mm_mv: float | None = None,
    pulses: int = 4,
    speed_mm_s: float | None = None,
    gain_mm_mv: float | None = None,
    width_mm: float = WIDTH_MM,
    faint: float | None = None,
    is_recognized: bool = False,
) -> Calibration:
    heatmap = painted_heatmap([], scale)
    if faint is not None:
        heatmap.heatmaps[[HEATMAPS.index(channel) for channel in scale]] *= faint / 0.9
    if pulses_mm_mv is not None:
        paint_pulses(heatmap, pulses_mm_mv, pulses)
    text = PageText(heatmap, facts, is_recognized=is_recognized)
    return read_calibration(text, frame(width_mm), speed_mm_s, gain_mm_mv)


def doubt_ids(found: Calibration) -> list[str]:
    return [doubt.id for doubt in found.doubts]


def test_printed_values_are_read_without_doubts() -> None:
    found = calibration(("speed_50", "gain_5"))
    assert (found.speed_mm_s, found.gain_mm_mv) == (50.0, 5.0)
    assert (found.notes, found.doubts, found.speed_source) == ((), (), "clear")


def test_words_override_the_heatmaps() -> None:
    found = calibration(("speed_50", "gain_5"), PrintedFacts(speed_mm_s=25.0, gain_mm_mv=20.0))
    assert (found.speed_mm_s, found.gain_mm_mv) == (25.0, 20.0)
    assert (found.notes, found.doubts, found.speed_source) == ((), (), "clear")


def test_missing_values_are_assumed_and_noted() -> None:
    found = calibration()
    assert (found.speed_mm_s, found.gain_mm_mv) == (SPEED_MM_S, GAIN_MM_MV)
    assert found.speed_source == "assumed"
    assert len(found.notes) == 2
    assert found.doubts == ()
    half = calibration(width_mm=125.0)
    assert half.speed_mm_s == 12.5
    assert "rows of 125 mm last 10 s" in half.notes[0]


def test_a_specified_speed_is_not_assumed() -> None:
    found = calibration(speed_mm_s=50.0, gain_mm_mv=20.0)
    assert (found.speed_mm_s, found.gain_mm_mv, found.speed_source) == (50.0, 20.0, "clear")
    assert (found.notes, found.doubts) == ((), ())


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
    assert found.notes == (
        "50 mm/s specified, but 25 mm/s detected on the page",
        "5 mm/mV specified, but 10 mm/mV detected on the page",
    )
    assert calibration(scale, facts, speed_mm_s=25.0, gain_mm_mv=10.0).doubts == ()


def test_faint_text_contradicts_only_in_a_note() -> None:
    found = calibration(("speed_25", "gain_10"), speed_mm_s=50.0, gain_mm_mv=5.0, faint=0.3)
    assert len(found.notes) == 2
    assert found.doubts == ()


def test_a_faint_speed_other_than_the_standard_one_is_marked() -> None:
    faint = calibration(("speed_50", "gain_10"), faint=0.3)
    assert (faint.speed_mm_s, faint.speed_source) == (50.0, "faint")
    standard = calibration(("speed_25", "gain_10"), faint=0.3)
    assert (standard.speed_mm_s, standard.speed_source) == (25.0, "clear")


def test_a_faint_speed_that_text_recognition_does_not_find_is_not_used() -> None:
    unread = calibration(("speed_50", "gain_10"), faint=0.3, is_recognized=True)
    assert (unread.speed_mm_s, unread.speed_source) == (25.0, "assumed")
    assert "25 mm/s assumed" in unread.notes[0]
    clear = calibration(("speed_50", "gain_10"), is_recognized=True)
    assert (clear.speed_mm_s, clear.speed_source) == (50.0, "clear")


def test_values_that_contradict_each_other_are_doubtful() -> None:
    facts = PrintedFacts(contradictory=frozenset({"speed_mm_s", "gain_mm_mv"}))
    found = calibration(("speed_25", "gain_10"), facts)
    assert doubt_ids(found) == ["D-SPEED-01", "D-GAIN-01"]
    assert calibration((), facts, speed_mm_s=25.0, gain_mm_mv=10.0).doubts == ()
    other = PrintedFacts(contradictory=frozenset({"heart_rate_bpm"}))
    assert calibration(("speed_25", "gain_10"), other).doubts == ()


@pytest.mark.parametrize("gain", [5.0, 10.0, 20.0])
def test_pulses_determine_the_gain(gain: float) -> None:
    found = calibration(("speed_25",), pulses_mm_mv=gain)
    assert (found.gain_mm_mv, found.notes, found.doubts) == (gain, (), ())


@pytest.mark.parametrize("gain", [5.0, 20.0])
def test_pulses_that_contradict_the_printed_gain_are_doubtful(gain: float) -> None:
    """Clear pulses override the gain that the locate stage reads, but not a word."""
    found = calibration(("speed_25", "gain_10"), pulses_mm_mv=gain)
    assert (found.gain_mm_mv, doubt_ids(found)) == (gain, ["D-GAIN-01"])
    by_words = calibration((), PrintedFacts(gain_mm_mv=10.0), pulses_mm_mv=gain)
    assert (by_words.gain_mm_mv, doubt_ids(by_words)) == (10.0, ["D-GAIN-01"])
    specified = calibration(("speed_25", "gain_10"), pulses_mm_mv=gain, gain_mm_mv=10.0)
    assert (specified.gain_mm_mv, specified.doubts) == (10.0, ())


@pytest.mark.parametrize(("gain", "doubts"), [(5.0, ["D-GAIN-01"]), (10.0, []), (20.0, ["D-GAIN-01"])])
def test_a_single_pulse_contradicts_an_assumed_gain(gain: float, doubts: list[str]) -> None:
    found = calibration(("speed_25",), pulses_mm_mv=gain, pulses=1)
    assert found.gain_mm_mv == GAIN_MM_MV
    assert "10 mm/mV assumed" in found.notes[0]
    assert doubt_ids(found) == doubts
