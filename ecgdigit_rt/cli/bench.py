"""`ecgdigit-rt bench`: measure the speed and accuracy of digitization on this machine."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ecgdigit_rt.cli.options import Backend, Device, Precision, Threads

if TYPE_CHECKING:
    from ecgdigit_engine.stage_opener import StageOpener


class Comparison(StrEnum):
    """Runtime that `--compare-with` measures in addition."""

    torch = "torch"


def bench(
    pages: Annotated[list[str], typer.Argument(metavar="PAGE...", help="Image files, folders or globs.")],
    truth: Annotated[
        Path,
        typer.Option("--truth", help="Folder with the true signals: NAME.csv per page, as for `evaluate`."),
    ],
    count: Annotated[
        int,
        typer.Option(
            "--pages",
            min=8,
            help="Number of pages to measure throughput. Pages are repeated if necessary.",
        ),
    ] = 48,
    backend: Backend = "auto",
    device: Device = "auto",
    precision: Precision = "auto",
    threads: Threads = None,
    compare_with: Annotated[
        Comparison | None,
        typer.Option(
            "--compare-with", help="Also measure this runtime. torch: the same weights in eager PyTorch."
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Also write the JSON to this file.")] = None,
) -> None:
    """Measure latency, throughput, memory and network speed on this machine, and print them as JSON.

    The same pages are also scored against their truth, so that the speed is reported with the accuracy.
    """
    from ecgdigit_engine.cpu import usable_cpus
    from ecgdigit_engine.selection import select_backend
    from ecgdigit_rt.bench.benchmark import SCHEMA, BenchmarkSet, run_benchmark, speedups
    from ecgdigit_rt.bench.hardware_limits import machine_limits
    from ecgdigit_rt.bench.provenance import provenance
    from ecgdigit_rt.cli.console import elapsed_spinner
    from ecgdigit_rt.decode.page_list import pages_from_inputs

    benchmark_set = BenchmarkSet(tuple(pages_from_inputs(pages)), truth, count)
    thread_count = threads or usable_cpus()
    opener = select_backend(backend, device, precision).opener()
    other = _opener_to_compare(compare_with)
    result: dict[str, Any] = {"schema": SCHEMA, "provenance": provenance(thread_count)}
    with elapsed_spinner() as show:
        show("machine")
        result["machine"] = machine_limits(benchmark_set.repeated, thread_count)
        show(str(opener))
        result["ours"] = run_benchmark(benchmark_set, opener, thread_count)
        if other is not None:
            show(str(other))
            result["other"] = run_benchmark(benchmark_set, other, thread_count)
            result["times_as_fast"] = speedups(result["ours"], result["other"])
    text = json.dumps(result, indent=1)
    if out is not None:
        out.write_text(text + "\n")
    typer.echo(text)


def _opener_to_compare(comparison: Comparison | None) -> StageOpener | None:
    """Return the stage opener of the compared runtime, or None without a comparison."""
    if comparison is None:
        return None
    from ecgdigit_rt.optional_dependency import missing_dependency_as_error

    with missing_dependency_as_error("ecgdigit-rt bench --compare-with torch", "torch", "export"):
        from ecgdigit_export.eager import eager_stages
    return eager_stages()
