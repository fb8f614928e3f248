"""The options of `run` that no other verb has, each with its help."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ecgdigit_rt.formats.registry import FORMATS


class Tta(StrEnum):
    """The names in `ecgdigit_rt.tracing.tta.TTA`, here for the help, which loads no numpy."""

    none = "none"
    flip = "flip"
    photometric = "photometric"
    full = "full"


class Method(StrEnum):
    """The names in `ecgdigit_rt.digitizer.METHODS`, here for the help."""

    networks = "networks"
    classical = "classical"


Inputs = Annotated[
    list[str],
    typer.Argument(
        metavar="INPUT...",
        help="Images, PDF, TIFF and DICOM files; folders; globs; '-' for a list on standard input. "
        "With --cluster also addresses, such as s3://bucket/scans.",
    ),
]
Out = Annotated[
    str,
    typer.Option(
        "--out",
        metavar="PATH",
        help="The file or folder to write; its suffix tells the format. '-': stdout.",
    ),
]
FormatName = Annotated[
    str | None,
    typer.Option("--format", help=f"{', '.join(FORMATS)}. Default: what --out or --test tells."),
]
TestCsv = Annotated[
    Path | None,
    typer.Option("--test", help="test.csv: which leads, rates and counts are asked for."),
]
Overlay = Annotated[
    Path | None,
    typer.Option("--overlay", help="Folder for one PNG per page that shows what was traced."),
]
Views = Annotated[
    Tta,
    typer.Option("--tta", help="See every strip in several ways: more accurate, 2 to 10 times slower."),
]
Blend = Annotated[
    bool,
    typer.Option("--enforce-einthoven", help="Make limb leads that nearly obey Einthoven's law obey it."),
]
SeenOnly = Annotated[
    bool,
    typer.Option("--no-beat-prior", help="Where a curve is in doubt, ask no other lead of the same beat."),
]
LeastQuality = Annotated[
    float | None,
    typer.Option("--min-quality", metavar="DB", help="Refuse pages whose expected quality is lower."),
]
Models = Annotated[
    str, typer.Option("--models", help="A family of networks, or the folder that `export` wrote.")
]
MethodName = Annotated[
    Method, typer.Option("--method", help="classical: without networks, and without reading text.")
]
OnlyFailed = Annotated[
    bool, typer.Option("--only-failed", help="Read only the pages that failed before, and no new ones.")
]
Fresh = Annotated[
    bool, typer.Option("--restart", help="Begin anew: forget what an earlier run to the same --out has read.")
]
Isolate = Annotated[
    bool,
    typer.Option("--isolate", help="Read pages in processes of their own: a crash costs its page only."),
]
Timeout = Annotated[
    float | None,
    typer.Option(
        "--timeout", metavar="SECONDS", min=0.1, help="Give a page up after that; implies --isolate."
    ),
]
ClusterAddress = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        metavar="auto|ADDRESS",
        help="Read on a Ray cluster, into a folder of Parquet files. auto: the one that is there, "
        "or this machine.",
    ),
]
GpuFraction = Annotated[
    float,
    typer.Option(
        "--gpu-fraction", min=0, help="With --cluster: of a card, for each reader; 0.25: four share one."
    ),
]
