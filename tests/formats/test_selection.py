"""Which format `run` writes: the common case needs no flag, and what does not go together is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ecgdigit_rt.errors import EcgDigitError, FormatContradicted, FormatNotNamed, UnknownChoice
from ecgdigit_rt.formats.registry import FORMATS
from ecgdigit_rt.formats.selection import select_format


@pytest.mark.parametrize(
    ("named", "out", "has_questions", "expected"),
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
def test_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    named: str | None, out: str, has_questions: bool, expected: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    Path("folder.csv").mkdir()
    assert select_format(named, Path(out), has_questions=has_questions).name == expected


@pytest.mark.parametrize(
    ("named", "out", "has_questions", "error", "words"),
    [
        ("edf", "signals", False, UnknownChoice, "edf"),
        (None, "signals", False, FormatNotNamed, "csv, wfdb, dicom, npz"),
        (None, "run.v2", False, FormatNotNamed, ".parquet"),
        (None, "there", False, FormatNotNamed, "--format"),
        (None, "s.npz", False, FormatContradicted, "--format"),
        (None, "s.dcm", False, FormatContradicted, "--format"),
        ("csv", "s.csv", False, FormatContradicted, "Name a folder: --format csv --out s"),
        ("wfdb", "s.parquet", False, FormatContradicted, "Name a folder"),
        ("json", "s.csv", False, FormatContradicted, ".jsonl"),
        ("submission", "s.parquet", False, FormatContradicted, ".csv"),
        ("parquet", "-", False, FormatContradicted, "submission and json"),
        ("parquet", "/dev/stdout", False, FormatContradicted, "pipe"),
        ("csv", "-", False, FormatContradicted, "standard output"),
        ("csv", "signals", True, FormatContradicted, "--test"),
        (None, "s.parquet", True, FormatContradicted, "--test"),
    ],
)
def test_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    named: str | None, out: str, has_questions: bool, error: type[EcgDigitError], words: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    Path("there").mkdir()
    with pytest.raises(error) as caught:
        select_format(named, Path(out), has_questions=has_questions)
    assert words in f"{caught.value.message} {caught.value.hint}"
    assert caught.value.exit_code == 1


def test_a_pipe_takes_a_submission(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert select_format(None, tmp_path / "pipe", has_questions=False) is FORMATS["submission"]


def test_the_table_is_in_order() -> None:
    for name, form in FORMATS.items():
        assert form.name == name
        assert form.suffixes
        assert not (form.is_folder and form.to_stream)
