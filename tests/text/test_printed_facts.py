"""Facts in printed text: known expressions are parsed, everything else is ignored."""

from __future__ import annotations

import dataclasses

import pytest

from ecgdigit_rt.results import ALL_LEADS
from ecgdigit_rt.text.facts import PrintedFacts, facts_from_words
from ecgdigit_rt.text.lead_labels import lead_from_text
from ecgdigit_rt.words import Word

HEIGHT = 20.0  # of a line in pixels


def at(x: float, y: float, text: str) -> Word:
    """Return a word with the top left corner (x, y), half as wide as high per character."""
    return Word(text, (x, y, x + HEIGHT / 2 * len(text), y + HEIGHT))


def line(text: str, y: float = 0.0) -> list[Word]:
    """Return the words of a line. Two spaces or more are a large gap."""
    words, x = [], 0.0
    for part in text.split(" "):
        if part:
            words.append(at(x, y, part))
        x += HEIGHT / 2 * (len(part) + 1) if part else 3 * HEIGHT
    return words


def facts(*texts: str) -> PrintedFacts:
    """Return the facts of lines, each split into single words."""
    return facts_from_words([word for i, text in enumerate(texts) for word in line(text, 50.0 * i)])


def recognized(*texts: str) -> PrintedFacts:
    """Return the facts of lines, each as one word with spaces, as text recognition returns them."""
    return facts_from_words([at(0, 50.0 * i, text) for i, text in enumerate(texts)])


@pytest.mark.parametrize(
    ("text", "speed"),
    [
        ("25mm/s", 25), ("25 mm/s", 25), ("25.0 mm/s", 25), ("25,0 mm/s", 25), ("25mm/sec", 25),
        ("25 mm/Sek.", 25), ("50 MM/S", 50), ("12.5mm/s", 12.5), ("12,5 mm/s", 12.5), ("10 mm/s", 10),
        ("100 mm/s", 100), ("Speed: 5 mm/s", 5), ("Scale: 25mm/s, 10mm/mV", 25), ("25 mm / s", 25),
        ("2S mm/s", 25), ("5O mm/s", 50), ("25 ｍｍ/s", 25),
        ("25mm/s10mm/mV", 25), ("RUHE-EKG / 3 * 5s 50mm/s", 50),
    ],
)  # fmt: skip
def test_speed(text: str, speed: float) -> None:
    assert facts(text).speed_mm_s == recognized(text).speed_mm_s == speed


@pytest.mark.parametrize(
    "text",
    [
        "125 mm/s", "24 mm/s", "25 m/s", "25 mm", "mm/s", "SO mm/s", "5mm/sqr.", "A25 mm/s",
        "1.25 mm/s", "10/25 mm/s", "250 mm/s", "25 mmHg", "5 mm/s", "25 mm/mV",
    ],
)  # fmt: skip
def test_other_text_is_not_a_speed(text: str) -> None:
    assert facts(text).speed_mm_s is None
    assert recognized(text).speed_mm_s is None
    assert facts(text).contradictory == frozenset()


def test_5_mm_s_counts_if_it_is_printed_twice() -> None:
    assert facts("5 mm/s").speed_mm_s is None
    assert facts("5 mm/s", "I", "5 mm/s").speed_mm_s == 5
    assert facts("5 mm/s", "25 mm/s").speed_mm_s == 25


@pytest.mark.parametrize(
    ("text", "gain"),
    [
        ("10mm/mV", 10), ("10.0 mm/mV", 10), ("2.5 mm/mV", 2.5), ("5 mm/mv", 5), ("20 mm/mV", 20),
        ("1 cm/mV", 10), ("0.5 cm/mV", 5), ("l0mm/mV", 10), ("1Omm/mV", 10), ("II 10mm/mV", 10),
    ],
)  # fmt: skip
def test_gain(text: str, gain: float) -> None:
    assert facts(text).gain_mm_mv == recognized(text).gain_mm_mv == gain


@pytest.mark.parametrize("text", ["110 mm/mV", "10/5 mm/mV", "10 mm/mVs", "10 mm", "15 mm/mV", "3 cm/mV"])
def test_other_text_is_not_a_gain(text: str) -> None:
    assert facts(text).gain_mm_mv is None


def test_different_values_are_contradictory() -> None:
    found = facts("25 mm/s 10 mm/mV", "50 mm/s 10 mm/mV 5 mm/mV")
    assert (found.speed_mm_s, found.gain_mm_mv) == (None, None)
    assert found.contradictory == {"speed_mm_s", "gain_mm_mv"}
    assert facts("25 mm/s", "25.0 mm/sec").contradictory == frozenset()


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("HR 63 bpm", 63), ("Vent. rate  77  BPM  NORMAL SINUS RHYTHM", 77), ("HF  63 /min  RR  948 ms", 63),
        ("Herzfrequenz    55/min", 55), ("Sinus Rhythm —91 BPM Average", 91), ("♥107", 107),
        ("Heart Rate:   80 bpm", 80), ("Heart rate 64", 64), (":87 BPM", 87), ("R....bpm 75", 75),
        ("0.67~25Hz AC50 25mm/s 10mm/mV 4*2.5s+1r 107 SE-3 V1.0", 107), ("FC: 71 /min", 71),
        ("Vent. rate 77 BPM  Atrial rate 300 BPM", 77), ("HR: 120 bpm  Max 130 bpm", 120),
    ],
)  # fmt: skip
def test_heart_rate(text: str, rate: float) -> None:
    assert facts(text).heart_rate_bpm == recognized(text).heart_rate_bpm == rate


@pytest.mark.parametrize(
    "text",
    [
        "HF 35 Hz", "HR", "PR 146 ms", "Vent. rate 146 ms", "sample freq.: 1000/s", "Atrial rate 77 BPM",
        "Heart rate 7.5", "Heart rate 12/08/2020", "RR 948 ms", "14 /min", "HR 999 bpm", "HR 5 bpm",
        "ID 77", "4*2.5s+1r 107 Hz", "Resp. 20 BPM", "max 180 bpm", "BPM 12:30", "S107",
    ],
)  # fmt: skip
def test_other_text_is_not_a_heart_rate(text: str) -> None:
    assert facts(text).heart_rate_bpm is None
    assert recognized(text).heart_rate_bpm is None


def test_heart_rates_may_differ_slightly() -> None:
    assert facts("HR 63 bpm", "Heart rate: 64").heart_rate_bpm == 63
    assert facts("HR 63 bpm", "Heart rate: 70").contradictory == {"heart_rate_bpm"}


def test_value_and_unit_of_another_line_are_not_a_heart_rate() -> None:
    words = [*line("Vent. rate", 0), at(400, 30, "146"), at(500, 30, "ms"), at(400, 0, "PR")]
    assert facts_from_words(words).heart_rate_bpm is None


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("4*2.5s+1r", {"groups": 4, "group_s": 2.5, "rhythm_rows": 1}),
        ("4 x 2,5 s + 3R", {"groups": 4, "group_s": 2.5, "rhythm_rows": 3}),
        ("3*5s", {"groups": 3, "group_s": 5.0}),
        ("RUHE-EKG / 3 * 5s 50mm/s", {"groups": 3, "group_s": 5.0}),
        ("3x4+1", {"rows": 3, "columns": 4, "rhythm_rows": 1}),
        ("3×4+3R", {"rows": 3, "columns": 4, "rhythm_rows": 3}),
        ("3x4 Simultaneous ECG Report", {"rows": 3, "columns": 4}),
        ("6x2", {"rows": 6, "columns": 2}),
        ("12x1", {"rows": 12, "columns": 1}),
        ("Rhythmen 10s, 25 mm/s, 2p", {"record_s": 10.0, "pages": 2}),
        ("duration: 10.0 s | samples: 10000", {"record_s": 10.0}),
        ("Rhythm 10 sec", {"record_s": 10.0}),
    ],
)
def test_layout_codes(text: str, values: dict[str, float]) -> None:
    names = ("rows", "columns", "groups", "group_s", "rhythm_rows", "record_s", "pages")
    for found in (facts(text), recognized(text)):
        assert {name: getattr(found, name) for name in names} == dict.fromkeys(names) | values


@pytest.mark.parametrize(
    "text",
    [
        "4x3", "3x4x2", "5x5", "13x4", "3 x 4", "33x4", "99*2.5s", "4*0.1s", "QRS duration: 0.1 s",
        "P Dauer 120ms", "2p", "RHYTHM STRIP: II", "640x480", "1.3x4",
    ],
)  # fmt: skip
def test_other_text_is_not_a_layout_code(text: str) -> None:
    found = facts(text)
    assert found == dataclasses.replace(PrintedFacts(), leads=found.leads)


@pytest.mark.parametrize("lead", ALL_LEADS)
def test_each_lead_is_recognized(lead: str) -> None:
    found = facts("V5  aVL  II", "", f"{lead}  ")
    assert lead in [label.name for label in found.leads]


@pytest.mark.parametrize(
    ("text", "lead"),
    [
        ("AVR", "aVR"), ("avl", "aVL"), ("aVf", "aVF"), ("a VR", "aVR"), ("v1", "V1"), ("Vl", "V1"),
        ("vi", "V1"), ("V3r", "V3R"), ("v6R", "V6R"), ("V8", "V8"), ("Ⅱ", "II"), ("III", "III"),
        ("V0", None), ("V10", None), ("V1R", None), ("VR", None), ("IV", None), ("ⅡI", None), ("11", None),
        ("l", None), ("1", None), ("V", None), ("", None), ("V9R", None), ("IIII", None),
    ],
)  # fmt: skip
def test_lead_from_text(text: str, lead: str | None) -> None:
    assert lead_from_text(text) == lead


@pytest.mark.parametrize(
    ("text", "lead"),
    [
        ("II (Rhythm)", "II"), ("II 10mm/mV", "II"), ("V1 rhythm", "V1"), ("Lead II", "II"),
        ("V7 strip", "V7"), ("V1:", "V1"),
        ("|V1", "V1"), ("1V4", "V4"), ("laVR", "aVR"), ("V5 x0.5", "V5"), ("V3r", "V3R"),
    ],
)  # fmt: skip
def test_labels_may_have_notes(text: str, lead: str) -> None:
    for found in (facts(text), recognized(text)):
        assert [label.name for label in found.leads] == [lead]


@pytest.mark.parametrize(
    "text",
    [
        "Mobitz II", "II degree AV block", "V1-V4", "V1 V2 V3", "lead II abnormal", "Page V1", "I",
        "V1 and V2", "12SL V21", "IV", "Unit 1V4x", "abl V1", "II 3",
    ],
)  # fmt: skip
def test_names_inside_sentences_are_not_labels(text: str) -> None:
    assert facts(text).leads == recognized(text).leads == ()


def test_boxes_of_labels() -> None:
    words = [
        at(100, 0, "aVR"),
        at(300, 0, "Lead V1"),
        at(500, 0, "|V4"),
        at(100, 100, "II"),
        at(125, 100, "(Rhythm)"),
    ]
    boxes = {label.name: label.box_px for label in facts_from_words(words).leads}
    assert boxes["aVR"] == (100, 0, 130, 20)
    assert boxes["V1"] == (350, 0, 370, 20)  # without "Lead"
    assert boxes["V4"] == (510, 0, 530, 20)  # without the bar
    assert boxes["II"] == (100, 100, 120, 120)


def test_labels_of_a_page_in_reading_order() -> None:
    rows = (("I", "aVR", "V1", "V4"), ("II", "aVL", "V2", "V5"), ("III", "aVF", "V3", "V6"), ("II",))
    words = [at(300.0 * j, 200.0 * i, name) for i, row in enumerate(rows) for j, name in enumerate(row)]
    labels = facts_from_words(words[::-1]).leads
    assert [label.name for label in labels] == [name for row in rows for name in row]


def test_single_i_needs_a_label_of_the_same_size() -> None:
    big_bar = Word("I", (0, 0, 10, 100))
    assert [label.name for label in facts_from_words([big_bar, at(300, 0, "V1")]).leads] == ["V1"]
    assert [label.name for label in facts_from_words([at(0, 0, "I"), at(300, 0, "V1")]).leads] == ["I", "V1"]


def test_label_that_is_printed_twice_counts_once() -> None:
    words = [at(100, 0, "V1"), at(101, 0.5, "V1"), at(100, 100, "V1")]
    assert len(facts_from_words(words).leads) == 2


@pytest.mark.parametrize(
    ("texts", "lead"),
    [
        (["25 mm/s, 10 mm/mV, Lead I, 512Hz, iOS 16.2 — similar to a Lead I ECG."], "I"),
        (["25 mm/s, 10 mm/mV, Lead l, 512Hz"], "I"),
        (["Lead II"], "II"),
        (["Lead I", "25 mm/s", "Lead I"], "I"),
        (["Lead I, Lead II, 25 mm/s"], None),
        (["abnormal T wave in Lead III"], None),
        (["Rhythm strip: Lead II, 25 mm/s"], None),
        (["25 mm/s, Lead I", "V1  V2"], None),
        (["25 mm/s, Lead I", "aVR, aVL and aVF are computed"], None),
        (["12 Lead ECG 25 mm/s"], None),
        (["Lead V21 25 mm/s"], None),
    ],
)
def test_single_lead(texts: list[str], lead: str | None) -> None:
    assert facts(*texts).single_lead == recognized(*texts).single_lead == lead


def test_grid_of_letters_is_ignored() -> None:
    """Some reports draw the dots of their grid with rows of the letter 1."""
    grid = [Word("1" * 50, (0, 10.0 * i, 700, 10.0 * i + 9)) for i in range(60)]
    words = [*grid, *line("Herzfrequenz   55/min", 103), at(50, 203, "I"), at(50, 303, "aVR")]
    found = facts_from_words(words)
    assert found.heart_rate_bpm == 55
    assert [label.name for label in found.leads] == ["I", "aVR"]


def test_no_words() -> None:
    assert facts_from_words([]) == PrintedFacts()
    assert facts_from_words([Word("", (0, 0, 1, 1)), Word("  ", (0, 0, 0, 0))]) == PrintedFacts()


@pytest.mark.parametrize(
    "text", ["9" * 5000, "25 mm/s" * 3000, "V1 " * 4000, "4*2.5s+1r " * 2000, "bpm " * 4000]
)
def test_long_text_takes_little_time(text: str) -> None:
    import time

    start = time.process_time()
    recognized(text)
    facts(text)
    assert time.process_time() - start < 5


def test_facts_contain_no_text_of_the_page() -> None:
    """Names of patients must not be in the values or representations of facts."""
    texts = (
        "Miller, Anna",
        "ID: 4711  born 01.02.1950",
        "25 mm/s  10 mm/mV",
        "HR 63 bpm  V1  aVR",
        "Dr. V. Smith",
    )
    for found in (facts(*texts), recognized(*texts)):
        printed = repr(dataclasses.asdict(found)) + repr(found) + str(found)
        assert not any(secret in printed for secret in ("Miller", "Anna", "4711", "1950", "Smith"))


def test_runs_do_not_show_their_text() -> None:
    from ecgdigit_rt.text.lines import lines_from_words

    assert "Miller" not in repr(lines_from_words(line("Miller, Anna")))
