"""Leads on one clock, their facts, and the names of their files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from paper_page import digitized, signals

from ecgdigit_rt.formats.file_names import file_stem
from ecgdigit_rt.formats.int16 import NOT_PRINTED, int16_from_mv
from ecgdigit_rt.formats.metadata import lead_line, missing_leads, origin_facts, page_facts, page_lines
from ecgdigit_rt.formats.signal_table import lead_names, signal_table, window
from ecgdigit_rt.results import LEADS, Digitized, PageRef


def page(*names: str) -> Digitized:
    leads = {name: signals(0)[name] for name in names or LEADS}
    return digitized(PageRef(Path("1.png")), leads)


def test_columns_stand_in_the_standard_order() -> None:
    assert lead_names(page("V2", "aVF", "I")) == ["I", "aVF", "V2"]
    table = signal_table(page("V2", "I"))
    assert table.shape == (3750, 2)
    assert table.dtype == np.float32
    assert np.isnan(table[1250:, 0]).all()
    assert np.isnan(table[:2500, 1]).all()
    np.testing.assert_array_equal(table[2500:, 1], signals(0)["V2"].astype(np.float32))
    assert signal_table(replace(page(), leads={})).shape == (0, 0)


@pytest.mark.parametrize(
    ("start_s", "line"), [(0.0, 0), (2.4999, 1250), (2.5009, 1250), (2.5011, 1251), (-0.01, 0)]
)
def test_a_window_begins_on_the_nearest_line(start_s: float, line: int) -> None:
    lead = replace(page().leads["I"], start_s=start_s)
    assert window(lead) == slice(line, line + 1250)


def test_another_rate_keeps_the_clock() -> None:
    table = signal_table(page("V4"), 250.0)
    assert table.shape == (2500, 1)
    assert np.isnan(table[:1875]).all()
    error = table[1900:2475, 0] - signals(0)["V4"][::2][25:600]  # the ends ring
    assert np.abs(error).max() < 0.01


def test_int16_steps() -> None:
    mv = np.array([0.0004, 0.0006, -1.2345, np.nan, 40, -40], np.float32)
    assert int16_from_mv(mv).tolist() == [0, 1, -1234, NOT_PRINTED, 32767, -32767]


def test_facts_name_what_is_missing() -> None:
    assert missing_leads(page()) == []
    some = page(*(name for name in LEADS if name not in {"V5", "aVR"}))
    assert missing_leads(some) == ["aVR", "V5"]
    facts = page_facts(some, "ward-1")
    assert (facts["id"], facts["status"], facts["missing"]) == ("ward-1", "partial", ["aVR", "V5"])
    assert page_facts(page())["id"] == "1"


def test_lines_to_read() -> None:
    assert page_lines(page(), "x") == [
        "page id: x",
        "source: 1.png, page 1",
        "layout: 3x4+1, 25 mm/s, 10 mm/mV",
    ]
    assert lead_line(page().leads["V1"]) == "lead V1: printed from 5.0000 s to 7.5000 s, confidence 0.97"


def test_a_name_that_is_no_utf8_is_spelled_out() -> None:
    odd = replace(page(), source=PageRef(Path("a\udce9.png")))
    assert origin_facts(odd)["source"] == "a\\udce9.png"
    assert file_stem("a\udce9").isascii()


def test_file_names() -> None:
    ids = [
        "01",
        "ünder.v2",
        "a/b",
        "a\\b",
        "a:b",
        ".hidden",
        "end.",
        "é" * 150,
        "é" * 151,
        "report",
        "Report",
        "",
    ]
    names = [file_stem(one) for one in ids]
    assert names[:2] == ids[:2], "safe ids stay"
    assert len(set(names)) == len(ids)
    for name in names[2:]:
        assert name.lower() != "report"
        assert not set(name) & set('/\\:*?"<>|')
        assert len(name.encode()) <= 200
        assert not name.startswith(".")
