"""Tests of the format selection: common cases need no option, and contradictions are rejected."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ecgdigit_rt.errors import EcgDigitError, FormatConflict, FormatNotSpecified, UnknownChoice
from ecgdigit_rt.formats.registry import FORMATS, select_format


@pytest.mark.parametrize(
    ("name", "out", "has_requests", "expected"),
    [
        (None, "s.csv", False, "submission"),
        (None, "S.CSV", False, "submission"),
        (None, "-", False, "submission"),
        (None, "s.csv", True, "submission"),
        (None, "anything", True, "submission"),
        (None, "/dev/stdout", False, "submission"),
        (None, "s.parquet", False, "parquet"),
        (None, "s.json", False, "json"),
        (None, "s.jsonl", False, "json"),
        ("json", "-", False, "json"),
        ("json", "pages", False, "json"),
        ("submission", "s.txt", False, "submission"),
        ("csv", "signals", False, "csv"),
        ("csv", "run.v2", False, "csv"),
        ("wfdb", "folder.csv", False, "wfdb"),
        ("dicom", "signals", False, "dicom"),
        ("npz", "signals", False, "npz"),
    ],
)
def test_selected_format(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    name: str | None, out: str, has_requests: bool, expected: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    Path("folder.csv").mkdir()
    assert select_format(name, Path(out), has_requests=has_requests).name == expected


@pytest.mark.parametrize(
    ("name", "out", "has_requests", "error", "words"),
    [
        ("edf", "signals", False, UnknownChoice, "edf"),
        (None, "signals", False, FormatNotSpecified, "csv, wfdb, dicom, npz"),
        (None, "run.v2", False, FormatNotSpecified, ".parquet"),
        (None, "there", False, FormatNotSpecified, "--format"),
        (None, "s.npz", False, FormatConflict, "--format"),
        (None, "s.dcm", False, FormatConflict, "--format"),
        ("csv", "s.csv", False, FormatConflict, "Set --out to a folder: --format csv --out s"),
        ("wfdb", "s.parquet", False, FormatConflict, "Set --out to a folder"),
        ("json", "s.csv", False, FormatConflict, ".jsonl"),
        ("submission", "s.parquet", False, FormatConflict, ".csv"),
        ("parquet", "-", False, FormatConflict, "submission and json"),
        ("parquet", "/dev/stdout", False, FormatConflict, "pipe"),
        ("csv", "-", False, FormatConflict, "standard output"),
        ("csv", "signals", True, FormatConflict, "--test"),
        (None, "s.parquet", True, FormatConflict, "--test"),
    ],
)
def test_contradictions_are_rejected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    name: str | None, out: str, has_requests: bool, error: type[EcgDigitError], words: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    Path("there").mkdir()
    with pytest.raises(error) as caught:
        select_format(name, Path(out), has_requests=has_requests)
    assert words in f"{caught.value.message} {caught.value.hint}"
    assert caught.value.exit_code == 1


def test_pipe_defaults_to_submission(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert select_format(None, tmp_path / "pipe", has_requests=False) is FORMATS["submission"]


def test_registry_is_consistent() -> None:
    for name, entry in FORMATS.items():
        assert entry.name == name
        assert entry.suffixes
        assert not (entry.is_folder and entry.to_stream)
