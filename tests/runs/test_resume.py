"""What a second run of the same command reads, and what it refuses; what is kept, and what is damaged."""

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
from paper_page import TruthDigitizer, digitized, scans_folder, signals, write_page, write_truth

from ecgdigit_rt.cli.app import exit_code
from ecgdigit_rt.digitizer import _result
from ecgdigit_rt.formats.registry import FORMATS
from ecgdigit_rt.formats.writer import OutputDestination
from ecgdigit_rt.results import Digitized, Failed, PageRef, Provenance, Result
from ecgdigit_rt.runs.file_digest import file_digest
from ecgdigit_rt.runs.result_bytes import bytes_from_result, result_from_bytes

NAMES = ("a", "b", "c")
Capture = pytest.CaptureFixture[str]


class Counting(TruthDigitizer):
    """Notes the pages that it reads, and takes another time for each."""

    read: ClassVar[list[str]] = []
    network_threads_given: ClassVar[set[int]] = set()
    many_from = 0

    def network_threads(self, pages: int) -> int:
        return 1 if pages >= self.many_from else 2

    def digitize_many(self, pages: Iterable[PageRef], /, network_threads: int = 0) -> Iterator[Result]:
        self.network_threads_given.add(network_threads)
        return super().digitize_many(pages)

    def _digitized(self, page: PageRef) -> Digitized:
        self.read.append(page.id)
        return replace(super()._digitized(page), seconds={"trace": time.perf_counter()})


@pytest.fixture
def scans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three pages with truth; their folder's parent as cwd."""
    Counting.read, Counting.network_threads_given = [], set()
    return scans_folder(tmp_path, monkeypatch, NAMES, Counting)


def run(capsys: Capture, *more: str, out: str = "s.csv", code: int = 0) -> tuple[list[str], str]:
    """The pages that a run read, and what it said."""
    Counting.read.clear()
    got = exit_code(["run", "scans", "--out", out, *more])
    said = capsys.readouterr().err
    assert got == code, said
    return list(Counting.read), said


def fail(name: str) -> None:
    """A page without truth fails."""
    (TruthDigitizer.truth / f"{name}.csv").rename(TruthDigitizer.truth / f"{name}.away")


def mend(name: str) -> None:
    (TruthDigitizer.truth / f"{name}.away").rename(TruthDigitizer.truth / f"{name}.csv")


def cut(path: Path, count: int) -> None:
    """Take away a file's last bytes."""
    path.write_bytes(path.read_bytes()[:-count])


def last_line(journal: Path) -> int:
    return len(journal.read_bytes().splitlines(keepends=True)[-1])


@pytest.mark.parametrize("out", ["s.csv", "s.parquet"])
def test_a_finished_run_is_left_as_it_is(scans: Path, capsys: Capture, out: str) -> None:
    assert run(capsys, out=out)[0] == list(NAMES)
    assert not Path(f"{out}.spool").exists()
    before = Path(out).stat()
    read, said = run(capsys, out=out)
    assert read == []
    assert "3 digitized · 0 failed · 3 skipped (journal)" in said
    assert Path(out).stat() == before
    Path(out).write_text("changed")
    assert run(capsys, out=out)[0] == list(NAMES), "the output is not the one that was written"
    assert Path(out).stat().st_size == before.st_size


def test_only_what_failed_is_read_again(scans: Path, capsys: Capture) -> None:
    assert "[E-JOURNAL-03]" in run(capsys, "--only-failed", code=1)[1]
    whole = run(capsys)
    expected = Path("s.csv").read_bytes()
    fail("b")
    read, said = run(capsys, "--restart", code=2)
    assert (read, whole[0]) == (list(NAMES), list(NAMES))
    assert "only these again: the same command with --only-failed" in said
    assert run(capsys, code=2)[0] == [], "without it what failed is not tried again"
    mend("b")
    read, said = run(capsys, "--only-failed")
    assert read == ["b"]
    assert "3 digitized · 0 failed · 2 skipped (journal)" in said
    assert Path("s.csv").read_bytes() == expected
    assert run(capsys, "--only-failed")[0] == []
    assert not Path("s.csv.spool").exists()


def test_pages_that_were_never_read_are_left_to_a_run_that_reads_them(scans: Path, capsys: Capture) -> None:
    fail("a")
    run(capsys, code=2)
    write_page(scans / "d.png", signals(3))
    write_truth(TruthDigitizer.truth / "d.csv", signals(3))
    mend("a")
    before = Path("s.csv").read_bytes()
    read, said = run(capsys, "--only-failed", code=2)
    assert read == ["a"]
    assert "left     1 pages were never read" in said
    assert Path("s.csv").read_bytes() == before
    assert run(capsys)[0] == ["d"]


def test_threads_go_by_all_pages_and_not_by_those_that_are_left(
    scans: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Counting, "many_from", 3)
    fail("b")
    run(capsys, code=2)
    run(capsys, "--only-failed", code=2)
    assert Counting.network_threads_given == {1}, "2 sum in another order"
    (scans / "c.png").unlink()
    assert run(capsys, code=2)[0] == ["a", "b"], "a run of two pages never reads them like that"
    assert Counting.network_threads_given == {1, 2}


@pytest.mark.parametrize("out", ["s.csv", "npz"])
def test_new_changed_and_vanished_pages(scans: Path, capsys: Capture, out: str) -> None:
    more = ["--format", "npz"] if out == "npz" else []
    fail("c")  # so that what was read is kept
    run(capsys, *more, out=out, code=2)
    write_page(scans / "d.png", signals(3))
    write_truth(TruthDigitizer.truth / "d.csv", signals(3))
    write_page(scans / "a.png", signals(7))
    (scans / "b.png").unlink()
    read, said = run(capsys, *more, out=out, code=2)
    assert read == ["a", "d"], "b is gone, and c failed before"
    assert "2 digitized · 1 failed · 1 skipped (journal)" in said
    report = Path("npz/report.json" if out == "npz" else "s.report.json")
    assert [page["id"] for page in json.loads(report.read_text())["results"]] == ["a", "c", "d"]


def test_files_of_a_folder_that_are_gone_are_made_again(scans: Path, capsys: Capture) -> None:
    look = ("--format", "csv", "--overlay", "look")
    run(capsys, *look, out="csv")
    whole = Path("csv/b.json").read_bytes()
    Path("csv/b.json").unlink()
    assert run(capsys, *look, out="csv")[0] == ["b"]
    assert Path("csv/b.json").read_bytes() == whole
    Path("look/c.png").unlink()
    assert run(capsys, *look, out="csv")[0] == ["c"]
    assert run(capsys, *look, out="csv")[0] == []


def test_a_changed_configuration_is_refused_where_pages_would_be_lost(scans: Path, capsys: Capture) -> None:
    fail("b")
    run(capsys, code=2)
    journal = Path("s.csv.journal").read_bytes()
    _, said = run(capsys, "--speed", "50", code=1)
    assert "--speed was not given and is 50.0" in said
    assert "[E-JOURNAL-01]" in said
    assert "--restart" in said
    assert Path("s.csv.journal").read_bytes() == journal
    assert run(capsys, "--speed", "50", "--restart", code=2)[0] == list(NAMES)
    mend("b")
    assert run(capsys, "--speed", "50", "--only-failed")[0] == ["b"]
    read, said = run(capsys)
    assert read == list(NAMES), "of a clean end nothing is lost but what --out replaces"
    assert "begins anew: --speed was 50.0 and is not given" in said


def test_where_every_page_failed_nothing_is_lost(scans: Path, capsys: Capture) -> None:
    for name in NAMES:
        fail(name)
    run(capsys, code=2)
    assert run(capsys, "--layout", "3x4", code=2)[0] == list(NAMES)
    run(capsys, "--only-failed", code=1)


def test_other_questions_are_other_pages(scans: Path, capsys: Capture) -> None:
    header = "id,lead,fs,number_of_rows\n"
    Path("test.csv").write_text(header + "a,I,250,625\nz,I,250,625\nb,I,250,625\n")
    assert run(capsys, "--test", "test.csv", code=2)[0] == ["a", "b"]
    Path("test.csv").write_text(header + "a,I,250,625\nz,I,250,625\nb,II,250,625\nc,I,250,625\n")
    read, said = run(capsys, "--test", "test.csv", code=2)
    assert read == ["b", "c"]
    assert "3 digitized · 1 failed · 1 skipped (journal)" in said
    assert "--only-failed" not in said, "z was never given"


@pytest.mark.parametrize("torn", [1, 40])
def test_a_line_cut_short_is_as_good_as_none(scans: Path, capsys: Capture, torn: int) -> None:
    fail("c")
    run(capsys, code=2)
    expected, journal = Path("s.csv").read_bytes(), Path("s.csv.journal")
    cut(journal, last_line(journal))  # how it ended
    cut(journal, torn)
    assert run(capsys, code=2)[0] == ["c"]
    cut(journal, last_line(journal))
    cut(journal, last_line(journal))
    cut(journal, torn)
    assert run(capsys, code=2)[0] == ["b", "c"]
    assert Path("s.csv").read_bytes() == expected
    lines = journal.read_bytes().splitlines()
    assert all(json.loads(line) for line in lines)
    journal.write_bytes(lines[0][:30])
    assert run(capsys, code=2)[0] == list(NAMES)


def test_damage_to_what_was_kept_costs_its_pages(scans: Path, capsys: Capture) -> None:
    fail("c")
    run(capsys, code=2)
    expected, spool = Path("s.csv").read_bytes(), Path("s.csv.spool")
    whole = bytearray(spool.read_bytes())
    whole[20_000] ^= 1
    spool.write_bytes(whole)
    Path("s.csv").unlink()
    assert run(capsys, code=2)[0] == ["a"]
    assert Path("s.csv").read_bytes() == expected
    spool.unlink()
    Path("s.csv").unlink()
    assert run(capsys, code=2)[0] == list(NAMES)
    assert Path("s.csv").read_bytes() == expected


def test_an_output_that_is_gone_is_made_of_what_was_kept(scans: Path, capsys: Capture) -> None:
    fail("c")
    run(capsys, code=2)
    expected = Path("s.csv").read_bytes()
    Path("s.csv").unlink()
    assert run(capsys, code=2)[0] == []
    assert Path("s.csv").read_bytes() == expected


@pytest.mark.parametrize("text", ["diary\n", "diary", '{"journal": 99, "configuration": {}}\n', "[]\n"])
def test_what_is_no_journal_stays(scans: Path, capsys: Capture, text: str) -> None:
    Path("s.csv.journal").write_text(text)
    assert "[E-JOURNAL-02]" in run(capsys, code=1)[1]
    assert Path("s.csv.journal").read_text() == text
    assert run(capsys, "--restart")[0] == list(NAMES)


def test_a_stream_has_no_journal(scans: Path, capsys: Capture) -> None:
    assert "keeps no journal" in run(capsys, "--only-failed", out="-", code=1)[1]
    assert "--restart forgets" in run(capsys, "--only-failed", "--restart", code=1)[1].replace("\n", " ")
    run(capsys, out="-")
    assert {path.name for path in Path().iterdir()} == {"scans", "truth"}


@pytest.mark.parametrize("form", FORMATS)
def test_the_same_pages_give_the_same_bytes(scans: Path, capsys: Capture, form: str) -> None:
    out = Path("out" if FORMATS[form].is_folder else f"out{FORMATS[form].suffixes[0]}")
    found = []
    for _ in range(2):
        run(capsys, "--format", form, "--restart", out=str(out))
        files = sorted(path for path in (out.iterdir() if out.is_dir() else [out]) if path.name[0] != ".")
        found.append({path.name: path.read_bytes() for path in files if path.name != "report.json"})
        shutil.rmtree(out) if out.is_dir() else out.unlink()
    assert found[0] == found[1]
    assert len(found[0]) >= (3 if FORMATS[form].is_folder else 1)


def test_a_record_loses_nothing_that_is_written(tmp_path: Path) -> None:
    source = PageRef(tmp_path / "é.png", 2)
    page = digitized(source, signals(0))
    lead = replace(page.leads["II"], expected_error_mv=float("nan"), start_s=0.1 + 0.2)
    odd = replace(
        page,
        leads={**page.leads, "II": replace(lead, mv=lead.mv * np.float32(1 / 3))},
        residual_px=None,
        repeat_difference_mv={"II": np.float64(0.1) / 3},
        provenance=Provenance("ecgdigit-rt 1", "lite 2", "auto → somewhere"),
        notes=("assumed · nothing",),
    )
    failed = Failed(source, "E-GRID-01", "no grid\nat all", "Look again.")
    results: tuple[Result, ...] = (page, odd, failed)
    for number, result in enumerate(results):
        again = result_from_bytes(bytes_from_result(result), source)
        for form in ("submission", "json", "parquet"):
            texts = []
            for one in (result, again):
                path = tmp_path / f"{number}{FORMATS[form].suffixes[0]}"
                with FORMATS[form].opener(OutputDestination(path)) as writer:
                    writer.write("p", one)
                texts.append(path.read_bytes())
            assert texts[0] == texts[1]
    assert result_from_bytes(bytes_from_result(failed), source) == failed


def test_a_page_that_memory_does_not_hold_has_a_name() -> None:
    class Full:
        def read(self, image: object, source: PageRef) -> Digitized:
            raise MemoryError

    page = PageRef(Path("x.png"))
    result = _result(Full(), page, lambda: np.zeros((4, 4, 3), np.uint8))
    assert isinstance(result, Failed)
    assert result.error_id == "E-PAGE-05"


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "device.png").symlink_to("/dev/zero")
    assert file_digest(tmp_path / "pipe.png") is None
    assert file_digest(tmp_path / "device.png") is None
