"""Check of resumed runs: a killed and resumed run must give the same bytes as an uninterrupted run.

    python benchmarks/kill_resume.py RESULT.json [--pages 60] [--kills 10] [--in-a-row] [--threads 2]
        [--seed 0] [--formats submission parquet csv] [--isolate]

The script draws pages with `ecgdigit-rt synth`, half of them renders and half colour scans. For each format
it digitizes them once without interruption, and then repeats these steps for each kill:

1. Start a run to a new output.
2. Kill it with `kill -9` after a random part of the time of the uninterrupted run.
3. Run the same command again.
4. Compare every byte except the seconds in the report and the journal.

With --in-a-row, a single run is killed and resumed again and again, and only its final output is compared.
This takes much less time. The result contains the time of each kill and the number of pages in the journal at
that time.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from ecgdigit_rt.bench.provenance import write_result
from ecgdigit_rt.formats.registry import FORMATS

CLI = [sys.executable, "-m", "ecgdigit_rt"]
KINDS = ("render", "colour_scan")
KILLED = "killed"
GOOD = (0, 2)
"""Exit codes of a complete run. Some pages may fail, in the same way every time."""


class Folder:
    """Folder of pages, and runs over these pages with outputs in one format."""

    def __init__(self, root: Path, form: str, options: list[str]) -> None:
        self.root, self.form, self.options = root, form, options

    def out(self, name: str) -> Path:
        """Return the output path of a run."""
        folder = self.root / self.form / name
        return folder if FORMATS[self.form].is_folder else folder / f"all{FORMATS[self.form].suffixes[0]}"

    def start(self, name: str) -> subprocess.Popen[str]:
        """Start a run."""
        command = [*CLI, "run", str(self.root / "pages"), "--out", str(self.out(name)), "--format", self.form]
        return subprocess.Popen([*command, *self.options], stderr=subprocess.PIPE, text=True)

    def run(self, name: str) -> tuple[int, float, str]:
        """Run to the end, and return exit code, seconds and standard error."""
        started = time.perf_counter()
        process = self.start(name)
        log = process.communicate()[1]
        return process.returncode, time.perf_counter() - started, log

    def journal_pages(self, name: str) -> int:
        """Return the number of pages in the journal."""
        out = self.out(name)
        path = out / f".{self.form}.journal" if FORMATS[self.form].is_folder else Path(f"{out}.journal")
        return path.read_bytes().count(b'"report"') if path.exists() else 0

    def contents(self, name: str) -> dict[str, bytes]:
        """Return the content of every file by name, without the journal and the seconds of the report."""
        out = self.out(name)
        files = out.parent.iterdir() if out.is_file() else out.iterdir()
        contents = {path.name: path.read_bytes() for path in files if path.suffix != ".journal"}
        return {
            file: _without_seconds(data) if file.endswith("report.json") else data
            for file, data in contents.items()
        }


def _without_seconds(report: bytes) -> bytes:
    document = json.loads(report)
    for page in document["results"]:
        page.pop("seconds")
    return json.dumps(document).encode()


def draw(folder: Path, pages: int, seed: int) -> None:
    """Draw the pages, one kind after another."""
    for number, kind in enumerate(KINDS):
        first, last = (pages * k // len(KINDS) for k in (number, number + 1))
        command = [*CLI, "synth", str(folder), "--count", str(last - first), "--first", str(first)]
        subprocess.run([*command, "--kind", kind, "--seed", str(seed)], check=True, capture_output=True)
    for other in folder.glob("*.npz"):
        other.unlink()


def kill_run(folder: Folder, after_s: float) -> dict[str, Any]:
    """Start a run and kill it after `after_s`. Return the number of pages in its journal."""
    process = folder.start(KILLED)
    time.sleep(after_s)
    process.kill()
    process.communicate()
    return {"after_s": round(after_s, 2), "noted": folder.journal_pages(KILLED)}


def resume_run(folder: Folder, expected: dict[str, bytes]) -> dict[str, Any]:
    """Run the same command again and compare its output."""
    code, seconds, log = folder.run(KILLED)
    is_same = code in GOOD and folder.contents(KILLED) == expected
    if not is_same:
        sys.stderr.write(log)
    return {"code": code, "again_s": round(seconds, 1), "is_same": is_same}


def run_trials(
    folder: Folder, seconds: float, expected: dict[str, bytes], moments: list[float], *, in_a_row: bool
) -> list[dict[str, Any]]:
    """Kill and resume once for each of `moments`, which are fractions of `seconds`.

    `seconds` is the duration of the uninterrupted run.
    """
    trials: list[dict[str, Any]] = []
    for number, moment in enumerate(moments, start=1):
        share = 2 / len(moments) if in_a_row else 1.0
        trial = kill_run(folder, moment * share * seconds)
        if not in_a_row or number == len(moments):
            trial |= resume_run(folder, expected)
            shutil.rmtree(folder.root / folder.form / KILLED)
        sys.stderr.write(f"{folder.form} {trial}\n")
        trials.append(trial)
    return trials


def measure(folder: Folder, kills: int, seed: int, *, in_a_row: bool) -> dict[str, Any]:
    """Run the trials of one format."""
    code, seconds, log = folder.run("whole")
    if code not in GOOD:
        raise SystemExit(log)
    expected = folder.contents("whole")
    rng = random.Random(seed)
    moments = [rng.random() for _ in range(kills)]
    trials = run_trials(folder, seconds, expected, moments, in_a_row=in_a_row)
    ends = [trial["is_same"] for trial in trials if "is_same" in trial]
    return {
        "whole_s": round(seconds, 1),
        "files": len(expected),
        "compared": len(ends),
        "same": sum(ends),
        "kills": trials,
    }


def main() -> None:
    """Parse the arguments, measure and write. The exit code is 0 if all outputs are the same."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("result", type=Path)
    parser.add_argument("--pages", type=int, default=60)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--formats", nargs="+", choices=list(FORMATS), default=["submission", "parquet", "csv"]
    )
    parser.add_argument("--isolate", action="store_true")
    parser.add_argument("--in-a-row", action="store_true")
    arguments = parser.parse_args()
    options = ["--threads", str(arguments.threads), *(["--isolate"] if arguments.isolate else [])]
    formats: dict[str, Any] = {}
    facts = {
        "pages": arguments.pages,
        "kinds": list(KINDS),
        "isolated": arguments.isolate,
        "in_a_row": arguments.in_a_row,
    }
    with tempfile.TemporaryDirectory() as root:
        draw(Path(root) / "pages", arguments.pages, arguments.seed)
        for form in arguments.formats:
            folder = Folder(Path(root), form, options)
            formats[form] = measure(folder, arguments.kills, arguments.seed, in_a_row=arguments.in_a_row)
            write_result(arguments.result, "kill_resume", arguments.threads, {**facts, "formats": formats})
    is_same = all(result["same"] == result["compared"] for result in formats.values())
    raise SystemExit(0 if is_same else 1)


if __name__ == "__main__":
    main()
