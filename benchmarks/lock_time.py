"""Time for which a folder run holds Python's global interpreter lock (GIL), per page and by function.

    python benchmarks/lock_time.py PAGES [--result RESULT.json] [--threads 2] [--rate 400]

Runs `ecgdigit-rt run` on a folder under `py-spy record --gil`, which samples the thread that holds the lock.
A process digitizes at most one page per this time, on any number of cores. Only the work on pages is counted.
The machine must be idle, because a thread that the system interrupts keeps the lock. Needs py-spy, and
permission to trace processes.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from ecgdigit_rt.bench.provenance import write_result
from ecgdigit_rt.decode.page_list import pages_from_inputs

_PAGE_FRAME = re.compile(r"\b(_result|_prepared|_finished) \([^)]*digitizer\.py")
"""Functions of the digitizer that contain all work on a page."""

_OWN_FRAME = re.compile(r"(\w+) \(.*?((?:ecgdigit_rt|ecgdigit_engine|ecgdigit_kernels)[\w/]*\.py)(?::\d+)?\)")


def stacks(profile: Path) -> Iterator[tuple[list[str], int]]:
    """Yield each stack of frames, the outermost first, with its number of samples."""
    for line in profile.read_text().splitlines():
        frames, _, count = line.rpartition(" ")
        yield frames.split(";"), int(count)


def samples_by_function(profile: Path) -> Counter[str]:
    """Return the samples of the work on pages by the innermost function of this project."""
    counts = Counter[str]()
    for frames, count in stacks(profile):
        if any(_PAGE_FRAME.search(frame) for frame in frames):
            own = [match for match in map(_OWN_FRAME.search, frames) if match]
            counts[f"{own[-1][2]}: {own[-1][1]}" if own else "other"] += count
    return counts


def main() -> None:
    """Parse the arguments, measure, print and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pages", type=Path)
    parser.add_argument("--result", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rate", type=int, default=400)
    arguments = parser.parse_args()
    pages = len(list(pages_from_inputs([str(arguments.pages)])))
    with tempfile.TemporaryDirectory() as folder:
        profile = Path(folder) / "profile.txt"
        run = [
            sys.executable, "-m", "ecgdigit_rt", "run", str(arguments.pages), "--workers", "1", "--no-ocr",
            "--threads", str(arguments.threads), "--out", str(Path(folder) / "signals.parquet"),
        ]  # fmt: skip
        record = ["py-spy", "record", "--gil", "--format", "raw", "--rate", str(arguments.rate)]
        subprocess.run(
            [*record, "--output", str(profile), "--", *run],
            env={**os.environ},
            check=False,
            stdout=sys.stderr,
        )
        counts = samples_by_function(profile)
    ms_per_sample = 1000 / arguments.rate / pages
    figures = {
        "pages": pages,
        "lock_ms_per_page": round(sum(counts.values()) * ms_per_sample, 1),
        "ms_by_function": {name: round(count * ms_per_sample, 2) for name, count in counts.most_common(40)},
    }
    sys.stdout.write(f"{figures['lock_ms_per_page']} ms of the lock per page\n")
    for name, ms in figures["ms_by_function"].items():  # type: ignore[union-attr]
        sys.stdout.write(f"{ms:7.2f} ms  {name}\n")
    if arguments.result is not None:
        write_result(arguments.result, "lock_time", arguments.threads, figures)


if __name__ == "__main__":
    main()
