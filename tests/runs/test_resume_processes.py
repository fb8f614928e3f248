"""Runs as processes of their own: killed at any moment, asked to stop, two at once, ended by a page."""

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
from scripted_digitizer import ROOT, scripted_pages, scripted_site

from ecgdigit_rt.errors import WorkerDied
from ecgdigit_rt.results import Digitized, Failed, PageRef, Result
from ecgdigit_rt.runs.isolation import IsolatedPages
from ecgdigit_rt.runs.options import DigitizeOptions

NAMES = [f"p{number:02d}" for number in range(9)]
TARGETS = ("s.csv", "s.parquet", "csv", "dicom")
PATIENCE_S = 60


class Runs:
    """Starts runs of scans/ in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = scripted_site(folder)
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
        said = process.communicate(timeout=PATIENCE_S)[1]
        assert process.returncode == code, said
        return said

    def kill_when(self, is_time: Callable[[], bool], out: str, *more: str, by: int = signal.SIGKILL) -> int:
        process = self.start(out, *more)
        wait_until(lambda: is_time() or process.poll() is not None)
        process.send_signal(by)
        process.communicate(timeout=PATIENCE_S)
        return process.returncode

    def noted(self, out: str) -> int:
        """Pages in the journal."""
        path = self.folder / (f"{out}.journal" if "." in out else f"{out}/.{out.split('/')[-1]}.journal")
        return path.read_bytes().count(b"\n") - 1 if path.exists() else 0


def wait_until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[Runs]:
    scripted_pages(tmp_path, NAMES)
    made = Runs(tmp_path)
    yield made
    for process in made.processes:
        if process.poll() is None:
            process.kill()
            process.communicate()
        assert process.stderr is not None
        process.stderr.close()


def contents(out: Path) -> dict[str, bytes]:
    """What a run leaves for its user, but for the report, which tells how long pages took."""
    if out.is_file():
        return {"": out.read_bytes()}
    names = [path for path in out.iterdir() if path.name != "report.json" and path.suffix != ".journal"]
    return {path.name: path.read_bytes() for path in names}


def without_seconds(report: Path) -> object:
    document = json.loads(report.read_text(encoding="utf-8"))
    for page in document["results"]:
        page.pop("seconds")
    return document


@pytest.mark.parametrize("target", TARGETS)
def test_killed_and_run_again_it_is_as_if_nothing_had_happened(runs: Runs, target: str) -> None:
    whole, killed = runs.folder / f"whole/{target}", runs.folder / target
    runs.run(f"whole/{target}")
    for pages in (1, 5):
        code = runs.kill_when(lambda pages=pages: runs.noted(target) >= pages, target)  # type: ignore[misc]
        assert code == -signal.SIGKILL
        assert killed.is_dir() or not killed.exists(), "one file appears when it is whole"
    said = runs.run(target)
    assert " skipped (journal)" in said
    assert contents(killed) == contents(whole)
    name = "report.json" if killed.is_dir() else "s.report.json"
    reports = [(path if path.is_dir() else path.parent) / name for path in (whole, killed)]
    assert without_seconds(reports[0]) == without_seconds(reports[1])
    beside = {path.name for path in whole.parent.iterdir()} - set(TARGETS)
    assert not [name for name in beside if name.endswith((".part", ".lock", ".spool"))]


@pytest.mark.parametrize(
    ("by", "more"), [(signal.SIGTERM, ()), (signal.SIGINT, ("--isolate",))], ids=["threads", "isolated"]
)
def test_asked_to_stop_it_ends_with_the_pages_in_work(
    runs: Runs, by: signal.Signals, more: tuple[str, ...]
) -> None:
    process = runs.start("s.csv", *more)
    wait_until(lambda: runs.noted("s.csv") >= 1)
    os.killpg(process.pid, by)  # as a terminal and systemd do: to its workers, too
    said = process.communicate(timeout=PATIENCE_S)[1]
    assert process.returncode == 130, said
    noted = runs.noted("s.csv")
    assert f"kept     {noted} of 9 pages are done; the same command goes on" in said
    assert noted < 9
    assert not (runs.folder / "s.csv").exists()
    assert not (runs.folder / ".s.csv.lock").exists()
    assert f"9 digitized · 0 failed · {noted} skipped (journal)" in runs.run("s.csv", *more)


def test_a_second_signal_ends_it_at_once(runs: Runs) -> None:
    (runs.folder / "scans/p00.png").rename(runs.folder / "scans/a_hang.png")
    process = runs.start("s.csv")
    wait_until((runs.folder / ".s.csv.lock").exists)
    time.sleep(0.3)
    process.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    assert process.poll() is None, "it waits for the page in work"
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=PATIENCE_S) == 130


def test_two_runs_on_one_output_refuse_each_other(runs: Runs) -> None:
    first_page = runs.folder / "scans/p00.png"
    for out in ("s.csv", "csv"):
        hanging = first_page.rename(first_page.with_name("a_hang.png"))
        first = runs.start(out)
        wait_until((runs.folder / (".s.csv.lock" if out == "s.csv" else "csv/.run.lock")).exists)
        time.sleep(0.2)
        said = runs.run(out, code=4)
        assert f"another run is writing {out}   [E-OUTPUT-02]" in said
        first.kill()
        first.wait()
        hanging.rename(first_page)
        runs.run(out)  # the lock went with its process


def test_a_page_that_ends_its_process_costs_itself_only(runs: Runs) -> None:
    whole = runs.folder / "scans/p04.png"
    whole.with_name("p04_crash.png").write_bytes(whole.read_bytes())
    whole.with_name("p05_hang.png").write_bytes(whole.read_bytes())
    whole.with_name("p06_memory.png").write_bytes(whole.read_bytes())
    runs.run("alone.csv", "--isolate", "--timeout", "2", code=2)
    found = json.loads((runs.folder / "alone.report.json").read_text())["results"]
    errors = {page["id"]: page["error_id"] for page in found if page["status"] == "failed"}
    assert errors == {"p04_crash": "E-PAGE-03", "p05_hang": "E-PAGE-04", "p06_memory": "E-PAGE-05"}
    assert next(page for page in found if page["id"] == "p04_crash")["message"].endswith("SIGSEGV")
    for name in errors:
        whole.with_name(f"{name}.png").unlink()
    runs.run("plain.csv")
    assert contents(runs.folder / "alone.csv") == contents(runs.folder / "plain.csv")


def test_a_worker_that_ends_between_pages_costs_nothing(tmp_path: Path) -> None:
    pages = IsolatedPages(open_reader, threads=1)
    found = []
    for result in pages.digitize_many([PageRef(Path(name)) for name in ("a", "b", "c", "d")], 1):
        assert isinstance(result, Failed)
        found.append((result.source.id, result.error_id))
        for child in multiprocessing.active_children():
            if len(found) == 2:
                child.kill()
                child.join()
    assert [name for name, _ in found] == ["a", "b", "c", "d"]
    assert sum(error == "E-PAGE-03" for _, error in found) <= 1, "of a page that was in it just then"


@pytest.mark.slow
@pytest.mark.parametrize("network_threads", [1, 2])
def test_isolated_pages_are_the_same_to_the_last_bit(network_threads: int) -> None:
    pages = [PageRef(path) for path in sorted((ROOT / "examples").glob("*.jpg"))[:2]]
    reading = DigitizeOptions()
    inside = reading.digitizer(2).digitize_many(pages, network_threads=network_threads)
    apart = IsolatedPages(reading.page_reader, threads=2).digitize_many(pages, network_threads)
    for one, other in zip(inside, apart, strict=True):
        assert isinstance(one, Digitized)
        assert isinstance(other, Digitized)
        assert (one.layout, one.provenance, one.notes) == (other.layout, other.provenance, other.notes)
        assert one.leads.keys() == other.leads.keys()
        for name, lead in one.leads.items():
            assert lead.mv.tobytes() == other.leads[name].mv.tobytes()
            assert lead.curve_px.tobytes() == other.leads[name].curve_px.tobytes()


def open_reader(threads: int) -> Callable[[PageRef], Result]:
    return lambda page: Failed(page, "E-X-00", f"read on {threads}", "")


def open_nothing(threads: int) -> Callable[[PageRef], Result]:
    os._exit(3)


def test_processes_that_never_begin_end_the_run() -> None:
    with pytest.raises(WorkerDied, match="3 processes ended"):
        list(IsolatedPages(open_nothing, threads=1).digitize_many([PageRef(Path("a"))], 1))


def test_workers_end_with_a_run_that_is_killed(runs: Runs) -> None:
    (runs.folder / "scans/p04.png").rename(runs.folder / "scans/p04_hang.png")
    process = runs.start("s.csv", "--isolate")
    wait_until(lambda: runs.noted("s.csv") >= 4)
    workers = children_of(process.pid)
    assert len(workers) >= 2
    process.kill()
    process.wait()
    wait_until(lambda: not any(is_alive(worker) for worker in workers))


def children_of(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(word) for path in found for word in path.read_text().split()]


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def test_without_room_what_is_read_is_kept(runs: Runs) -> None:
    """The limit on the size of a file stands in for a full disk: writing ends in an OSError as there."""
    limit = "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
    limit += "resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000)); "
    start = "import runpy, sys; sys.orig_argv.append('ecgdigit_rt'); "
    command = [sys.executable, "-c", limit + start + "runpy.run_module('ecgdigit_rt', run_name='__main__')"]
    environment = runs.environment | {"PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [*command, "run", "scans", "--out", "s.csv"],
        cwd=runs.folder, env=environment, text=True, capture_output=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    assert done.returncode == 4, done.stderr
    assert "[E-OUTPUT-01]" in done.stderr
    noted = runs.noted("s.csv")
    assert 2 <= noted < 9
    assert f"kept     {noted} of 9 pages are done" in done.stderr
    assert f"9 digitized · 0 failed · {noted} skipped" in runs.run("s.csv")
    runs.run("whole.csv")
    assert contents(runs.folder / "s.csv") == contents(runs.folder / "whole.csv")


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_pipe_keeps_no_journal(runs: Runs) -> None:
    process = runs.start("-")
    process.communicate(timeout=PATIENCE_S)
    assert {path.name for path in runs.folder.iterdir()} == {"scans", "truth", "site"}
