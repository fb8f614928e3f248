"""Every backend and precision of this CPU on the same pages in one run, and eager PyTorch: a table.

    python benchmarks/backend_table.py TRUTH RESULT.json PAGE... [--pages 36] [--rounds 3]
        [--readme README.md]

Each round measures all of them in turn; figures are medians over rounds, so that a slow minute of the machine
falls on all. With --readme the table there, between its two marks, is written anew from the result.
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
from ecgdigit_engine.device import CPU
from ecgdigit_engine.selection import select_backend
from ecgdigit_engine.threads import usable_cpus
from ecgdigit_export.eager import EagerTorch
from ecgdigit_rt.bench.measure import BenchmarkSet, bench, machine
from ecgdigit_rt.bench.provenance import write_result
from ecgdigit_rt.decode.page_list import pages_from_inputs
from ecgdigit_rt.digitizer import StageOpener

BEGIN, END = "<!-- bench: written by benchmarks/backend_table.py -->", "<!-- end of bench -->"
LOOP = "torch, eager"


def openers() -> dict[str, StageOpener]:
    found: dict[str, StageOpener] = {}
    for name, backend in all_backends().items():
        answer = backend.probe()
        if isinstance(answer, Ready):
            for precision in answer.devices.get(CPU, ()):
                found[f"{name} {precision}"] = select_backend(name, "cpu", precision)
    found[LOOP] = EagerTorch()
    return found


def row(rounds: list[dict[str, Any]]) -> dict[str, float]:
    """One opener's medians."""

    def middle(*keys: str) -> float:
        values = []
        for one in rounds:
            value: Any = one
            for key in keys:
                value = value[key]
            values.append(float(value))
        return round(median(values), 3)

    return {
        "s_per_page": middle("folder", "s_per_page"),
        "latency_s": middle("latency_s", "p50"),
        "peak_mb": middle("folder", "peak_mb"),
        "mean_db": middle("accuracy", "mean_db"),
    }


def table(figures: dict[str, Any]) -> str:
    """The figures as Markdown."""
    loop = figures["rows"][LOOP]["latency_s"]
    lines = [
        "| networks | s a page, folder | s a page, alone | against a loop of eager PyTorch | mean dB |",
        "|---|---|---|---|---|",
    ]
    for name, one in figures["rows"].items():
        folder = "–" if name == LOOP else f"{one['s_per_page']:.2f}"
        times = "1" if name == LOOP else f"{loop / one['s_per_page']:.1f}"
        lines.append(f"| {name} | {folder} | {one['latency_s']:.2f} | {times} × | {one['mean_db']:.2f} |")
    return "\n".join(lines)


def main() -> None:
    """Parse, measure, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in ("truth", "result"):
        parser.add_argument(name, type=Path)
    parser.add_argument("page", nargs="+")
    parser.add_argument("--pages", type=int, default=36)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--readme", type=Path)
    given = parser.parse_args()
    threads = usable_cpus()
    material = BenchmarkSet(tuple(pages_from_inputs(given.page)), given.truth, given.pages)
    seen: dict[str, list[dict[str, Any]]] = {}
    for _ in range(given.rounds):
        for name, opener in openers().items():
            seen.setdefault(name, []).append(bench(material, opener, threads))
    figures = {
        "machine": machine(material, threads),
        "pages": [page.id for page in material.pages],
        "rows": {name: row(rounds) for name, rounds in seen.items()},
        "rounds": seen,
    }
    write_result(given.result, "backend_table", threads, figures)
    if given.readme is not None:
        text = given.readme.read_text()
        before, rest = text.split(BEGIN)
        given.readme.write_text(f"{before}{BEGIN}\n\n{table(figures)}\n\n{END}{rest.split(END)[1]}")
    sys.stdout.write(table(figures) + "\n" + json.dumps(figures["machine"]) + "\n")


if __name__ == "__main__":
    main()
