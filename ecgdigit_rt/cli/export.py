"""`ecgdigit-rt export`: export trained weights as verified ONNX graphs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def export(
    weights: Annotated[
        Path, typer.Argument(metavar="WEIGHTS", help="Folder with locate.pt, grid.pt and trace.pt.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the graphs and their manifest.")],
    version: Annotated[
        str, typer.Option("--model-version", help="Version number of the models, stored in the graphs.")
    ],
    family: Annotated[
        str, typer.Option("--family", help="Model family of the weights, lite or base.")
    ] = "lite",
    pages: Annotated[
        Path | None, typer.Option("--pages", help="Pages from `synth`, to compare each precision with FP32.")
    ] = None,
    calibration: Annotated[
        Path | None, typer.Option("--calibration", help="Other pages from `synth`, to calibrate INT8.")
    ] = None,
) -> None:
    """Export all stages as ONNX graphs in FP32 and FP16, and in INT8 if --calibration is specified.

    Before the graphs are written, each FP32 and FP16 graph is compared with PyTorch. With --pages, FP16 and
    INT8 are also compared with FP32 on these pages.
    """
    from ecgdigit_rt.cli.console import print_message
    from ecgdigit_rt.optional_dependency import missing_dependency_as_error

    with missing_dependency_as_error("ecgdigit-rt export", "torch", "export"):
        from ecgdigit_export.family_export import ExportRequest, export_family
    manifest = export_family(ExportRequest(weights, out, version, family, pages, calibration))
    for stage, entry in manifest["stages"].items():
        for precision, graph in entry["graphs"].items():
            if "proof" in graph:
                proof = graph["proof"]
                print_message(
                    "verified",
                    f"{stage} {precision}: within {proof['worst']:.1e} of PyTorch on {proof['cases']} inputs",
                )
    for precision, figures in (manifest["on_pages"] or {}).items():
        if isinstance(figures, dict):
            print_message(
                "verified",
                f"{precision}: mean {figures['mean_db']:.2f} dB over pages, "
                f"median loss {figures['median_lost_db']:.2f} dB",
            )
