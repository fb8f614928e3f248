"""`ecgdigit-rt synth`: draw synthetic pages with exact truth, for training and evaluation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def synth(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder for the pages.")],
    count: Annotated[int, typer.Option("--count", min=1, help="Number of pages.")] = 24,
    signals: Annotated[
        Path | None,
        typer.Option(
            "--signals",
            help="Recordings: a folder of WFDB records such as PTB-XL, or an npz file. Default: simulated.",
        ),
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option("--kind", help="Draw only this kind of image, such as photo. Default: all kinds."),
    ] = None,
    layout: Annotated[
        str | None,
        typer.Option("--layout", help="Draw only this layout, such as 12x1. Default: all layouts."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Random seed. The same seed gives the same pages.")] = 0,
    first: Annotated[
        int, typer.Option("--first", min=0, help="Index of the first page, to add pages to a folder.")
    ] = 0,
    processes: Annotated[
        int, typer.Option("--processes", min=1, help="Number of pages to draw in parallel.")
    ] = 2,
    turn: Annotated[bool, typer.Option("--turn", help="Rotate some pages by multiples of 90°.")] = False,
    csv: Annotated[
        bool, typer.Option("--csv", help="Also write test.csv and truth/NAME.csv, for `evaluate`.")
    ] = False,
) -> None:
    """Draw synthetic pages with exact truth, for training and evaluation.

    Writes OUT/NAME.jpg with the truth OUT/NAME.npz, and a contact sheet next to OUT.
    """
    from ecgdigit_rt.cli.console import page_progress, print_message
    from ecgdigit_rt.layout.catalog import LAYOUTS
    from ecgdigit_rt.optional_dependency import missing_dependency_as_error

    with missing_dependency_as_error("ecgdigit-rt synth", "torch", "export"):
        from ecgdigit_export.synth.capture import CAPTURES
        from ecgdigit_export.synth.folder import SynthesisRequest, write_contact_sheet, write_pages
        from ecgdigit_export.synth.truth_csv import write_truth_csvs
    if kind is not None and kind not in CAPTURES:
        raise typer.BadParameter(f"unknown kind {kind}. Choose one of {', '.join(CAPTURES)}")
    if layout is not None and layout not in LAYOUTS:
        raise typer.BadParameter(f"unknown layout {layout}. Choose one of {', '.join(LAYOUTS)}")
    request = SynthesisRequest(kind, layout, turn)
    pages = write_pages(
        out, count, signals=signals, seed=seed, first=first, request=request, processes=processes
    )
    with page_progress(count) as advance:
        for _ in pages:
            advance()
    if csv:
        write_truth_csvs(out)
    print_message("written", f"{count} pages in {out} · {write_contact_sheet(out)}")
