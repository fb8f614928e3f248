"""Options that several verbs share, each with its help."""

from __future__ import annotations

from typing import Annotated

import typer

from ecgdigit_rt.cli.format import Format
from ecgdigit_rt.decode.limits import DECODABLE_PIXELS, MIN_SIDE_PX

Backend = Annotated[
    str,
    typer.Option("--backend", help="auto, onnxruntime, openvino, tensorrt or tensorrt-rtx: used or refused."),
]
Device = Annotated[str, typer.Option("--device", help="auto, cpu or cuda:N: used or refused.")]
Precision = Annotated[
    str, typer.Option("--precision", help="auto, fp32, fp16, bf16 or int8: used or refused.")
]
Threads = Annotated[int | None, typer.Option("--threads", min=1, help="CPU threads. Default: all there are.")]
LayoutName = Annotated[
    str | None,
    typer.Option(
        "--layout", help="A known layout, such as 3x4+1, or its rows spelled out: II, or I,II/III,aVR."
    ),
]
Speed = Annotated[
    float | None, typer.Option("--speed", min=5, max=200, help="Paper speed, mm/s. Default: as printed.")
]
Gain = Annotated[
    float | None, typer.Option("--gain", min=1, max=80, help="Gain in mm/mV. Default: as printed.")
]
MaxPixels = Annotated[
    int,
    typer.Option(
        "--max-pixels",
        metavar="N",
        min=MIN_SIDE_PX**2,
        max=DECODABLE_PIXELS,
        help="Refuse larger pages, before they are decoded.",
    ),
]
PrintedAs = Annotated[Format, typer.Option("--format", help="For a person, or for a program.")]
