"""Order in which a run writes to the disk: a power failure loses no result that the journal lists.

The test records every `fsync` and every rename of a real run.
"""

from __future__ import annotations

import errno
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from paper_page import TruthDigitizer, scans_folder

from ecgdigit_rt.cli.app import exit_code
from ecgdigit_rt.durable_files import sync_folder
from ecgdigit_rt.formats.registry import FORMATS

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the paths of open files are read from /proc")
NAMES = ("a", "b")


@dataclass(frozen=True, slots=True)
class Operation:
    """Operation on a file: "sync", or "rename" to `path`. `size` is that of a synchronized file."""

    kind: str
    path: Path
    size: int = 0


@pytest.fixture
def operations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Operation]:
    """Record all operations, and make a folder with two pages the working directory."""
    scans_folder(tmp_path, monkeypatch, NAMES, TruthDigitizer)
    recorded: list[Operation] = []
    fsync, rename = os.fsync, Path.replace

    def record_fsync(handle: int) -> None:
        fsync(handle)
        recorded.append(
            Operation("sync", Path(f"/proc/self/fd/{handle}").readlink(), os.fstat(handle).st_size)
        )

    def record_rename(source: Path, target: Path) -> Path:
        recorded.append(Operation("rename", Path(target).absolute()))
        assert recorded[-2].path == source.absolute(), (
            "the content is on the disk before the name refers to it"
        )
        return rename(source, target)

    monkeypatch.setattr(os, "fsync", record_fsync)
    monkeypatch.setattr(Path, "replace", record_rename)
    return recorded


def run(form: str) -> Path:
    """Run with overlays. Return the path of the output."""
    out = Path("out") if FORMATS[form].is_folder else Path(f"out{FORMATS[form].suffixes[0]}")
    assert exit_code(["run", "scans", "--format", form, "--out", str(out), "--overlay", "overlays"]) == 0
    return out.absolute()


def journal_lines(journal: Path, operations: list[Operation]) -> list[tuple[int, dict[str, Any]]]:
    """Return each line of the journal, with the index of the operation that wrote it to the disk."""
    syncs = [
        (index, op.size) for index, op in enumerate(operations) if (op.kind, op.path) == ("sync", journal)
    ]
    end, lines = 0, []
    for line in journal.read_bytes().splitlines(keepends=True):
        end += len(line)
        lines.append((next(index for index, size in syncs if size >= end), json.loads(line)))
    return lines


@pytest.mark.parametrize("form", [name for name, form in FORMATS.items() if form.is_folder])
def test_files_of_a_page_are_on_the_disk_before_its_journal_line(
    operations: list[Operation], form: str
) -> None:
    folder = run(form)
    lines = [
        (at, line) for at, line in journal_lines(folder / f".{form}.journal", operations) if "page" in line
    ]
    assert len(lines) == len(NAMES)
    for at, line in lines:
        paths = [folder / file["name"] for file in line["files"]]
        paths.append(Path("overlays", line["overlay"]["name"]).absolute())
        assert len(paths) == len(FORMATS[form].suffixes) + (form == "csv") + 1
        for path in paths:
            renamed = operations.index(Operation("rename", path))
            assert Operation("sync", path.parent) in names_only(operations[renamed:at])


@pytest.mark.parametrize("form", [name for name, form in FORMATS.items() if not form.is_folder])
def test_results_are_on_the_disk_before_they_are_listed(operations: list[Operation], form: str) -> None:
    out = run(form)
    lines = journal_lines(out.with_name(f"{out.name}.journal"), operations)
    spool, end = out.with_name(f"{out.name}.spool"), 0
    for at, line in lines:
        if "page" in line:
            end = line["place"]["start"] + line["place"]["size"]
            synced = [op.size for op in operations[:at] if (op.kind, op.path) == ("sync", spool)]
            assert synced[-1] >= end
        if "finish" in line:
            before = names_only(operations[:at])
            for path in (out, out.with_name("out.report.json")):
                assert Operation("sync", path.parent) in before[before.index(Operation("rename", path)) :]
    assert end


def test_names_of_new_folders_are_on_the_disk(operations: list[Operation]) -> None:
    arguments = ["run", "scans", "--format", "npz", "--out", "new/deep"]
    assert exit_code(arguments) == 0
    synced = {op.path for op in operations if op.kind == "sync"}
    assert {Path.cwd(), Path("new").absolute(), Path("new/deep").absolute()} <= synced


def names_only(operations: list[Operation]) -> list[Operation]:
    """Return the operations without sizes."""
    return [Operation(op.kind, op.path) for op in operations]


def test_folders_without_read_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    sync_folder(tmp_path)


def test_file_systems_that_cannot_synchronize_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(number: int) -> None:
        def fsync(_: int) -> None:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(os, "fsync", fsync)

    fail(errno.EINVAL)
    sync_folder(tmp_path)
    fail(errno.EIO)
    with pytest.raises(OSError, match="Input/output"):
        sync_folder(tmp_path)
