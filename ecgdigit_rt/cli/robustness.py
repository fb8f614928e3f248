"""`ecgdigit-rt robustness`: pages made worse step by step, and what that costs."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ecgdigit_rt.cli.options import Backend, Device, Precision, Threads


class SweepName(StrEnum):
    """The names in `ecgdigit_rt.evaluation.robustness.sweeps.SWEEPS`, here for the help, which loads no OpenCV."""

    rotation = "rotation"
    blur = "blur"
    noise = "noise"
    jpeg = "jpeg"
    perspective = "perspective"
    resolution = "resolution"
    shading = "shading"
    combined = "combined"


def robustness(
    pages: Annotated[list[str], typer.Argument(metavar="PAGE...", help="Image files, folders, globs.")],
    truth: Annotated[Path, typer.Option("--truth", help="Folder with their NAME.csv, as `evaluate` takes.")],
    out: Annotated[Path, typer.Option("--out", help="The JSON to write.")],
    plot: Annotated[Path | None, typer.Option("--plot", help="Also draw the curves, as SVG.")] = None,
    sweep: Annotated[
        list[SweepName] | None,
        typer.Option("--sweep", help="Only this one; may be given again. Default: all."),
    ] = None,
    count: Annotated[
        int | None,
        typer.Option("--pages", min=1, help="Only so many pages, evenly from all that have truth."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Same seed, same degradations.")] = 0,
    backend: Backend = "auto",
    device: Device = "auto",
    precision: Precision = "auto",
    threads: Threads = None,
) -> None:
    """Measure how accuracy falls as pages get worse: turned, blurred, noisy, small, dark, all at once.

    Every page is degraded in memory at every level, digitized and scored against its truth; its file is
    not touched. A page that can no longer be read counts as 0 dB.
    """
    from ecgdigit_rt.atomic_files import write_text_atomically
    from ecgdigit_rt.bench.provenance import provenance
    from ecgdigit_rt.cli.progress import page_progress
    from ecgdigit_rt.decode.page_list import pages_from_inputs
    from ecgdigit_rt.digitizer import Digitizer
    from ecgdigit_rt.evaluation.robustness import measure
    from ecgdigit_rt.evaluation.robustness.curves import svg_from_figures
    from ecgdigit_rt.evaluation.robustness.sweeps import SWEEPS
    from ecgdigit_rt.evaluation.robustness.table import text_from_figures

    material = measure.pages_with_truth(pages_from_inputs(pages), truth, count)
    sweeps = [SWEEPS[name.value] for name in dict.fromkeys(sweep or SweepName)]
    digitizer = Digitizer(threads=threads, backend=backend, device=device, precision=precision)
    typer.echo(f"device   {digitizer.device}\nmodels   {digitizer.models}", err=True)
    turns = 1 + sum(len(one.levels) for one in sweeps)
    with page_progress(len(material) * turns) as advance:
        figures = measure.robustness(digitizer, material, sweeps, seed, advance)
    facts = {"device": digitizer.device, "models": digitizer.models, **figures}
    result = {"schema": measure.SCHEMA, "provenance": provenance(digitizer.threads), **facts}
    write_text_atomically(json.dumps(result, indent=1, allow_nan=False) + "\n", out)
    if plot is not None:
        write_text_atomically(svg_from_figures(figures), plot)
    typer.echo(text_from_figures(figures), nl=False)
    typer.echo(f"written  {out}{f' · {plot}' if plot is not None else ''}", err=True)
