"""Whether a long run stays as it began: memory, file handles, speed, and every page exactly once.

    python benchmarks/soak.py RESULT.json [--pages 1000] [--distinct 36] [--threads 2] [--isolate]

Draws some distinct pages with `ecgdigit-rt synth`, gives them many names, spreads the bad files of
tests/support/zoo.py among them, and reads all with `ecgdigit-rt run --format parquet` as a user does. Every second
the processes of the run are looked at, and how many pages its journal has. The run is cut into four parts of
as many pages; the first one warms up:

- memory is flat if the median resident memory of the last part is at most 5 % above that of the second;
- handles are flat if the median number of open files of the last part is at most 4 above that of the second;
- throughput is steady if the slowest of the last three parts has at least 0.7 of the fastest one's speed;
- nothing is lost or doubled if the table's pages and the report's are just those of the folder, once each.

The exit code is 1 where one of them does not hold.
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

from zoo import BAD, Animal

CLI = [sys.executable, "-m", "ecgdigit_rt"]
KINDS = ("render", "colour_scan", "photo")
PARTS = 4
LEFT_OUT = {"many.pdf", "huge.png"}
"""500 pages in one file, and 3 GB to be hashed: they would stand for most of the run."""
MEMORY_GROWTH, MORE_HANDLES, LEAST_SPEED = 1.05, 4, 0.7


@dataclass(frozen=True, slots=True)
class Sample:
    """The run after so many seconds: all its processes together."""

    at_s: float
    pages: int
    resident_mb: float
    handles: int
    processes: int


def draw(folder: Path, pages: int, distinct: int) -> None:
    """pages: good ones, in ten folders, each with its share of the bad files."""
    drawn = folder.with_name("drawn")
    for number, kind in enumerate(KINDS):
        first, last = (distinct * k // len(KINDS) for k in (number, number + 1))
        command = [*CLI, "synth", str(drawn), "--count", str(last - first), "--first", str(first)]
        subprocess.run([*command, "--kind", kind], check=True, capture_output=True)
    pictures = sorted(drawn.glob("*.jpg"))
    animals: list[Animal] = [animal for animal in BAD if animal.name not in LEFT_OUT]
    groups = min(10, pages)
    for group in range(groups):
        place = folder / f"{group:02}"
        place.mkdir(parents=True)
        for number in range(pages * group // groups, pages * (group + 1) // groups):
            os.link(pictures[number % len(pictures)], place / f"page-{number:06}.jpg")
        for animal in animals[group::groups]:
            animal.make(place / animal.name)
    shutil.rmtree(drawn)


def watched(command: list[str], journal: Path) -> tuple[int, float, list[Sample], str]:
    """Exit code, seconds, samples and what was said of a run."""
    samples: list[Sample] = []
    with tempfile.TemporaryFile("w+") as said:
        started = time.perf_counter()
        process = psutil.Popen(command, stderr=said)
        while process.poll() is None:
            time.sleep(1)
            sample = sampled(process, time.perf_counter() - started, journal)
            if sample is not None:
                samples.append(sample)
        seconds = time.perf_counter() - started
        said.seek(0)
        return process.returncode, seconds, samples, said.read()


def sampled(process: psutil.Popen, at_s: float, journal: Path) -> Sample | None:
    """None where the run ended just now."""
    try:
        members = [process, *process.children(recursive=True)]
        resident_mb = sum(one.memory_info().rss for one in members) / 1e6
        handles = sum(one.num_fds() for one in members)
    except psutil.Error:
        return None
    noted = journal.read_bytes().count(b'"place"') if journal.exists() else 0
    return Sample(round(at_s, 1), noted, round(resident_mb, 1), handles, len(members))


def in_parts(samples: list[Sample], pages: int) -> list[dict[str, float]]:
    """Each part of as many pages: its medians, and its pages a second."""
    found = []
    for part in range(PARTS):
        low, high = pages * part / PARTS, pages * (part + 1) / PARTS
        own = [one for one in samples if low < one.pages <= high and one.pages < pages]
        if len(own) < 2:
            raise SystemExit(f"part {part + 1} of the run was too short to be looked at: give more --pages")
        seconds = own[-1].at_s - own[0].at_s
        found.append(
            {
                "resident_mb": median(one.resident_mb for one in own),
                "handles": median(one.handles for one in own),
                "pages_per_s": round((own[-1].pages - own[0].pages) / seconds, 3),
            }
        )
    return found


def verdicts(
    parts: list[dict[str, float]], expected: list[str], table: list[str], told: list[str]
) -> dict[str, bool]:
    """The claims of this module's docstring, by name."""
    second, last = parts[1], parts[-1]
    speeds = [part["pages_per_s"] for part in parts[1:]]
    return {
        "memory_flat": last["resident_mb"] <= MEMORY_GROWTH * second["resident_mb"],
        "handles_flat": last["handles"] <= second["handles"] + MORE_HANDLES,
        "throughput_steady": min(speeds) >= LEAST_SPEED * max(speeds),
        "each_page_once": Counter(table) == Counter(told) == Counter(expected)
        and len(set(expected)) == len(expected),
    }


def table_pages(path: Path) -> list[str]:
    """The ids in the table: of each run of lines with one id, and of one lead twice, once more."""
    from pyarrow import parquet

    rows = parquet.read_table(path, columns=["page_id", "lead"]).to_pylist()
    leads = Counter((row["page_id"], row["lead"]) for row in rows)
    most: dict[str, int] = {}
    for (page, _), count in leads.items():
        most[page] = max(most.get(page, 0), count)
    return [page for page, count in most.items() for _ in range(count)]


def measured(pages: int, distinct: int, how: list[str]) -> dict[str, Any]:
    """Draw, read, look."""
    with tempfile.TemporaryDirectory() as root:
        folder, out = Path(root) / "pages", Path(root) / "out" / "all.parquet"
        draw(folder, pages, distinct)
        expected = page_ids(pages_from_inputs([folder]))
        command = [*CLI, "run", str(folder), "--out", str(out), *how]
        code, seconds, samples, said = watched(command, Path(f"{out}.journal"))
        if code not in (0, 2):
            raise SystemExit(said)
        report = json.loads(out.with_suffix(".report.json").read_text())
        table = table_pages(out)
        size_mb = out.stat().st_size / 1e6
    parts = in_parts(samples, len(expected))
    told = [page["id"] for page in report["results"]]
    return {
        "good_pages": pages,
        "distinct": min(distinct, pages),
        "pages": len(expected),
        "digitized": report["digitized"],
        "partial": report["partial"],
        "failed": report["failed"],
        "errors": dict(Counter(page["error_id"] for page in report["results"] if page["status"] == "failed")),
        "device": report["device"],
        "seconds": round(seconds, 1),
        "s_per_page": round(seconds / len(expected), 3),
        "parquet_mb": round(size_mb, 2),
        "peak_mb": max(one.resident_mb for one in samples),
        "parts": parts,
        "verdicts": verdicts(parts, expected, table, told),
        "samples": [asdict(one) for one in samples[:: max(1, len(samples) // 300)]],
    }


def main() -> None:
    """Parse, measure, write; the exit code tells whether every claim holds."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("result", type=Path)
    parser.add_argument("--pages", type=int, default=1000)
    parser.add_argument("--distinct", type=int, default=36)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--isolate", action="store_true")
    given = parser.parse_args()
    how = ["--threads", str(given.threads), *(["--isolate"] if given.isolate else [])]
    figures = measured(given.pages, given.distinct, how)
    write_result(given.result, "soak", given.threads, {"isolated": given.isolate, **figures})
    sys.stdout.write(json.dumps({k: v for k, v in figures.items() if k != "samples"}, indent=1) + "\n")
    raise SystemExit(0 if all(figures["verdicts"].values()) else 1)


if __name__ == "__main__":
    main()
