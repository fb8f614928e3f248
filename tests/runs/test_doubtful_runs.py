"""Runs with doubtful pages: exit code, summary, report, `--strict`, resumption, processes and parts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import fsspec
import numpy as np
import pytest
from command_line import Capture, call
from doubtful_pages import (
    DOUBTS,
    METADATA,
    DoubtfulDigitizer,
    doubtful_page,
    open_doubtful_digitizer,
)
from paper_page import TruthDigitizer, scans_folder
from pyarrow import parquet

from ecgdigit_rt.cluster.parts import ClusterPage, PartFolder
from ecgdigit_rt.cluster.worker import _report_json, report_from_json
from ecgdigit_rt.errors import NoGridFound
from ecgdigit_rt.formats.submission_csv import read_submission
from ecgdigit_rt.plots.overlay import WARNING
from ecgdigit_rt.results import Digitized, PageRef, failed_from_error
from ecgdigit_rt.runs.report import LISTED, Report, page_report
from ecgdigit_rt.runs.summary import summary_lines
from ecgdigit_rt.worker_processes import ProcessDigitizer

NAMES = ("01_clear", "02_doubt", "03_clear")
SENTENCES = "; ".join(map(str, DOUBTS))


@pytest.fixture
def scans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write three pages, one of them doubtful, and make their folder's parent the working directory."""
    return scans_folder(tmp_path, monkeypatch, NAMES, DoubtfulDigitizer)


def results(path: str = "s.report.json") -> list[dict[str, Any]]:
    pages: list[dict[str, Any]] = json.loads(Path(path).read_text(encoding="utf-8"))["results"]
    return pages


def test_the_summary_and_the_report_name_doubtful_pages(scans: Path, capsys: Capture) -> None:
    (scans / "00_empty.png").touch()
    code, _, err = call(capsys, "run", scans, "--out", "s.csv", "--overlay", "overlays")
    assert code == 2
    assert "2 digitized · 1 doubtful · 1 failed" in err
    assert f"doubtful {scans / '02_doubt.png'}   {SENTENCES}" in err
    report = json.loads(Path("s.report.json").read_text(encoding="utf-8"))
    counts = {key: report[key] for key in ("pages", "digitized", "doubtful", "failed", "missing_leads")}
    assert counts == {"pages": 4, "digitized": 2, "doubtful": 1, "failed": 1, "missing_leads": 0}
    pages = report["results"]
    assert [page["status"] for page in pages] == ["failed", "digitized", "doubtful", "digitized"]
    assert [page["doubts"] for page in pages] == [[], [], METADATA, []]
    assert pages[2]["error_id"] == ""
    assert len(pages[2]["leads"]) == 12
    drawn = {name: np.asarray(cv2.imread(f"overlays/{name}.png"))[..., ::-1] for name in NAMES}
    framed = {name: (np.abs(image.astype(int) - WARNING).max(2) < 12).sum() for name, image in drawn.items()}
    assert framed["02_doubt"] > 10_000 > framed["01_clear"]


def test_doubts_alone_give_exit_code_2(scans: Path, capsys: Capture) -> None:
    assert call(capsys, "run", scans / "02_doubt.png", "--out", "-")[0] == 2
    assert call(capsys, "run", scans / "01_clear.png", "--out", "-")[0] == 0


def test_report_lists_doubtful_pages_after_failed_ones(scans: Path, capsys: Capture) -> None:
    (scans / "04_bad.png").touch()
    call(capsys, "run", scans, "--out", "s.csv")
    lines = call(capsys, "report", "s.report.json")[1].splitlines()[1:]
    assert [line.split()[:2] for line in lines[:2]] == [["04_bad", "failed"], ["02_doubt", "doubtful"]]
    assert SENTENCES in lines[1]


def test_strict_rejects_doubtful_pages(scans: Path, capsys: Capture) -> None:
    code, _, err = call(capsys, "run", scans, "--out", "s.csv", "--strict")
    assert code == 2
    assert "2 digitized · 1 failed" in err
    page = results()[1]
    assert (page["status"], page["error_id"]) == ("failed", "E-DOUBT-01")
    assert "D-LAYOUT-01" in page["message"]
    assert list(read_submission(Path("s.csv"))) == ["01_clear", "03_clear"]
    code, _, err = call(capsys, "run", scans, "--out", "s.csv")
    assert (code, "[E-JOURNAL-01]" in err) == (1, True), "pages of one output have the same settings"
    assert "--strict was on and is now off" in " ".join(err.split())


def test_pages_that_test_csv_requests_are_answered(scans: Path, capsys: Capture) -> None:
    Path("test.csv").write_text("id,lead,fs,number_of_rows\n02_doubt,V2,500,1250\n01_clear,I,500,1250\n")
    code, _, err = call(capsys, "run", scans, "--out", "s.csv", "--test", "test.csv")
    assert code == 2
    assert "doubtful" in err
    assert read_submission(Path("s.csv"))["02_doubt"]["V2"].any()


@pytest.mark.parametrize("out", ["s.jsonl", "s.parquet"])
def test_doubts_survive_a_resumed_run(
    scans: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch, out: str
) -> None:
    (scans / "04_bad.png").touch()  # keeps the spool
    call(capsys, "run", scans, "--out", out)
    expected = Path(out).read_bytes()
    Path(out).unlink()

    def fail(self: TruthDigitizer, page: PageRef) -> Digitized:
        raise AssertionError(f"{page.id} is digitized again")

    monkeypatch.setattr(DoubtfulDigitizer, "_digitize", fail)
    code, _, err = call(capsys, "run", scans, "--out", out)
    assert code == 2
    assert "1 doubtful · 1 failed · 4 from an earlier run" in err
    assert f"doubtful {scans / '02_doubt.png'}   {SENTENCES}" in err
    assert Path(out).read_bytes() == expected
    assert results()[1]["doubts"] == METADATA
    pages = (
        [json.loads(line) for line in Path(out).read_text(encoding="utf-8").splitlines()]
        if out.endswith(".jsonl")
        else parquet.read_table(out).to_pylist()
    )
    assert METADATA in [page.get("doubts") for page in pages]


def test_doubtful_pages_are_not_retried(
    scans: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    call(capsys, "run", scans, "--out", "s.csv")
    assert not Path("s.csv.spool").exists(), "no page failed"
    digitized: list[str] = []
    original = DoubtfulDigitizer._digitize

    def record(self: DoubtfulDigitizer, page: PageRef) -> Digitized:
        digitized.append(page.id)
        return original(self, page)

    monkeypatch.setattr(DoubtfulDigitizer, "_digitize", record)
    assert call(capsys, "run", scans, "--out", "s.csv", "--only-failed")[0] == 2
    assert call(capsys, "run", scans, "--out", "s.csv")[0] == 2
    assert digitized == []


def test_every_list_of_the_summary_is_limited_separately() -> None:
    report = Report()
    for number in range(LISTED + 5):
        failed = failed_from_error(PageRef(Path(f"f{number}.png")), NoGridFound())
        report.add(page_report("f", failed, ()))
    page = doubtful_page()
    leads = {name: lead for name, lead in page.leads.items() if name != "V5"}
    for number in range(2):
        incomplete = replace(page, source=PageRef(Path(f"d{number}.png")), leads=leads)
        report.add(page_report("d", incomplete, ["V5"]))
    lines = summary_lines(report, 0, has_report=True)
    assert lines[0] == f"done     0 digitized · 2 doubtful · {LISTED + 5} failed · 2 with missing leads"
    assert "         … and 5 more, all listed in the report" in lines
    assert [line for line in lines if line.startswith("doubtful d0.png")] == [
        f"doubtful d0.png   {SENTENCES}"
    ]
    assert "partial  d1.png   Leads not found: V5   [E-LEADS-01]" in lines
    assert not report.is_clean


def test_doubts_pass_between_processes() -> None:
    (result,) = ProcessDigitizer(open_doubtful_digitizer, workers=1).digitize_many([PageRef(Path("a"))], 1)
    assert isinstance(result, Digitized)
    assert result.doubts == DOUBTS
    assert result.status == "doubtful"


@pytest.fixture
def part_folder() -> Iterator[PartFolder]:
    yield PartFolder("memory://doubtful")
    fsspec.filesystem("memory").rm("/doubtful", recursive=True)


def test_parts_of_a_cluster_have_doubts(part_folder: PartFolder) -> None:
    page = doubtful_page()
    pages = [ClusterPage("a", "s3://bucket/a.png", 0), ClusterPage("b", "s3://bucket/b.png", 0)]
    incomplete = replace(page, leads={name: lead for name, lead in page.leads.items() if name != "V5"})
    part_folder.write(list(zip(pages, (page, incomplete), strict=True)))
    stored = part_folder.reports()
    first, second = (stored[one.key] for one in pages)
    assert (first.status, first.doubts, first.error_id) == ("doubtful", METADATA, "")
    assert (second.status, second.missing, second.error_id) == ("doubtful", ["V5"], "E-LEADS-01")
    sent = report_from_json(_report_json(pages[1], incomplete))
    for name in ("status", "doubts", "missing", "error_id", "message"):
        assert getattr(sent, name) == getattr(second, name), name
