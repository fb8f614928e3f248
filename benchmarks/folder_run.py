"""Accuracy, speed and memory of a folder run through the command line.

    python benchmarks/folder_run.py PAGES TRUTH_DIR TEST_CSV RESULT.json [--threads 2]
        [--backend auto] [--precision auto] [--method networks]

The script runs `ecgdigit-rt run` and `ecgdigit-rt evaluate` as separate processes. The seconds of each page
are taken from the report of the run.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from ecgdigit_rt.bench.provenance import write_result


def run_timed(command: list[str]) -> tuple[float, subprocess.CompletedProcess[str]]:
    """Run a command, and return its wall time in seconds and the completed process."""
    started = time.perf_counter()
    completed = subprocess.run(command, capture_output=True, text=True, check=False)
    return time.perf_counter() - started, completed


def measure(pages: Path, truth: Path, test: Path, threads: int, options: list[str]) -> dict[str, Any]:
    """Measure one folder run with its score, and one run of a single page for the start-up time."""
    cli = [sys.executable, "-m", "ecgdigit_rt"]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "submission.csv"
        run = [*cli, "run", str(pages), "--out", str(out), "--test", str(test), "--threads", str(threads)]
        run += options
        seconds, completed = run_timed(run)
        peak_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        if completed.returncode not in (0, 2):
            raise SystemExit(completed.stderr)
        report = json.loads(out.with_suffix(".report.json").read_text())
        _, evaluation = run_timed([*cli, "evaluate", str(out), str(truth), "--format", "json"])
        first = min(p for p in pages.iterdir() if p.suffix in (".png", ".jpg"))
        single = [*cli, "run", str(first), "--out", str(Path(folder) / "one.csv"), "--threads", str(threads)]
        single_s, _ = run_timed([*single, *options])
    page_seconds = [sum(page["seconds"].values()) for page in report["results"] if page.get("seconds")]
    stages: dict[str, list[float]] = {}
    for page in report["results"]:
        for stage, value in (page.get("seconds") or {}).items():
            stages.setdefault(stage, []).append(value)
    return {
        "device": report["device"],
        "pages": len(report["results"]),
        "failed": [page["id"] for page in report["results"] if page["status"] == "failed"],
        "wall_s": round(seconds, 2),
        "wall_s_per_page": round(seconds / max(1, len(report["results"])), 3),
        "page_s_median": round(median(page_seconds), 3) if page_seconds else None,
        "stage_s_median": {stage: round(median(values), 3) for stage, values in stages.items()},
        "one_page_from_start_s": round(single_s, 2),
        "peak_mb": round(peak_mb),
        "accuracy": json.loads(evaluation.stdout),
    }


def main() -> None:
    """Parse the arguments, measure and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in ("pages", "truth", "test", "result"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--backend", default="auto")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--method", default="networks")
    arguments = parser.parse_args()
    options = [
        "--backend",
        arguments.backend,
        "--precision",
        arguments.precision,
        "--method",
        arguments.method,
    ]
    figures = measure(arguments.pages, arguments.truth, arguments.test, arguments.threads, options)
    write_result(arguments.result, "folder_run", arguments.threads, figures)
    sys.stdout.write(json.dumps({k: v for k, v in figures.items() if k != "accuracy"}, indent=1) + "\n")


if __name__ == "__main__":
    main()
