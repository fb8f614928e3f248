"""Files of a folder that are not pages are counted in the summary and in the report of a run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import Capture, call
from paper_page import TruthDigitizer, scans_folder


def test_files_that_are_not_pages_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    scans = scans_folder(tmp_path, monkeypatch, ["a", "b"], TruthDigitizer)
    code, _, messages = call(capsys, "run", "scans", "--out", "s.csv")
    assert (code, "skipped" in messages) == (0, False)
    (scans / "b.png").rename(scans / "b")  # recognized by its content
    for name in ("x.jp2", "y.jp2", "notes"):
        (scans / name).write_bytes(b"not a page")
    code, _, messages = call(capsys, "run", "scans", "--out", "s.csv")
    assert "skipped  3 files that are not pages: 2 .jp2, 1 without suffix" in messages
    assert (code, "2 digitized · 0 failed" in messages) == (0, True)
    report = json.loads(Path("s.report.json").read_text())
    assert report["other_files"] == {".jp2": 2, "without suffix": 1}
    assert [page["id"] for page in report["results"]] == ["a", "b"]


def test_one_file_and_many_kinds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    scans = scans_folder(tmp_path, monkeypatch, ["a"], TruthDigitizer)
    (scans / "x.jp2").touch()
    assert "1 file that is not a page: 1 .jp2\n" in call(capsys, "run", "scans", "--out", "s.csv")[2]
    for number in range(7):
        (scans / f"x.kind{number}").touch()
    assert "8 files that are not pages: 1 .jp2, 1 .kind0" in call(capsys, "run", "scans", "--out", "s.csv")[2]
    assert ", …\n" in call(capsys, "run", "scans", "--out", "s.csv")[2]
