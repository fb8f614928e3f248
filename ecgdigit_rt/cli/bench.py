"""`ecgdigit-rt bench`: speed with its accuracy, on this machine, on pages with truth."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ecgdigit_rt.cli.options import Backend, Device, Precision, Threads

if TYPE_CHECKING:
    from ecgdigit_rt.digitizer import StageOpener


class Against(StrEnum):
    """What to compare with."""

    torch = "torch"


def bench(
    pages: Annotated[list[str], typer.Argument(metavar="PAGE...", help="Image files, folders, globs.")],
    truth: Annotated[Path, typer.Option("--truth", help="Folder with their NAME.csv, as `evaluate` takes.")],
    count: Annotated[int, typer.Option("--pages", min=8, help="Pages of the folder run.")] = 48,
    backend: Backend = "auto",
    device: Device = "auto",
    precision: Precision = "auto",
    threads: Threads = None,
    against: Annotated[
        Against | None,
        typer.Option("--compare-with", help="torch: the same weights in eager PyTorch, same run."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Where to write the JSON as well.")] = None,
) -> None:
    """Measure latency, pages per second, memory and what the networks reach; print JSON.

    No speed without accuracy: the same pages are scored against their truth.
    """
    from ecgdigit_engine.selection import select_backend
    from ecgdigit_engine.threads import usable_cpus
    from ecgdigit_rt.bench import measure
    from ecgdigit_rt.bench.provenance import provenance
    from ecgdigit_rt.cli.progress import elapsed_spinner
    from ecgdigit_rt.decode.page_list import pages_from_inputs

    material = measure.BenchmarkSet(tuple(pages_from_inputs(pages)), truth, count)
    number = threads or usable_cpus()
    opener = select_backend(backend, device, precision)
    other = _other(against)
    result: dict[str, Any] = {"schema": measure.SCHEMA, "provenance": provenance(number)}
    with elapsed_spinner() as say:
        say("machine")
        result["machine"] = measure.machine(material, number)
        say(str(opener))
        result["ours"] = measure.bench(material, opener, number)
        if other is not None:
            say(str(other))
            result["other"] = measure.bench(material, other, number)
            result["times_as_fast"] = measure.against(result["ours"], result["other"])
    text = json.dumps(result, indent=1)
    if out is not None:
        out.write_text(text + "\n")
    typer.echo(text)


def _other(against: Against | None) -> StageOpener | None:
    if against is None:
        return None
    from ecgdigit_rt.cli.export_extra import needed_for

    with needed_for("bench --compare-with torch"):
        from ecgdigit_export.eager import EagerTorch
    return EagerTorch()
