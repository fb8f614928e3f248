"""Tests of real_pages.py: verdicts of constructed results for each key of cases.json."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import page_verdicts
import pytest
import real_pages
from paper_page import TruthDigitizer, digitized_page, signals, write_page, write_truth

from ecgdigit_rt.doubts import Doubt
from ecgdigit_rt.errors import NoGridFound
from ecgdigit_rt.results import PageRef, Result, failed_from_error

SOURCE = PageRef(Path("a.png"))
PAGE = digitized_page(SOURCE, signals(1))
LIMB = digitized_page(SOURCE, {name: mv for name, mv in signals(1).items() if not name.startswith("V")})
DOUBTFUL = replace(PAGE, doubts=(Doubt("D-RATE-01", "a contradiction"),))
FAILED = failed_from_error(SOURCE, NoGridFound())
CASE = {"leads": "12", "cell": 2.5, "long": ["II"]}


@pytest.mark.parametrize(
    ("case", "fault"),
    [
        (CASE, ""),
        (CASE | {"cell": None, "long": None}, ""),
        (CASE | {"cell": 2.7}, ""),
        (CASE | {"leads": "limb"}, "leads"),
        (CASE | {"leads": ["I", "II"]}, "leads"),
        (CASE | {"cell": 5}, "durations"),
        (CASE | {"long": ["V1"]}, "rhythm strips"),
        (CASE | {"long": []}, "rhythm strips"),
        (CASE | {"speed": 50}, "speed"),
        (CASE | {"gain": 5}, "gain"),
        ({"refuse": True}, "not refused"),
        ({"only": ["I", "II"]}, "leads"),
    ],
)
def test_fault_of_each_key(case: dict[str, Any], fault: str) -> None:
    assert real_pages.case_fault(case, PAGE).split(":")[0] == fault


def test_only_allows_fewer_leads() -> None:
    assert real_pages.case_fault({"only": ["I", "II", "III", "aVR", "aVL", "aVF", "V7"]}, LIMB) == ""
    assert real_pages.case_fault(CASE | {"leads": "limb"}, LIMB) == ""


@pytest.mark.parametrize(
    ("case", "result", "verdict"),
    [
        (CASE, PAGE, "right"),
        (CASE, DOUBTFUL, "right but doubted"),
        (CASE, FAILED, "refused wrongly"),
        ({"refuse": True}, FAILED, "refused rightly"),
        ({"only": ["I"]}, FAILED, "refused rightly"),
        ({"refuse": True}, DOUBTFUL, "flagged"),
        ({"only": ["I"]}, PAGE, "silently wrong"),
    ],
)
def test_verdicts(case: dict[str, Any], result: Result, verdict: str) -> None:
    assert real_pages.case_verdict(case, result).verdict == verdict


def test_folder_is_digitized_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_page(tmp_path / "good.png", signals(1))
    write_page(tmp_path / "empty.png", {})
    write_truth(tmp_path / "good.csv", signals(1))
    (tmp_path / "cases.json").write_text(json.dumps({"good.png": CASE, "empty.png": {"refuse": True}}))
    options = {}

    class FolderDigitizer(TruthDigitizer):
        truth = tmp_path

        def __init__(self, **given: object) -> None:
            options.update(given)

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *error: object) -> None:
            pass

    monkeypatch.setattr(page_verdicts, "Digitizer", FolderDigitizer)
    result = tmp_path / "result.json"
    arguments = [str(tmp_path), "--result", str(result), "--ocr", "none", "--threads", "1"]
    monkeypatch.setattr(sys, "argv", ["real_pages.py", *arguments])
    real_pages.main()
    assert options == {"models": "lite", "threads": 1, "ocr": False}
    assert json.loads(result.read_text())["figures"]["tally"] == {"real": {"right": 1, "refused rightly": 1}}
    assert "1 right, 1 refused rightly" in capsys.readouterr().out
