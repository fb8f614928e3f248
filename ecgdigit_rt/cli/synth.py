"""`ecgdigit-rt synth`: synthetic pages with exact truth, to train on, to measure on, to look at."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def synth(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder to write pages to.")],
    count: Annotated[int, typer.Option("--count", min=1, help="How many pages.")] = 24,
    signals: Annotated[
        Path | None,
        typer.Option(
            "--signals",
            help="Recordings: a folder of WFDB records, such as PTB-XL, or an npz. Default: simulated.",
        ),
    ] = None,
    kind: Annotated[
        str | None, typer.Option("--kind", help="Only this kind of picture, such as photo.")
    ] = None,
    layout: Annotated[str | None, typer.Option("--layout", help="Only this layout, such as 12x1.")] = None,
    seed: Annotated[int, typer.Option("--seed", help="Same seed, same pages.")] = 0,
    first: Annotated[
        int, typer.Option("--first", min=0, help="Index of the first page, to grow a folder.")
    ] = 0,
    processes: Annotated[int, typer.Option("--processes", min=1, help="Pages drawn at the same time.")] = 2,
    turn: Annotated[bool, typer.Option("--turn", help="Some pages turned by 90°.")] = False,
    csv: Annotated[
        bool, typer.Option("--csv", help="Also test.csv and truth/NAME.csv, for `evaluate`.")
    ] = False,
) -> None:
    """Draw pages: NAME.jpg with its truth NAME.npz, and beside OUT a contact sheet to look at."""
    from ecgdigit_rt.cli.export_extra import needed_for
    from ecgdigit_rt.cli.progress import page_progress
    from ecgdigit_rt.layout.catalog import LAYOUTS

    with needed_for("synth"):
        from ecgdigit_export.synth.capture import CAPTURES
        from ecgdigit_export.synth.folder import SynthesisRequest, write_contact_sheet, write_pages
        from ecgdigit_export.synth.truth_csv import write_truth_csvs
    if kind is not None and kind not in CAPTURES:
        raise typer.BadParameter(f"{kind} is none of {', '.join(CAPTURES)}")
    if layout is not None and layout not in LAYOUTS:
        raise typer.BadParameter(f"{layout} is none of {', '.join(LAYOUTS)}")
    order = SynthesisRequest(kind, layout, turn)
    pages = write_pages(out, count, signals=signals, seed=seed, first=first, order=order, processes=processes)
    with page_progress(count) as advance:
        for _ in pages:
            advance()
    if csv:
        write_truth_csvs(out)
    typer.echo(f"written  {count} pages in {out} · {write_contact_sheet(out)}", err=True)
