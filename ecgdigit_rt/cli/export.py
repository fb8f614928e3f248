"""`ecgdigit-rt export`: trained weights to ONNX graphs, proven equal."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def export(
    weights: Annotated[Path, typer.Argument(help="Folder with locate.pt, grid.pt, trace.pt.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the graphs and their manifest.")],
    version: Annotated[str, typer.Option("--model-version", help="Written into the graphs.")],
    family: Annotated[str, typer.Option("--family", help="What was trained: lite or base.")] = "lite",
    pages: Annotated[
        Path | None, typer.Option("--pages", help="Folder of page images for the proof.")
    ] = None,
) -> None:
    """Export all stages. Each graph is compared with PyTorch before it is kept."""
    from ecgdigit_rt.cli.export_extra import needed_for

    with needed_for("export"):
        from ecgdigit_export.onnx_graph import export_family, pictures_for_proof
    for proof in export_family(weights, out, version, pictures_for_proof(pages), family):
        typer.echo(
            f"proven   {proof.stage}: ONNX Runtime within {proof.worst:.1e} of PyTorch "
            f"on {proof.cases} inputs",
            err=True,
        )
