"""Options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from ecgdigit_rt.decode.limits import DECODABLE_PIXELS, MIN_SIDE_PX


class PrintFormat(StrEnum):
    """Format of printed data."""

    text = "text"
    json = "json"


PrintFormatName = Annotated[
    PrintFormat, typer.Option("--format", help="Output format: text for people, json for programs.")
]
Backend = Annotated[
    str,
    typer.Option(
        "--backend",
        help="auto, onnxruntime, openvino, tensorrt or tensorrt-rtx. "
        "Only auto may fall back to another backend.",
    ),
]
Device = Annotated[
    str, typer.Option("--device", help="auto, cpu or cuda:N. Only auto may fall back to another device.")
]
Precision = Annotated[
    str,
    typer.Option(
        "--precision", help="auto, fp32, fp16, bf16 or int8. Only auto may fall back to another precision."
    ),
]
ModelsName = Annotated[str, typer.Option("--models", help="Model family, or a folder that `export` wrote.")]
Threads = Annotated[
    int | None, typer.Option("--threads", min=1, help="Number of CPU threads. Default: all available.")
]
LayoutName = Annotated[
    str | None,
    typer.Option(
        "--layout",
        help="Layout of the pages: a name such as 3x4+1, or the leads of each row, such as II or "
        "I,II/III,aVR. Default: detected.",
    ),
]
Speed = Annotated[
    float | None, typer.Option("--speed", min=5, max=200, help="Paper speed in mm/s. Default: detected.")
]
Gain = Annotated[
    float | None, typer.Option("--gain", min=1, max=80, help="Gain in mm/mV. Default: detected.")
]
MaxPixels = Annotated[
    int,
    typer.Option(
        "--max-pixels",
        metavar="N",
        min=MIN_SIDE_PX**2,
        max=DECODABLE_PIXELS,
        help="Maximum number of pixels per page. Larger pages are rejected without decoding.",
    ),
]
