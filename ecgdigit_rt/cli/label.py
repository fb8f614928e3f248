"""`ecgdigit-rt label`: your own pages, with the signals they show, become pages to train on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ecgdigit_rt.cli.options import Gain, LayoutName, Speed, Threads


def label(
    inputs: Annotated[
        list[str], typer.Argument(metavar="INPUT...", help="Pages: files, folders, globs, as for `run`.")
    ],
    truth: Annotated[
        Path, typer.Option("--truth", help="Folder with a NAME.csv per page, as `evaluate` takes it.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder for `train --pages`.")],
    models: Annotated[
        str, typer.Option("--models", help="A family of networks, or the folder that `export` wrote.")
    ] = "lite",
    layout: LayoutName = None,
    speed: Speed = None,
    gain: Gain = None,
    min_db: Annotated[
        float, typer.Option("--min-db", help="Pages that are read less well than this are left out.")
    ] = 8.0,
    threads: Threads = None,
) -> None:
    """Lay the truth of your pages over them, to fine-tune networks on what you scan.

    The pages are read as `run` reads them; then each lead's truth takes the place of what was traced. Look
    at OUT-look: the green curve is what the networks will learn. Pages where it would not fit are left out
    and named, and the exit code is 2.
    """
    from ecgdigit_rt.cli.export_extra import needed_for
    from ecgdigit_rt.cli.skipped import count_left_out
    from ecgdigit_rt.decode.page_list import page_ids, pages_from_inputs
    from ecgdigit_rt.digitizer import Digitizer
    from ecgdigit_rt.evaluation.truth import find_test_csv, truth_paths

    with needed_for("label"):
        from ecgdigit_export.label.folder import label_pages
    pages = pages_from_inputs(inputs)
    named = list(zip(page_ids(pages), pages, strict=True))
    truths, questions = truth_paths(truth), find_test_csv(truth)
    digitizer = Digitizer(
        models, threads=threads, layout=layout, speed_mm_s=speed, gain_mm_mv=gain, backend="onnxruntime"
    )
    left_out = count_left_out(label_pages(named, truths, questions, digitizer, out, min_db), len(named))
    typer.echo(f"labelled {len(named) - left_out} pages in {out} · look at {out}-look", err=True)
    raise typer.Exit(2 if left_out else 0)
