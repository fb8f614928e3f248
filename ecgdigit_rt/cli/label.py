"""`ecgdigit-rt label`: turn scanned pages and their true signals into training pages."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ecgdigit_rt.cli.console import SOME_FAILED
from ecgdigit_rt.cli.options import Gain, LayoutName, ModelsName, Speed, Threads


def label(
    inputs: Annotated[
        list[str], typer.Argument(metavar="INPUT...", help="Pages: files, folders or globs, as for `run`.")
    ],
    truth: Annotated[
        Path, typer.Option("--truth", help="Folder with a NAME.csv per page, as for `evaluate`.")
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder for the training pages, for `train` with --pages.")
    ],
    models: ModelsName = "lite",
    layout: LayoutName = None,
    speed: Speed = None,
    gain: Gain = None,
    min_db: Annotated[
        float, typer.Option("--min-db", help="Minimum score in dB. Pages that score lower are skipped.")
    ] = 8.0,
    threads: Threads = None,
) -> None:
    """Align the true signals of your pages with the images, to fine-tune networks on your scans.

    Each page is digitized as with `run`, and its detected traces are replaced with the true signals. Check
    the previews in OUT-preview: the networks will learn the green curve. Pages whose signals do not match the
    image are skipped and listed at the end, and the exit code is 2.
    """
    from ecgdigit_rt.cli.console import print_message, print_skipped
    from ecgdigit_rt.decode.page_list import page_ids, pages_from_inputs
    from ecgdigit_rt.digitizer import Digitizer
    from ecgdigit_rt.evaluation.truth import find_test_csv, truth_paths
    from ecgdigit_rt.optional_dependency import missing_dependency_as_error

    with missing_dependency_as_error("ecgdigit-rt label", "torch", "export"):
        from ecgdigit_export.label.folder import label_pages
    pages = pages_from_inputs(inputs)
    named = list(zip(page_ids(pages), pages, strict=True))
    truths, requests = truth_paths(truth), find_test_csv(truth)
    digitizer = Digitizer(
        models, threads=threads, layout=layout, speed_mm_s=speed, gain_mm_mv=gain, backend="onnxruntime"
    )
    skipped = print_skipped(label_pages(named, truths, requests, digitizer, out, min_db), len(named))
    print_message("labelled", f"{len(named) - skipped} pages in {out} · previews in {out}-preview")
    raise typer.Exit(SOME_FAILED if skipped else 0)
