"""Throughput and memory of folder runs with threads of one process, and with worker processes.

    python benchmarks/worker_processes.py PAGES RESULT.json [--workers 1 2] [--threads 2] [--repeats 3]
        [--python OTHER/bin/python]

Runs `ecgdigit-rt run` on a folder, in turns with every number of workers. 1 is one process with all threads.
The run of a single core is limited to one CPU and one thread. With `--python`, the version that is installed
for that interpreter takes part as well. The time contains starting and loading. The script compares the
outputs of the numbers of workers byte by byte, and samples the proportional memory (PSS) of all processes of
a run.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from ecgdigit_rt.bench.provenance import write_result

_SAMPLE_S = 2.0  # time between two samples of the memory, which stop the processes for a moment
SINGLE_CORE = "single core"


@dataclass(frozen=True, slots=True)
class Measurement:
    """One run: its wall time, its maximum memory, and the digest of its output."""

    seconds: float
    peak_mb: float
    sha256: str


def measure(command: list[str], out: Path, cpus: set[int] | None = None) -> Measurement:
    """Run a command that writes `out`, on these CPUs. Raises SystemExit if it fails."""
    started = time.perf_counter()
    with tempfile.TemporaryFile() as log:
        process = psutil.Popen(command, stderr=log, stdout=log)
        if cpus is not None:
            process.cpu_affinity(sorted(cpus))
        peak = 0.0
        while process.poll() is None:
            peak = max(peak, sum(_memory_mb(process)))
            time.sleep(_SAMPLE_S)
        seconds = time.perf_counter() - started
        if process.returncode not in (0, 2):
            log.seek(0)
            raise SystemExit(log.read().decode())
    return Measurement(seconds, peak, hashlib.sha256(out.read_bytes()).hexdigest())


def _memory_mb(process: psutil.Popen) -> Iterator[float]:
    """Yield the proportional memory of a process and of each of its children in MB."""
    try:
        members = [process, *process.children(recursive=True)]
    except psutil.Error:
        return
    for member in members:
        try:
            yield member.memory_full_info().pss / 1e6
        except psutil.Error:
            continue


def main() -> None:
    """Parse the arguments, measure, and write the result after every round."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pages", type=Path)
    parser.add_argument("result", type=Path)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--python", type=Path)
    arguments = parser.parse_args()
    pages = sum(path.suffix in (".png", ".jpg") for path in arguments.pages.iterdir())
    runs: dict[str, list[Measurement]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:

        def run(name: str, python: str, *options: str, cpus: set[int] | None = None) -> None:
            out = Path(folder) / f"{name} {len(runs[name])}.csv"
            command = [python, "-m", "ecgdigit_rt", "run", str(arguments.pages), "--out", str(out)]
            runs[name].append(measure([*command, *options], out, cpus))
            last = runs[name][-1]
            sys.stdout.write(f"{name:16} {pages / last.seconds:6.2f} pages/s  {last.peak_mb:6.0f} MB\n")
            sys.stdout.flush()

        threads = str(arguments.threads)
        for _ in range(arguments.repeats):
            one = {min(os.sched_getaffinity(0))}
            run(SINGLE_CORE, sys.executable, "--workers", "1", "--threads", "1", cpus=one)
            if arguments.python is not None:
                run("other version", str(arguments.python), "--threads", threads)
            for workers in arguments.workers:
                run(f"{workers} workers", sys.executable, "--workers", str(workers), "--threads", threads)
            write_result(arguments.result, "worker_processes", arguments.threads, _figures(runs, pages))


def _figures(runs: dict[str, list[Measurement]], pages: int) -> dict[str, Any]:
    digests = {run.sha256 for name, own in runs.items() if name.endswith("workers") for run in own}
    return {
        "pages": pages,
        "outputs_are_identical": len(digests) == 1,
        "runs": {
            name: {
                "pages_per_s_median": round(median(pages / run.seconds for run in own), 3),
                "pages_per_s": [round(pages / run.seconds, 3) for run in own],
                "peak_mb": round(max(run.peak_mb for run in own)),
            }
            for name, own in runs.items()
        },
    }


if __name__ == "__main__":
    main()
