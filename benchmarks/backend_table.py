"""Table of all CPU backends and precisions, and of eager PyTorch, measured on the same pages in one run.

    python benchmarks/backend_table.py TRUTH RESULT.json PAGE... [--pages 36] [--rounds 3]
        [--readme README.md]

Each round measures all backends in turn. The values are medians over rounds, so a slow minute of the machine
affects all backends. With --readme, the table between the two markers in that file is replaced.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from statistics import median
from typing import Any

from ecgdigit_engine.backends import all_backends
from ecgdigit_engine.backends.backend import Ready
from ecgdigit_engine.cpu import usable_cpus
from ecgdigit_engine.device import CPU
from ecgdigit_engine.selection import select_backend
from ecgdigit_engine.stage_opener import StageOpener
from ecgdigit_export.eager import eager_stages
from ecgdigit_rt.bench.benchmark import BenchmarkSet, run_benchmark
from ecgdigit_rt.bench.hardware_limits import machine_limits
from ecgdigit_rt.bench.provenance import write_result
from ecgdigit_rt.decode.page_list import pages_from_inputs

BEGIN, END = "<!-- bench: written by benchmarks/backend_table.py -->", "<!-- end of bench -->"
LOOP = "torch, eager"


def openers() -> dict[str, StageOpener]:
    """Return the opener of each ready CPU backend and precision, and of eager PyTorch."""
    openers_by_name: dict[str, StageOpener] = {}
    for name, backend in all_backends().items():
        probe = backend.probe()
        if isinstance(probe, Ready):
            for precision in probe.devices.get(CPU, ()):
                openers_by_name[f"{name} {precision}"] = select_backend(name, "cpu", precision).opener()
    openers_by_name[LOOP] = eager_stages()
    return openers_by_name


def row(rounds: list[dict[str, Any]]) -> dict[str, float]:
    """Return the medians of one opener over the rounds."""

    def median_of(*keys: str) -> float:
        values = []
        for result in rounds:
            value: Any = result
            for key in keys:
                value = value[key]
            values.append(float(value))
        return round(median(values), 3)

    return {
        "s_per_page": median_of("folder", "s_per_page"),
        "latency_s": median_of("latency_s", "p50"),
        "peak_mb": median_of("folder", "peak_mb"),
        "mean_db": median_of("accuracy", "mean_db"),
    }


def table(figures: dict[str, Any]) -> str:
    """Return the table in Markdown."""
    loop_s = figures["rows"][LOOP]["latency_s"]
    lines = [
        "| networks | s per page, folder | s per page, single | speedup over eager PyTorch loop | mean dB |",
        "|---|---|---|---|---|",
    ]
    for name, medians in figures["rows"].items():
        folder = "–" if name == LOOP else f"{medians['s_per_page']:.2f}"
        speedup = "1" if name == LOOP else f"{loop_s / medians['s_per_page']:.1f}"
        latency, db = f"{medians['latency_s']:.2f}", f"{medians['mean_db']:.2f}"
        lines.append(f"| {name} | {folder} | {latency} | {speedup} × | {db} |")
    return "\n".join(lines)


def main() -> None:
    """Parse the arguments, measure and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in ("truth", "result"):
        parser.add_argument(name, type=Path)
    parser.add_argument("page", nargs="+")
    parser.add_argument("--pages", type=int, default=36)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--readme", type=Path)
    arguments = parser.parse_args()
    threads = usable_cpus()
    benchmark_set = BenchmarkSet(tuple(pages_from_inputs(arguments.page)), arguments.truth, arguments.pages)
    rounds: dict[str, list[dict[str, Any]]] = {}
    for _ in range(arguments.rounds):
        for name, opener in openers().items():
            rounds.setdefault(name, []).append(run_benchmark(benchmark_set, opener, threads))
    figures = {
        "machine": machine_limits(benchmark_set.repeated, threads),
        "pages": [page.id for page in benchmark_set.pages],
        "rows": {name: row(measured) for name, measured in rounds.items()},
        "rounds": rounds,
    }
    write_result(arguments.result, "backend_table", threads, figures)
    if arguments.readme is not None:
        text = arguments.readme.read_text()
        before, rest = text.split(BEGIN)
        arguments.readme.write_text(f"{before}{BEGIN}\n\n{table(figures)}\n\n{END}{rest.split(END)[1]}")
    sys.stdout.write(table(figures) + "\n" + json.dumps(figures["machine"]) + "\n")


if __name__ == "__main__":
    main()
