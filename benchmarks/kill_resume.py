"""Whether a run that is killed at any moment and given again leaves what an uninterrupted one leaves.

    python benchmarks/kill_resume.py RESULT.json [--pages 60] [--kills 10] [--in-a-row] [--threads 2]
        [--seed 0] [--formats submission parquet csv] [--isolate]

Draws pages with `ecgdigit-rt synth`, half of them renders and half colour scans, and reads them once without
a break. Then, for each format and each kill: a run to a new output, `kill -9` after a random part of the
time that the unbroken run took, the same command again, and every byte compared but for the report's seconds
and the journal. --in-a-row: one run is killed that often, one time after another, and compared at its end;
a tenth of the work. Each kill's line tells when it came and how many pages were noted by then.
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
"""Exit codes of a run that came to its end: a page may fail, the same way every time."""


class Folder:
    """One folder of pages, and runs of it into outputs of one format."""

    def __init__(self, root: Path, form: str, how: list[str]) -> None:
        self.root, self.form, self.how = root, form, how

    def out(self, name: str) -> Path:
        place = self.root / self.form / name
        return place if FORMATS[self.form].is_folder else place / f"all{FORMATS[self.form].suffixes[0]}"

    def start(self, name: str) -> subprocess.Popen[str]:
        command = [*CLI, "run", str(self.root / "pages"), "--out", str(self.out(name)), "--format", self.form]
        return subprocess.Popen([*command, *self.how], stderr=subprocess.PIPE, text=True)

    def run(self, name: str) -> tuple[int, float, str]:
        """Exit code, seconds and what was said of a run to the end."""
        started = time.perf_counter()
        process = self.start(name)
        said = process.communicate()[1]
        return process.returncode, time.perf_counter() - started, said

    def noted(self, name: str) -> int:
        """Pages in the journal."""
        out = self.out(name)
        path = out / f".{self.form}.journal" if FORMATS[self.form].is_folder else Path(f"{out}.journal")
        return path.read_bytes().count(b'"place"') if path.exists() else 0

    def contents(self, name: str) -> dict[str, bytes]:
        """Every file by name; of the report what is not seconds, and no journal."""
        out = self.out(name)
        files = out.parent.iterdir() if out.is_file() else out.iterdir()
        found = {path.name: path.read_bytes() for path in files if path.suffix != ".journal"}
        return {
            file: _timeless(data) if file.endswith("report.json") else data for file, data in found.items()
        }


def _timeless(report: bytes) -> bytes:
    document = json.loads(report)
    for page in document["results"]:
        page.pop("seconds")
    return json.dumps(document).encode()


def draw(folder: Path, pages: int, seed: int) -> None:
    """The pages, a kind after another."""
    for number, kind in enumerate(KINDS):
        first, last = (pages * k // len(KINDS) for k in (number, number + 1))
        command = [*CLI, "synth", str(folder), "--count", str(last - first), "--first", str(first)]
        subprocess.run([*command, "--kind", kind, "--seed", str(seed)], check=True, capture_output=True)
    for other in folder.glob("*.npz"):
        other.unlink()


def killed(folder: Folder, after_s: float) -> dict[str, Any]:
    """Start a run, end it after so long, and tell what it had noted."""
    process = folder.start(KILLED)
    time.sleep(after_s)
    process.kill()
    process.communicate()
    return {"after_s": round(after_s, 2), "noted": folder.noted(KILLED)}


def resumed(folder: Folder, whole: dict[str, bytes]) -> dict[str, Any]:
    """Give the command again, and compare."""
    code, seconds, said = folder.run(KILLED)
    is_same = code in GOOD and folder.contents(KILLED) == whole
    if not is_same:
        sys.stderr.write(said)
    return {"code": code, "again_s": round(seconds, 1), "is_same": is_same}


def trials(
    folder: Folder, seconds: float, whole: dict[str, bytes], moments: list[float], *, in_a_row: bool
) -> list[dict[str, Any]]:
    """moments: parts of an unbroken run's seconds."""
    found: list[dict[str, Any]] = []
    for number, moment in enumerate(moments, start=1):
        share = 2 / len(moments) if in_a_row else 1.0
        trial = killed(folder, moment * share * seconds)
        if not in_a_row or number == len(moments):
            trial |= resumed(folder, whole)
            shutil.rmtree(folder.root / folder.form / KILLED)
        sys.stderr.write(f"{folder.form} {trial}\n")
        found.append(trial)
    return found


def measured(folder: Folder, kills: int, seed: int, *, in_a_row: bool) -> dict[str, Any]:
    """One format's trials."""
    code, seconds, said = folder.run("whole")
    if code not in GOOD:
        raise SystemExit(said)
    whole = folder.contents("whole")
    chance = random.Random(seed)
    moments = [chance.random() for _ in range(kills)]
    found = trials(folder, seconds, whole, moments, in_a_row=in_a_row)
    ends = [trial["is_same"] for trial in found if "is_same" in trial]
    return {
        "whole_s": round(seconds, 1),
        "files": len(whole),
        "compared": len(ends),
        "same": sum(ends),
        "kills": found,
    }


def main() -> None:
    """Parse, measure, write; the exit code tells whether all were the same."""
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
    given = parser.parse_args()
    how = ["--threads", str(given.threads), *(["--isolate"] if given.isolate else [])]
    formats: dict[str, Any] = {}
    facts = {
        "pages": given.pages,
        "kinds": list(KINDS),
        "isolated": given.isolate,
        "in_a_row": given.in_a_row,
    }
    with tempfile.TemporaryDirectory() as root:
        draw(Path(root) / "pages", given.pages, given.seed)
        for form in given.formats:
            folder = Folder(Path(root), form, how)
            formats[form] = measured(folder, given.kills, given.seed, in_a_row=given.in_a_row)
            write_result(given.result, "kill_resume", given.threads, {**facts, "formats": formats})
    raise SystemExit(0 if all(one["same"] == one["compared"] for one in formats.values()) else 1)


if __name__ == "__main__":
    main()
