"""`ecgdigit-rt robustness`: measure the loss of accuracy on degraded pages."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ecgdigit_rt.cli.console import print_digitizer, print_message
from ecgdigit_rt.cli.options import Backend, Device, Precision, Threads


class SweepName(StrEnum):
    """Names of the sweeps, in the order of `ecgdigit_rt.evaluation.robustness.sweeps.SWEEPS`.

    They are repeated here because `--help` must not load OpenCV.
    """

    rotation = "rotation"
    blur = "blur"
    noise = "noise"
    jpeg = "jpeg"
    perspective = "perspective"
    resolution = "resolution"
    shading = "shading"
    combined = "combined"


def robustness(
    pages: Annotated[list[str], typer.Argument(metavar="PAGE...", help="Image files, folders or globs.")],
    truth: Annotated[
        Path,
        typer.Option("--truth", help="Folder with the true signals: NAME.csv per page, as for `evaluate`."),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="JSON file to write.")],
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Also plot the curves as SVG. Requires the extra `report`.")
    ] = None,
    sweep: Annotated[
        list[SweepName] | None,
        typer.Option("--sweep", help="Kind of degradation. May be repeated. Default: all."),
    ] = None,
    count: Annotated[
        int | None,
        typer.Option(
            "--pages", min=1, help="Number of pages, evenly spaced over all pages with truth. Default: all."
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option("--seed", min=0, help="Random seed. The same seed gives the same pixels.")
    ] = 0,
    backend: Backend = "auto",
    device: Device = "auto",
    precision: Precision = "auto",
    threads: Threads = None,
) -> None:
    """Measure accuracy on increasingly degraded pages.

    The degradations are rotation, blur, noise, JPEG compression, perspective, low resolution, shading, and
    all of these combined. Every page is degraded at every level, digitized and scored against its truth.
    The image files are not modified. A failed page counts as 0 dB.
    """
    from ecgdigit_rt.atomic_files import write_text_atomically
    from ecgdigit_rt.bench.provenance import provenance
    from ecgdigit_rt.cli.console import page_progress
    from ecgdigit_rt.decode.page_list import pages_from_inputs
    from ecgdigit_rt.digitizer import Digitizer
    from ecgdigit_rt.evaluation.robustness.measurement import SCHEMA, measure_robustness, pages_with_truth
    from ecgdigit_rt.evaluation.robustness.report import svg_from_robustness, text_from_robustness
    from ecgdigit_rt.evaluation.robustness.sweeps import SWEEPS
    from ecgdigit_rt.plots.svg import check_matplotlib

    if plot is not None:
        check_matplotlib()
    measured_pages = pages_with_truth(pages_from_inputs(pages), truth, count)
    sweeps = [SWEEPS[name.value] for name in dict.fromkeys(sweep or SweepName)]
    with Digitizer(threads=threads, backend=backend, device=device, precision=precision) as digitizer:
        print_digitizer(digitizer)
        rounds = 1 + sum(len(selected.levels) for selected in sweeps)
        with page_progress(len(measured_pages) * rounds) as advance:
            measured = measure_robustness(digitizer, measured_pages, sweeps, seed, advance)
        result = {
            "schema": SCHEMA,
            "provenance": provenance(digitizer.threads),
            "device": digitizer.device,
            "models": digitizer.models,
            **measured,
        }
    write_text_atomically(json.dumps(result, indent=1, allow_nan=False) + "\n", out)
    if plot is not None:
        write_text_atomically(svg_from_robustness(measured), plot)
    typer.echo(text_from_robustness(measured), nl=False)
    print_message("written", f"{out}{f' · {plot}' if plot is not None else ''}")
