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
        Path | None, typer.Option("--pages", help="Pages that `synth` wrote, to prove each precision on.")
    ] = None,
    calibration: Annotated[
        Path | None, typer.Option("--calibration", help="Other such pages, to calibrate INT8 on.")
    ] = None,
) -> None:
    """Export all stages in FP32 and FP16, and with --calibration in INT8.

    Each graph is compared with PyTorch, and each precision with FP32 on pages, before anything is kept.
    """
    from ecgdigit_rt.cli.export_extra import needed_for

    with needed_for("export"):
        from ecgdigit_export.family_export import ExportRequest, export_family
    manifest = export_family(ExportRequest(weights, out, version, family, pages, calibration))
    for stage, papers in manifest["stages"].items():
        for precision, graph in papers["graphs"].items():
            if "proof" in graph:
                proof = graph["proof"]
                typer.echo(
                    f"proven   {stage} {precision}: within {proof['worst']:.1e} of PyTorch "
                    f"on {proof['cases']} inputs",
                    err=True,
                )
    for precision, figures in (manifest["on_pages"] or {}).items():
        if isinstance(figures, dict):
            typer.echo(
                f"proven   {precision}: {figures['mean_db']:.2f} dB in the mean of pages, "
                f"{figures['median_lost_db']:.2f} lost in the median",
                err=True,
            )
