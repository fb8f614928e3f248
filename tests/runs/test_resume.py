"""Resumption: pages that a second run digitizes, rejected changes, and repair of damaged files."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from command_line import Capture
from paper_page import TruthDigitizer, digitized_page, scans_folder, signals, write_page, write_truth

from ecgdigit_rt.cli.app import exit_code
from ecgdigit_rt.digitizer import Digitizer
from ecgdigit_rt.doubts import Doubt
from ecgdigit_rt.formats.registry import FORMATS, OutputDestination
from ecgdigit_rt.results import Digitized, Failed, PageRef, Provenance, Result
from ecgdigit_rt.runs.jobs import file_digest
from ecgdigit_rt.runs.spool import bytes_from_result, result_from_bytes

NAMES = ("a", "b", "c")


class RecordingDigitizer(TruthDigitizer):
    """Digitizer that records its pages and returns a different duration for each of them."""

    pages: ClassVar[list[str]] = []
    network_threads_used: ClassVar[set[int]] = set()
    parallel_from = 0

    def network_threads(self, pages: int) -> int:
        return 1 if pages >= self.parallel_from else 2

    def digitize_many(self, pages: Iterable[PageRef], /, network_threads: int = 0) -> Iterator[Result]:
        self.network_threads_used.add(network_threads)
        return super().digitize_many(pages)

    def _digitize(self, page: PageRef) -> Digitized:
        self.pages.append(page.id)
        return replace(super()._digitize(page), seconds={"trace": time.perf_counter()})


@pytest.fixture
def scans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write three pages with truth, and make their folder's parent the working directory."""
    RecordingDigitizer.pages, RecordingDigitizer.network_threads_used = [], set()
    return scans_folder(tmp_path, monkeypatch, NAMES, RecordingDigitizer)


def run(capsys: Capture, *more: str, out: str = "s.csv", code: int = 0) -> tuple[list[str], str]:
    """Return the pages that a run digitized, and its messages."""
    RecordingDigitizer.pages.clear()
    actual = exit_code(["run", "scans", "--out", out, *more])
    messages = capsys.readouterr().err
    assert actual == code, messages
    return list(RecordingDigitizer.pages), messages


def fail(name: str) -> None:
    """Make a page fail by renaming its truth file."""
    (TruthDigitizer.truth / f"{name}.csv").rename(TruthDigitizer.truth / f"{name}.away")


def repair(name: str) -> None:
    (TruthDigitizer.truth / f"{name}.away").rename(TruthDigitizer.truth / f"{name}.csv")


def truncate(path: Path, count: int) -> None:
    """Remove the last bytes of a file."""
    path.write_bytes(path.read_bytes()[:-count])


def last_line_size(journal: Path) -> int:
    return len(journal.read_bytes().splitlines(keepends=True)[-1])


@pytest.mark.parametrize("out", ["s.csv", "s.parquet"])
def test_completed_run_is_not_repeated(scans: Path, capsys: Capture, out: str) -> None:
    assert run(capsys, out=out)[0] == list(NAMES)
    assert not Path(f"{out}.spool").exists()
    before = Path(out).stat()
    pages, messages = run(capsys, out=out)
    assert pages == []
    assert "3 digitized · 0 failed · 3 from an earlier run" in messages
    assert Path(out).stat() == before
    Path(out).write_text("changed")
    assert run(capsys, out=out)[0] == list(NAMES), "the output was modified"
    assert Path(out).stat().st_size == before.st_size


def test_only_failed_pages_are_retried(scans: Path, capsys: Capture) -> None:
    assert "[E-JOURNAL-03]" in run(capsys, "--only-failed", code=1)[1]
    complete = run(capsys)
    expected = Path("s.csv").read_bytes()
    fail("b")
    pages, messages = run(capsys, "--restart", code=2)
    assert (pages, complete[0]) == (list(NAMES), list(NAMES))
    assert "To retry only the failed pages, add --only-failed." in messages
    assert run(capsys, code=2)[0] == [], "without the option failed pages are not retried"
    repair("b")
    pages, messages = run(capsys, "--only-failed")
    assert pages == ["b"]
    assert "3 digitized · 0 failed · 2 from an earlier run" in messages
    assert Path("s.csv").read_bytes() == expected
    assert run(capsys, "--only-failed")[0] == []
    assert not Path("s.csv.spool").exists()


def test_only_failed_excludes_new_pages(scans: Path, capsys: Capture) -> None:
    fail("a")
    run(capsys, code=2)
    write_page(scans / "d.png", signals(3))
    write_truth(TruthDigitizer.truth / "d.csv", signals(3))
    repair("a")
    before = Path("s.csv").read_bytes()
    pages, messages = run(capsys, "--only-failed", code=2)
    assert pages == ["a"]
    assert "skipped  1 page has not been digitized yet" in messages
    assert Path("s.csv").read_bytes() == before
    assert run(capsys)[0] == ["d"]


def test_network_threads_depend_on_all_pages(
    scans: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RecordingDigitizer, "parallel_from", 3)
    fail("b")
    run(capsys, code=2)
    run(capsys, "--only-failed", code=2)
    assert RecordingDigitizer.network_threads_used == {1}, "two threads sum in a different order"
    (scans / "c.png").unlink()
    assert run(capsys, code=2)[0] == ["a", "b"], "a run of two pages uses all threads"
    assert RecordingDigitizer.network_threads_used == {1, 2}


@pytest.mark.parametrize("out", ["s.csv", "npz"])
def test_new_changed_and_deleted_pages(scans: Path, capsys: Capture, out: str) -> None:
    more = ["--format", "npz"] if out == "npz" else []
    fail("c")  # so that the other results are stored
    run(capsys, *more, out=out, code=2)
    write_page(scans / "d.png", signals(3))
    write_truth(TruthDigitizer.truth / "d.csv", signals(3))
    write_page(scans / "a.png", signals(7))
    (scans / "b.png").unlink()
    pages, messages = run(capsys, *more, out=out, code=2)
    assert pages == ["a", "d"], "b is deleted, and c failed before"
    assert "2 digitized · 1 failed · 1 from an earlier run" in messages
    report = Path("npz/report.json" if out == "npz" else "s.report.json")
    assert [page["id"] for page in json.loads(report.read_text())["results"]] == ["a", "c", "d"]


def test_deleted_files_of_a_folder_are_written_again(scans: Path, capsys: Capture) -> None:
    options = ("--format", "csv", "--overlay", "overlays")
    run(capsys, *options, out="csv")
    before = Path("csv/b.json").read_bytes()
    Path("csv/b.json").unlink()
    assert run(capsys, *options, out="csv")[0] == ["b"]
    assert Path("csv/b.json").read_bytes() == before
    Path("overlays/c.png").unlink()
    assert run(capsys, *options, out="csv")[0] == ["c"]
    assert run(capsys, *options, out="csv")[0] == []


FOLDERS = {name: form.suffixes[-1] for name, form in FORMATS.items() if form.is_folder}
OPTIONS = ("--overlay", "overlays")


def flip(path: Path) -> None:
    """Change one byte of a file without changing its size."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("form", FOLDERS)
def test_damaged_files_of_a_folder_are_written_again(scans: Path, capsys: Capture, form: str) -> None:
    def rerun(*more: str) -> list[str]:
        return run(capsys, "--format", form, *OPTIONS, *more, out="out")[0]

    rerun()
    file = next(path for path in Path("out").glob(f"b*{FOLDERS[form]}"))
    for path, name in ((file, "b"), (Path("overlays/c.png"), "c")):
        before = path.read_bytes()
        for content in (b"", before[:-1], before + b"x"):
            path.write_bytes(content)
            assert rerun() == [name]
            assert path.read_bytes() == before
        flip(path)
        assert rerun() == [], "without --verify, only sizes are compared"
        assert rerun("--verify") == [name]
        assert path.read_bytes() == before
    assert rerun("--verify") == []


def test_journals_without_sizes_are_resumed(scans: Path, capsys: Capture) -> None:
    """Earlier versions did not write the sizes of files."""
    options = ("--format", "csv", *OPTIONS)
    run(capsys, *options, out="out")
    journal = Path("out/.csv.journal")
    lines = [json.loads(line) for line in journal.read_bytes().splitlines()]
    stripped = [{key: line[key] for key in line if key not in ("files", "overlay")} for line in lines]
    assert stripped != lines
    journal.write_text("".join(json.dumps(line) + "\n" for line in stripped))
    assert run(capsys, *options, "--verify", out="out")[0] == []
    Path("out/b.csv").unlink()
    assert run(capsys, *options, out="out")[0] == ["b"]


@pytest.mark.parametrize("out", ["s.csv", "s.parquet", "s.jsonl"])
def test_truncated_output_file_is_written_again(scans: Path, capsys: Capture, out: str) -> None:
    """The digest of a single output file is always compared."""
    fail("c")  # so that the other results are stored
    run(capsys, out=out, code=2)
    expected = Path(out).read_bytes()
    for damage in (
        lambda: Path(out).write_bytes(b""),
        lambda: truncate(Path(out), 7),
        lambda: flip(Path(out)),
    ):
        damage()
        assert run(capsys, out=out, code=2)[0] == []
        assert Path(out).read_bytes() == expected


def test_changed_configuration_is_rejected_if_pages_would_be_lost(scans: Path, capsys: Capture) -> None:
    fail("b")
    run(capsys, code=2)
    journal = Path("s.csv.journal").read_bytes()
    _, messages = run(capsys, "--speed", "50", code=1)
    assert "--speed was not given and is now 50.0" in messages
    assert "[E-JOURNAL-01]" in messages
    assert "--restart" in messages
    assert Path("s.csv.journal").read_bytes() == journal
    assert run(capsys, "--speed", "50", "--restart", code=2)[0] == list(NAMES)
    repair("b")
    assert run(capsys, "--speed", "50", "--only-failed")[0] == ["b"]
    pages, messages = run(capsys)
    assert pages == list(NAMES), "after a run without failures, only the output is replaced"
    assert "the configuration changed: --speed was 50.0 and is now not given" in messages


def test_changed_configuration_restarts_if_every_page_failed(scans: Path, capsys: Capture) -> None:
    for name in NAMES:
        fail(name)
    run(capsys, code=2)
    assert run(capsys, "--layout", "3x4", code=2)[0] == list(NAMES)
    run(capsys, "--only-failed", code=1)


def test_changed_requests_digitize_the_page_again(scans: Path, capsys: Capture) -> None:
    header = "id,lead,fs,number_of_rows\n"
    Path("test.csv").write_text(header + "a,I,250,625\nz,I,250,625\nb,I,250,625\n")
    assert run(capsys, "--test", "test.csv", code=2)[0] == ["a", "b"]
    Path("test.csv").write_text(header + "a,I,250,625\nz,I,250,625\nb,II,250,625\nc,I,250,625\n")
    pages, messages = run(capsys, "--test", "test.csv", code=2)
    assert pages == ["b", "c"]
    assert "3 digitized · 1 failed · 1 from an earlier run" in messages
    assert "--only-failed" not in messages, "z is not among the inputs"


@pytest.mark.parametrize("removed", [1, 40])
def test_truncated_journal_line_is_ignored(scans: Path, capsys: Capture, removed: int) -> None:
    fail("c")
    run(capsys, code=2)
    expected, journal = Path("s.csv").read_bytes(), Path("s.csv.journal")
    truncate(journal, last_line_size(journal))  # the completion
    truncate(journal, removed)
    assert run(capsys, code=2)[0] == ["c"]
    truncate(journal, last_line_size(journal))
    truncate(journal, last_line_size(journal))
    truncate(journal, removed)
    assert run(capsys, code=2)[0] == ["b", "c"]
    assert Path("s.csv").read_bytes() == expected
    lines = journal.read_bytes().splitlines()
    assert all(json.loads(line) for line in lines)
    journal.write_bytes(lines[0][:30])
    assert run(capsys, code=2)[0] == list(NAMES)


@pytest.mark.parametrize("files", [[{"name": "../b.csv", "size": 1, "sha256": ""}], [{"name": 1}], [7], "x"])
def test_impossible_files_in_a_journal_line(scans: Path, capsys: Capture, files: object) -> None:
    """The line of a page is skipped, and the page is digitized again."""
    run(capsys, "--format", "csv", out="out")
    journal = Path("out/.csv.journal")
    lines = [json.loads(line) for line in journal.read_bytes().splitlines()]
    lines[2]["files"] = files
    journal.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert run(capsys, "--format", "csv", out="out")[0] == ["b"]


def test_zeros_at_the_end_of_a_journal_are_ignored(scans: Path, capsys: Capture) -> None:
    """Some file systems fill the end of a file with zeros after a power failure."""
    fail("c")
    run(capsys, code=2)
    expected, journal = Path("s.csv").read_bytes(), Path("s.csv.journal")
    truncate(journal, last_line_size(journal))
    truncate(journal, 40)  # a part of the line of the last page
    journal.write_bytes(journal.read_bytes() + bytes(4096))
    Path("s.csv").unlink()
    assert run(capsys, code=2)[0] == ["c"]
    assert Path("s.csv").read_bytes() == expected
    assert all(json.loads(line) for line in journal.read_bytes().splitlines())


def test_damaged_spool_records_are_digitized_again(scans: Path, capsys: Capture) -> None:
    fail("c")
    run(capsys, code=2)
    expected, spool = Path("s.csv").read_bytes(), Path("s.csv.spool")
    data = bytearray(spool.read_bytes())
    data[20_000] ^= 1
    spool.write_bytes(data)
    Path("s.csv").unlink()
    assert run(capsys, code=2)[0] == ["a"]
    assert Path("s.csv").read_bytes() == expected
    spool.unlink()
    Path("s.csv").unlink()
    assert run(capsys, code=2)[0] == list(NAMES)
    assert Path("s.csv").read_bytes() == expected


def test_deleted_output_is_written_from_the_spool(scans: Path, capsys: Capture) -> None:
    fail("c")
    run(capsys, code=2)
    expected = Path("s.csv").read_bytes()
    Path("s.csv").unlink()
    assert run(capsys, code=2)[0] == []
    assert Path("s.csv").read_bytes() == expected


@pytest.mark.parametrize("text", ["diary\n", "diary", '{"journal": 99, "configuration": {}}\n', "[]\n"])
def test_file_that_is_not_a_journal_is_not_modified(scans: Path, capsys: Capture, text: str) -> None:
    Path("s.csv.journal").write_text(text)
    assert "[E-JOURNAL-02]" in run(capsys, code=1)[1]
    assert Path("s.csv.journal").read_text() == text
    assert run(capsys, "--restart")[0] == list(NAMES)


def test_stream_has_no_journal(scans: Path, capsys: Capture) -> None:
    assert "needs a journal" in run(capsys, "--only-failed", out="-", code=1)[1]
    assert "cannot be combined with --restart" in run(capsys, "--only-failed", "--restart", code=1)[
        1
    ].replace("\n", " ")
    run(capsys, out="-")
    assert {path.name for path in Path().iterdir()} == {"scans", "truth"}


@pytest.mark.parametrize("form", FORMATS)
def test_outputs_are_deterministic(scans: Path, capsys: Capture, form: str) -> None:
    out = Path("out" if FORMATS[form].is_folder else f"out{FORMATS[form].suffixes[0]}")
    outputs = []
    for _ in range(2):
        run(capsys, "--format", form, "--restart", out=str(out))
        files = sorted(path for path in (out.iterdir() if out.is_dir() else [out]) if path.name[0] != ".")
        outputs.append({path.name: path.read_bytes() for path in files if path.name != "report.json"})
        shutil.rmtree(out) if out.is_dir() else out.unlink()
    assert outputs[0] == outputs[1]
    assert len(outputs[0]) >= (3 if FORMATS[form].is_folder else 1)


def test_stored_result_gives_the_same_output(tmp_path: Path) -> None:
    source = PageRef(tmp_path / "é.png", 2)
    page = digitized_page(source, signals(0))
    lead = replace(page.leads["II"], expected_error_mv=float("nan"), start_s=0.1 + 0.2)
    unusual = replace(
        page,
        leads={**page.leads, "II": replace(lead, mv=lead.mv * np.float32(1 / 3))},
        residual_px=None,
        repeat_difference_mv={"II": np.float64(0.1) / 3},
        provenance=Provenance("ecgdigit-rt 1", "lite 2", "auto → somewhere"),
        notes=("a note",),
        doubts=(Doubt("D-SPEED-01", "25 or 50 mm/s"), Doubt("D-LEADS-01", "I + III − II ≠ 0")),
    )
    failed = Failed(source, "E-GRID-01", "no grid\nat all", "Try again.")
    results: tuple[Result, ...] = (page, unusual, failed)
    for number, result in enumerate(results):
        restored = result_from_bytes(bytes_from_result(result), source)
        assert restored.status == result.status
        for form in ("submission", "json", "parquet"):
            texts = []
            for stored in (result, restored):
                path = tmp_path / f"{number}{FORMATS[form].suffixes[0]}"
                with FORMATS[form].open_writer(OutputDestination(path)) as writer:
                    writer.write("p", stored)
                texts.append(path.read_bytes())
            assert texts[0] == texts[1]
    assert result_from_bytes(bytes_from_result(failed), source) == failed


def test_page_without_enough_memory_has_an_error_id(monkeypatch: pytest.MonkeyPatch) -> None:
    class FullMemory:
        def read(self, image: object, source: PageRef, words: object) -> Digitized:
            raise MemoryError

    digitizer = Digitizer(threads=1, method="classical")
    monkeypatch.setattr(digitizer, "_reader", lambda _: FullMemory())
    (result,) = digitizer.digitize_many([np.zeros((400, 400, 3), np.uint8)])
    assert isinstance(result, Failed)
    assert result.error_id == "E-PAGE-05"


def test_digest_does_not_open_pipes_and_devices(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "device.png").symlink_to("/dev/zero")
    assert file_digest(tmp_path / "pipe.png") is None
    assert file_digest(tmp_path / "device.png") is None
