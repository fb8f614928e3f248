"""Long run: check that memory, open files and throughput stay constant and no page is lost or duplicated.

    python benchmarks/soak.py RESULT.json [--pages 1000] [--distinct 36] [--threads 2] [--isolate]

The script draws some distinct pages with `ecgdigit-rt synth`, links them under many names, adds the invalid
files of tests/support/input_corpus.py, and digitizes all pages to a Parquet file with `ecgdigit-rt run`. The
processes of the run and the number of pages in its journal are sampled every second. The run is divided into
four parts with equal numbers of pages. The first part is the warm-up.

- Memory is constant if the median resident memory of the last part is at most 5 % above that of the second.
- Handles are constant if the median number of open files of the last part is at most 4 above that of the
  second.
- Throughput is constant if the slowest of the last three parts has at least 0.7 of the speed of the fastest.
- Nothing is lost or duplicated if the table and the report contain each page of the folder exactly once.

The exit code is 1 if one of these checks fails.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from ecgdigit_rt.bench.provenance import write_result
from ecgdigit_rt.decode.page_list import page_ids, pages_from_inputs

sys.path.append(str(Path(__file__).parent.parent / "tests" / "support"))

from input_corpus import INVALID, CorpusFile

CLI = [sys.executable, "-m", "ecgdigit_rt"]
KINDS = ("render", "colour_scan", "photo")
PARTS = 4
EXCLUDED = {"many.pdf", "huge.png"}
"""Files with 500 pages or with 3 GB to hash, which would take most of the run."""

MAX_MEMORY_GROWTH, MAX_MORE_HANDLES, MIN_SPEED = 1.05, 4, 0.7
"""Limits of the checks. Hand-picked, not tuned."""


@dataclass(frozen=True, slots=True)
class Sample:
    """State of the run at one time. Memory and handles are summed over its processes."""

    at_s: float
    pages: int
    resident_mb: float
    handles: int
    processes: int


def draw(folder: Path, pages: int, distinct: int) -> None:
    """Write the valid pages and the invalid files, both divided among up to ten folders."""
    drawn = folder.with_name("drawn")
    for number, kind in enumerate(KINDS):
        first, last = (distinct * k // len(KINDS) for k in (number, number + 1))
        command = [*CLI, "synth", str(drawn), "--count", str(last - first), "--first", str(first)]
        subprocess.run([*command, "--kind", kind], check=True, capture_output=True)
    images = sorted(drawn.glob("*.jpg"))
    invalid: list[CorpusFile] = [file for file in INVALID if file.name not in EXCLUDED]
    groups = min(10, pages)
    for group in range(groups):
        subfolder = folder / f"{group:02}"
        subfolder.mkdir(parents=True)
        for number in range(pages * group // groups, pages * (group + 1) // groups):
            os.link(images[number % len(images)], subfolder / f"page-{number:06}.jpg")
        for file in invalid[group::groups]:
            file.write(subfolder / file.name)
    shutil.rmtree(drawn)


def run_sampled(command: list[str], journal: Path) -> tuple[int, float, list[Sample], str]:
    """Run a command, and return its exit code, seconds, samples and standard error."""
    samples: list[Sample] = []
    with tempfile.TemporaryFile("w+") as log:
        started = time.perf_counter()
        process = psutil.Popen(command, stderr=log)
        while process.poll() is None:
            time.sleep(1)
            sample = take_sample(process, time.perf_counter() - started, journal)
            if sample is not None:
                samples.append(sample)
        seconds = time.perf_counter() - started
        log.seek(0)
        return process.returncode, seconds, samples, log.read()


def take_sample(process: psutil.Popen, at_s: float, journal: Path) -> Sample | None:
    """Return a sample, or None if the run has just ended."""
    try:
        members = [process, *process.children(recursive=True)]
        resident_mb = sum(member.memory_info().rss for member in members) / 1e6
        handles = sum(member.num_fds() for member in members)
    except psutil.Error:
        return None
    pages = journal.read_bytes().count(b'"report"') if journal.exists() else 0
    return Sample(round(at_s, 1), pages, round(resident_mb, 1), handles, len(members))


def summarize_parts(samples: list[Sample], pages: int) -> list[dict[str, float]]:
    """Return the medians and the pages per second of each part."""
    parts = []
    for part in range(PARTS):
        low, high = pages * part / PARTS, pages * (part + 1) / PARTS
        in_part = [sample for sample in samples if low < sample.pages <= high and sample.pages < pages]
        if len(in_part) < 2:
            raise SystemExit(f"Part {part + 1} of the run has fewer than two samples. Increase --pages.")
        seconds = in_part[-1].at_s - in_part[0].at_s
        parts.append(
            {
                "resident_mb": median(sample.resident_mb for sample in in_part),
                "handles": median(sample.handles for sample in in_part),
                "pages_per_s": round((in_part[-1].pages - in_part[0].pages) / seconds, 3),
            }
        )
    return parts


def verdicts(
    parts: list[dict[str, float]], expected: list[str], table: list[str], reported: list[str]
) -> dict[str, bool]:
    """Return the results of the checks. `expected`, `table` and `reported` are lists of page ids."""
    second, last = parts[1], parts[-1]
    speeds = [part["pages_per_s"] for part in parts[1:]]
    return {
        "memory_flat": last["resident_mb"] <= MAX_MEMORY_GROWTH * second["resident_mb"],
        "handles_flat": last["handles"] <= second["handles"] + MAX_MORE_HANDLES,
        "throughput_steady": min(speeds) >= MIN_SPEED * max(speeds),
        "each_page_once": Counter(table) == Counter(reported) == Counter(expected)
        and len(set(expected)) == len(expected),
    }


def table_pages(path: Path) -> list[str]:
    """Return the page ids in the table, each as often as its most frequent lead occurs."""
    from pyarrow import parquet

    rows = parquet.read_table(path, columns=["page_id", "lead"]).to_pylist()
    leads = Counter((row["page_id"], row["lead"]) for row in rows)
    max_counts: dict[str, int] = {}
    for (page, _), count in leads.items():
        max_counts[page] = max(max_counts.get(page, 0), count)
    return [page for page, count in max_counts.items() for _ in range(count)]


def measure(pages: int, distinct: int, options: list[str]) -> dict[str, Any]:
    """Draw the pages, run, and check."""
    with tempfile.TemporaryDirectory() as root:
        folder, out = Path(root) / "pages", Path(root) / "out" / "all.parquet"
        draw(folder, pages, distinct)
        expected = page_ids(pages_from_inputs([folder]))
        command = [*CLI, "run", str(folder), "--out", str(out), *options]
        code, seconds, samples, log = run_sampled(command, Path(f"{out}.journal"))
        if code not in (0, 2):
            raise SystemExit(log)
        report = json.loads(out.with_suffix(".report.json").read_text())
        table = table_pages(out)
        size_mb = out.stat().st_size / 1e6
    parts = summarize_parts(samples, len(expected))
    reported = [page["id"] for page in report["results"]]
    return {
        "good_pages": pages,
        "distinct": min(distinct, pages),
        "pages": len(expected),
        "digitized": report["digitized"],
        "doubtful": report["doubtful"],
        "failed": report["failed"],
        "missing_leads": report["missing_leads"],
        "errors": dict(Counter(page["error_id"] for page in report["results"] if page["status"] == "failed")),
        "device": report["device"],
        "seconds": round(seconds, 1),
        "s_per_page": round(seconds / len(expected), 3),
        "parquet_mb": round(size_mb, 2),
        "peak_mb": max(sample.resident_mb for sample in samples),
        "parts": parts,
        "verdicts": verdicts(parts, expected, table, reported),
        "samples": [asdict(sample) for sample in samples[:: max(1, len(samples) // 300)]],
    }


def main() -> None:
    """Parse the arguments, measure and write. The exit code is 0 if every check passes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("result", type=Path)
    parser.add_argument("--pages", type=int, default=1000)
    parser.add_argument("--distinct", type=int, default=36)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--isolate", action="store_true")
    arguments = parser.parse_args()
    options = ["--threads", str(arguments.threads), *(["--isolate"] if arguments.isolate else [])]
    figures = measure(arguments.pages, arguments.distinct, options)
    write_result(arguments.result, "soak", arguments.threads, {"isolated": arguments.isolate, **figures})
    sys.stdout.write(json.dumps({k: v for k, v in figures.items() if k != "samples"}, indent=1) + "\n")
    raise SystemExit(0 if all(figures["verdicts"].values()) else 1)


if __name__ == "__main__":
    main()
