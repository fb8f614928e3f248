"""Tests of the signal table, the metadata and the file names of pages."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from paper_page import digitized_page, signals

from ecgdigit_rt.formats.metadata import (
    lead_comment,
    missing_leads,
    page_comments,
    page_metadata,
    source_metadata,
)
from ecgdigit_rt.formats.page_folder import file_stem
from ecgdigit_rt.formats.signal_table import (
    INVALID_SAMPLE,
    int16_from_mv,
    lead_names,
    lead_slice,
    signal_table,
)
from ecgdigit_rt.results import LEADS, Digitized, PageRef


def page(*names: str) -> Digitized:
    leads = {name: signals(0)[name] for name in names or LEADS}
    return digitized_page(PageRef(Path("1.png")), leads)


def test_columns_are_in_the_standard_order() -> None:
    assert lead_names(page("V2", "aVF", "I")) == ["I", "aVF", "V2"]
    table = signal_table(page("V2", "I"))
    assert table.shape == (3750, 2)
    assert table.dtype == np.float32
    assert np.isnan(table[1250:, 0]).all()
    assert np.isnan(table[:2500, 1]).all()
    np.testing.assert_array_equal(table[2500:, 1], signals(0)["V2"].astype(np.float32))
    assert signal_table(replace(page(), leads={})).shape == (0, 0)


@pytest.mark.parametrize(
    ("start_s", "row"), [(0.0, 0), (2.4999, 1250), (2.5009, 1250), (2.5011, 1251), (-0.01, 0)]
)
def test_lead_slice_starts_at_the_nearest_row(start_s: float, row: int) -> None:
    lead = replace(page().leads["I"], start_s=start_s)
    assert lead_slice(lead) == slice(row, row + 1250)


def test_resampling_keeps_the_time_axis() -> None:
    table = signal_table(page("V4"), 250.0)
    assert table.shape == (2500, 1)
    assert np.isnan(table[:1875]).all()
    error = table[1900:2475, 0] - signals(0)["V4"][::2][25:600]  # the ends ring
    assert np.abs(error).max() < 0.01


def test_int16_counts() -> None:
    mv = np.array([0.0004, 0.0006, -1.2345, np.nan, 40, -40], np.float32)
    assert int16_from_mv(mv).tolist() == [0, 1, -1234, INVALID_SAMPLE, 32767, -32767]


def test_metadata_lists_missing_leads() -> None:
    assert missing_leads(page()) == []
    partial = page(*(name for name in LEADS if name not in {"V5", "aVR"}))
    assert missing_leads(partial) == ["aVR", "V5"]
    metadata = page_metadata(partial, "ward-1")
    assert (metadata["id"], metadata["status"], metadata["missing"]) == ("ward-1", "digitized", ["aVR", "V5"])
    assert page_metadata(page())["id"] == "1"


def test_comment_lines() -> None:
    assert page_comments(page(), "x") == [
        "page id: x",
        "source: 1.png, page 1",
        "status: digitized",
        "signal source: picture",
        "layout: 3x4+1, 25 mm/s, 10 mm/mV",
    ]
    assert lead_comment(page().leads["V1"]) == "lead V1: printed from 5.0000 s to 7.5000 s, confidence 0.97"


def test_names_that_are_not_utf8_are_escaped() -> None:
    odd = replace(page(), source=PageRef(Path("a\udce9.png")))
    assert source_metadata(odd)["source"] == "a\\udce9.png"
    assert file_stem("a\udce9").isascii()


@pytest.mark.parametrize(
    "name", ["CON", "nul", "Aux", "com1", "LPT9", "CON.2024", "prn .x", "COM²", "CONIN$"]
)
def test_names_of_windows_devices_are_changed(name: str) -> None:
    """Windows opens the device whatever the suffix: CON.csv is the console."""
    assert file_stem(name).startswith(f"_{name}")
    assert file_stem(name) != file_stem(f"_{name}")


@pytest.mark.parametrize("name", ["CONTROL", "nulls", "COM10", "acon", "con-1", "lpt"])
def test_names_that_resemble_devices_are_unchanged(name: str) -> None:
    assert file_stem(name) == name


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
    names = [file_stem(page_id) for page_id in ids]
    assert names[:2] == ids[:2], "safe ids are unchanged"
    assert len(set(names)) == len(ids)
    for name in names[2:]:
        assert name.lower() != "report"
        assert not set(name) & set('/\\:*?"<>|')
        assert len(name.encode()) <= 200
        assert not name.startswith(".")
