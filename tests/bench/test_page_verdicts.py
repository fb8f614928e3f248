"""Tests of page_verdicts.py: correlations, faults, verdicts and the result file."""

from __future__ import annotations

import json
from argparse import Namespace
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from page_verdicts import (
    PageFacts,
    PageVerdict,
    VerdictFile,
    best_correlation,
    page_fault,
    page_verdict,
    truths_of_folder,
)
from paper_page import beats, digitized_page, signals, write_truth

from ecgdigit_rt.digitizer import Digitizer
from ecgdigit_rt.doubts import Doubt
from ecgdigit_rt.errors import NoGridFound
from ecgdigit_rt.results import Digitized, PageRef, failed_from_error

SOURCE = PageRef(Path("a.png"))
FACTS = PageFacts(signals(1), 25.0, 10.0)


def page(**leads: np.ndarray[Any, Any]) -> Digitized:
    """Return the right page, with other leads."""
    return digitized_page(SOURCE, signals(1) | leads)


def test_shorter_lead_correlates_with_its_part_of_the_signal() -> None:
    whole = beats(10, 3) + np.linspace(0, 0.3, 5000)
    assert best_correlation(whole[2100:3000] + 0.5, whole) > 0.999


def test_lead_may_be_late_but_not_reversed_inverted_longer_or_flat() -> None:
    whole = beats(2.5, 3)
    assert best_correlation(np.roll(whole, 100), whole) > 0.95
    assert best_correlation(whole[::-1], whole) < 0.95
    assert best_correlation(-whole, whole) < 0.3
    assert best_correlation(np.interp(np.arange(2500) / 2, np.arange(1250), whole), whole) == 0
    assert best_correlation(np.zeros(0), whole) == 0
    assert best_correlation(np.zeros(1250), whole) == best_correlation(whole, np.ones(1250)) == 0


def test_correlation_equals_that_of_numpy_at_the_best_lag() -> None:
    rng = np.random.default_rng(0)
    whole, lead = rng.standard_normal(60).cumsum(), rng.standard_normal(40).cumsum()
    overlaps = [
        (lead[max(0, -lag) : min(40, 60 - lag)], whole[max(0, lag) : min(60, lag + 40)])
        for lag in range(-4, 25)
    ]
    expected = max(float(np.corrcoef(a, b)[0, 1]) for a, b in overlaps)
    assert best_correlation(lead, whole) == pytest.approx(expected)


def test_right_page_has_no_fault() -> None:
    assert page_fault(page(), FACTS) == ""
    assert page_fault(page(), replace(FACTS, speed_mm_s=None, gain_mm_mv=None)) == ""


def test_faults_of_scale_leads_and_signals() -> None:
    assert page_fault(page(), replace(FACTS, speed_mm_s=50.0)) == "speed: 25 instead of 50 mm/s"
    assert page_fault(page(), replace(FACTS, gain_mm_mv=5.0)) == "gain: 10 instead of 5 mm/mV"
    fewer = {name: mv for name, mv in FACTS.leads.items() if name != "V1"}
    assert page_fault(page(), replace(FACTS, leads=fewer)) == "leads: V1 invented"
    assert page_fault(digitized_page(SOURCE, fewer), FACTS) == "leads: V1 missing"
    assert page_fault(digitized_page(SOURCE, fewer), FACTS, may_lack_leads=True) == ""
    assert page_fault(page(V2=signals(1)["V2"][::-1]), FACTS).startswith("signals: correlation of V2 0.")


@pytest.mark.parametrize(
    ("fault", "doubts", "verdict"),
    [
        ("", (), "right"),
        ("", ("D-RATE-01",), "right but doubted"),
        ("gain: 5", (), "silently wrong"),
        ("gain: 5", ("D-RATE-01",), "flagged"),
    ],
)
def test_verdicts(fault: str, doubts: tuple[str, ...], verdict: str) -> None:
    doubted = replace(page(), doubts=tuple(Doubt(name, "a contradiction") for name in doubts))
    found = page_verdict(doubted, lambda _: fault)
    assert (found.verdict, found.detail, found.doubts) == (verdict, fault or "3x4+1", doubts)


def test_failed_page_is_refused() -> None:
    refused = page_verdict(failed_from_error(SOURCE, NoGridFound()), lambda _: "not called")
    assert (refused.verdict, refused.detail) == ("refused", NoGridFound.id)


def test_result_file_contains_every_page_so_far(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "new" / "result.json"
    digitizer = cast("Digitizer", SimpleNamespace(device="cpu", threads=1, models="lite"))
    file = VerdictFile("name", Namespace(result=path, ocr="none"), digitizer)
    for number, fault in enumerate(["", "speed: 50", "speed: 12.5"]):
        file.add(f"page-{number}", "group", PageVerdict("silently wrong" if fault else "right", fault))
        result = json.loads(path.read_text())
        assert [entry["page"] for entry in result["figures"]["pages"]] == [
            f"page-{n}" for n in range(number + 1)
        ]
    assert result["figures"]["tally"] == {"group": {"right": 1, "silently wrong": 2}}
    assert (result["benchmark"], result["figures"]["ocr"]) == ("name", "none")
    assert result["provenance"]["models"] == "lite"
    file.print_tally()
    assert "silently wrong: 2 speed" in capsys.readouterr().out


def test_truth_is_in_the_folder_or_its_subfolder(tmp_path: Path) -> None:
    assert truths_of_folder(tmp_path) == {}
    write_truth(tmp_path / "a.csv", signals(1))
    assert set(truths_of_folder(tmp_path)) == {"a"}
    (tmp_path / "truth").mkdir()
    write_truth(tmp_path / "truth" / "b.csv", signals(1))
    assert set(truths_of_folder(tmp_path)) == {"b"}
