"""Runs in real processes: killed, stopped by signals, run twice at the same time, ended by a page."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from scripted_digitizer import ROOT, install_scripted_digitizer, write_scripted_pages

from ecgdigit_rt.errors import WorkerDied
from ecgdigit_rt.results import Digitized, Failed, PageRef, Result
from ecgdigit_rt.runs.options import DigitizeOptions
from ecgdigit_rt.worker_processes import ProcessDigitizer

NAMES = [f"p{number:02d}" for number in range(9)]
TARGETS = ("s.csv", "s.parquet", "csv", "dicom")
TIMEOUT_S = 60


class Runs:
    """Processes that run over scans/ in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = install_scripted_digitizer(folder)
        self.processes: list[subprocess.Popen[str]] = []

    def start(self, out: str, *more: str) -> subprocess.Popen[str]:
        form = [] if "." in out else ["--format", out.split("/")[-1]]
        command = [sys.executable, "-m", "ecgdigit_rt", "run", "scans", "--out", out, *form, *more]
        process = subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.environment,
            text=True,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self.processes.append(process)
        return process

    def run(self, out: str, *more: str, code: int = 0) -> str:
        process = self.start(out, *more)
        messages = process.communicate(timeout=TIMEOUT_S)[1]
        assert process.returncode == code, messages
        return messages

    def kill_when(self, condition: Callable[[], bool], out: str, *more: str) -> int:
        process = self.start(out, *more)
        wait_until(lambda: condition() or process.poll() is not None)
        process.kill()
        process.communicate(timeout=TIMEOUT_S)
        return process.returncode

    def journal_pages(self, out: str) -> int:
        """Return the number of pages in the journal."""
        path = self.folder / (f"{out}.journal" if "." in out else f"{out}/.{out.split('/')[-1]}.journal")
        return path.read_bytes().count(b"\n") - 1 if path.exists() else 0


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < end, "timed out"
        time.sleep(0.005)


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[Runs]:
    write_scripted_pages(tmp_path, NAMES)
    runs = Runs(tmp_path)
    yield runs
    for process in runs.processes:
        if process.poll() is None:
            process.kill()
            process.communicate()
        assert process.stderr is not None
        process.stderr.close()


def contents(out: Path) -> dict[str, bytes]:
    """Return the output files by name, without the report, which contains durations."""
    if out.is_file():
        return {"": out.read_bytes()}
    paths = [path for path in out.iterdir() if path.name != "report.json" and path.suffix != ".journal"]
    return {path.name: path.read_bytes() for path in paths}


def without_seconds(report: Path) -> object:
    document = json.loads(report.read_text(encoding="utf-8"))
    for page in document["results"]:
        page.pop("seconds")
    return document


@pytest.mark.parametrize("target", TARGETS)
def test_killed_run_resumes_to_identical_output(runs: Runs, target: str) -> None:
    whole, killed = runs.folder / f"whole/{target}", runs.folder / target
    runs.run(f"whole/{target}")
    for pages in (1, 5):
        code = runs.kill_when(lambda pages=pages: runs.journal_pages(target) >= pages, target)  # type: ignore[misc]
        assert code == -signal.SIGKILL
        assert killed.is_dir() or not killed.exists(), "the output file appears atomically"
    messages = runs.run(target)
    assert " from an earlier run" in messages
    assert contents(killed) == contents(whole)
    name = "report.json" if killed.is_dir() else "s.report.json"
    reports = [(path if path.is_dir() else path.parent) / name for path in (whole, killed)]
    assert without_seconds(reports[0]) == without_seconds(reports[1])
    beside = {path.name for path in whole.parent.iterdir()} - set(TARGETS)
    assert not [name for name in beside if name.endswith((".part", ".lock", ".spool"))]


@pytest.mark.parametrize(
    ("by", "more"), [(signal.SIGTERM, ()), (signal.SIGINT, ("--isolate",))], ids=["threads", "isolated"]
)
def test_first_signal_stops_after_the_current_pages(
    runs: Runs, by: signal.Signals, more: tuple[str, ...]
) -> None:
    process = runs.start("s.csv", *more)
    wait_until(lambda: runs.journal_pages("s.csv") >= 1)
    os.killpg(process.pid, by)  # also to the workers, as a terminal and systemd do
    messages = process.communicate(timeout=TIMEOUT_S)[1]
    assert process.returncode == 130, messages
    done = runs.journal_pages("s.csv")
    stopped = f"stopped  {done} of 9 pages are done. Run the same command without --restart to resume."
    assert stopped in messages
    assert done < 9
    assert not (runs.folder / "s.csv").exists()
    assert not (runs.folder / ".s.csv.lock").exists()
    assert f"9 digitized · 0 failed · {done} from an earlier run" in runs.run("s.csv", *more)


def test_second_signal_stops_immediately(runs: Runs) -> None:
    (runs.folder / "scans/p00.png").rename(runs.folder / "scans/a_hang.png")
    process = runs.start("s.csv")
    wait_until((runs.folder / ".s.csv.lock").exists)
    time.sleep(0.3)
    process.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    assert process.poll() is None, "the run waits for the current page"
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=TIMEOUT_S) == 130


def test_second_run_with_the_same_output_is_rejected(runs: Runs) -> None:
    first_page = runs.folder / "scans/p00.png"
    for out in ("s.csv", "csv"):
        hanging = first_page.rename(first_page.with_name("a_hang.png"))
        first = runs.start(out)
        wait_until((runs.folder / (".s.csv.lock" if out == "s.csv" else "csv/.run.lock")).exists)
        time.sleep(0.2)
        messages = runs.run(out, code=4)
        assert f"Cannot write {out}: another run is writing it" in messages
        assert "[E-OUTPUT-02]" in messages
        first.kill()
        first.wait()
        hanging.rename(first_page)
        runs.run(out)  # the lock was released when the process ended


def test_page_that_ends_its_process_fails_alone(runs: Runs) -> None:
    good = runs.folder / "scans/p04.png"
    good.with_name("p04_crash.png").write_bytes(good.read_bytes())
    good.with_name("p05_hang.png").write_bytes(good.read_bytes())
    good.with_name("p06_memory.png").write_bytes(good.read_bytes())
    runs.run("isolated.csv", "--isolate", "--timeout", "2", code=2)
    pages = json.loads((runs.folder / "isolated.report.json").read_text())["results"]
    errors = {page["id"]: page["error_id"] for page in pages if page["status"] == "failed"}
    assert errors == {"p04_crash": "E-PAGE-03", "p05_hang": "E-PAGE-04", "p06_memory": "E-PAGE-05"}
    assert next(page for page in pages if page["id"] == "p04_crash")["message"].endswith("SIGSEGV")
    for name in errors:
        good.with_name(f"{name}.png").unlink()
    runs.run("plain.csv")
    assert contents(runs.folder / "isolated.csv") == contents(runs.folder / "plain.csv")


def test_worker_that_ends_between_pages_fails_no_page(tmp_path: Path) -> None:
    digitizer = ProcessDigitizer(open_stub, workers=1)
    outcomes = []
    for result in digitizer.digitize_many([PageRef(Path(name)) for name in ("a", "b", "c", "d")], 1):
        assert isinstance(result, Failed)
        outcomes.append((result.source.id, result.error_id))
        for child in multiprocessing.active_children():
            if len(outcomes) == 2:
                child.kill()
                child.join()
    assert [name for name, _ in outcomes] == ["a", "b", "c", "d"]
    assert sum(error == "E-PAGE-03" for _, error in outcomes) <= 1, "only the page in progress may fail"


@pytest.mark.slow
@pytest.mark.parametrize("network_threads", [1, 2])
def test_isolated_results_are_bit_identical(network_threads: int) -> None:
    pages = [PageRef(path) for path in sorted((ROOT / "examples").glob("*.jpg"))[:2]]
    options = DigitizeOptions()
    inside = options.digitizer(2).digitize_many(pages, network_threads=network_threads)
    isolated = ProcessDigitizer(options.page_digitizer, workers=2).digitize_many(pages, network_threads)
    for expected, actual in zip(inside, isolated, strict=True):
        assert isinstance(expected, Digitized)
        assert isinstance(actual, Digitized)
        assert (actual.layout, actual.provenance) == (expected.layout, expected.provenance)
        assert actual.notes == expected.notes
        assert actual.leads.keys() == expected.leads.keys()
        for name, lead in expected.leads.items():
            assert actual.leads[name].mv.tobytes() == lead.mv.tobytes()
            assert actual.leads[name].curve_px.tobytes() == lead.curve_px.tobytes()


def open_stub(threads: int) -> Callable[[PageRef], Result]:
    return lambda page: Failed(page, "E-X-00", f"digitized on {threads}", "")


def open_and_exit(threads: int) -> Callable[[PageRef], Result]:
    os._exit(3)


def test_workers_that_cannot_start_end_the_run() -> None:
    with pytest.raises(WorkerDied, match="ended 3 times"):
        list(ProcessDigitizer(open_and_exit, workers=1).digitize_many([PageRef(Path("a"))], 1))


def test_workers_end_with_a_killed_run(runs: Runs) -> None:
    (runs.folder / "scans/p04.png").rename(runs.folder / "scans/p04_hang.png")
    process = runs.start("s.csv", "--isolate")
    wait_until(lambda: runs.journal_pages("s.csv") >= 4)
    workers = children_of(process.pid)
    assert len(workers) >= 2
    process.kill()
    process.wait()
    wait_until(lambda: not any(is_alive(worker) for worker in workers))


def children_of(pid: int) -> list[int]:
    paths = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(word) for path in paths for word in path.read_text().split()]


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def test_full_disk_keeps_finished_pages(runs: Runs) -> None:
    """A limit on the file size replaces a full disk, because both let a write fail with an OSError."""
    limit = "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
    limit += "resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000)); "
    start = "import runpy, sys; sys.orig_argv.append('ecgdigit_rt'); "
    command = [sys.executable, "-c", limit + start + "runpy.run_module('ecgdigit_rt', run_name='__main__')"]
    environment = runs.environment | {"PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [*command, "run", "scans", "--out", "s.csv"],
        cwd=runs.folder, env=environment, text=True, capture_output=True, timeout=TIMEOUT_S, check=False,
    )  # fmt: skip
    assert done.returncode == 4, done.stderr
    assert "[E-OUTPUT-01]" in done.stderr
    pages = runs.journal_pages("s.csv")
    assert 2 <= pages < 9
    assert f"stopped  {pages} of 9 pages are done" in done.stderr
    assert f"9 digitized · 0 failed · {pages} from an earlier run" in runs.run("s.csv")
    runs.run("whole.csv")
    assert contents(runs.folder / "s.csv") == contents(runs.folder / "whole.csv")


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_pipe_has_no_journal(runs: Runs) -> None:
    process = runs.start("-")
    process.communicate(timeout=TIMEOUT_S)
    assert {path.name for path in runs.folder.iterdir()} == {"scans", "truth", "site"}
