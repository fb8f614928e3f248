"""Options of `run` that no other command has."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ecgdigit_rt.formats.registry import FORMATS


class Tta(StrEnum):
    """Names in `ecgdigit_rt.tracing.tta.TTA`, repeated so that the help does not load NumPy."""

    none = "none"
    flip = "flip"
    photometric = "photometric"
    full = "full"


class Method(StrEnum):
    """Names in `ecgdigit_rt.digitizer.METHODS`, repeated so that the help does not load NumPy."""

    networks = "networks"
    classical = "classical"


Inputs = Annotated[
    list[str],
    typer.Argument(
        metavar="INPUT...",
        help="Images, PDF, TIFF and DICOM files; folders; globs; '-' for a list on standard input. "
        "With --cluster also addresses such as s3://bucket/scans.",
    ),
]
Out = Annotated[
    str,
    typer.Option(
        "--out",
        "-o",
        metavar="PATH",
        help="Output file or folder. The suffix selects the format. '-' is standard output.",
    ),
]
FormatName = Annotated[
    str | None,
    typer.Option("--format", help=f"{', '.join(FORMATS)}. Default: selected by --out or --test."),
]
TestCsv = Annotated[
    Path | None,
    typer.Option("--test", help="test.csv with the requested leads, sampling rates and sample counts."),
]
Overlay = Annotated[
    Path | None,
    typer.Option("--overlay", help="Folder for one PNG per page that shows the detected traces."),
]
TtaName = Annotated[
    Tta,
    typer.Option("--tta", help="Test-time augmentation: more accurate, and 2 to 10 times slower."),
]
EnforceEinthoven = Annotated[
    bool,
    typer.Option(
        "--enforce-einthoven",
        help="Correct limb leads that nearly satisfy Einthoven's law so that they satisfy it.",
    ),
]
NoBeatPrior = Annotated[
    bool,
    typer.Option(
        "--no-beat-prior",
        help="Do not use the other leads of a beat to correct low-confidence parts of a trace.",
    ),
]
MinQuality = Annotated[
    float | None,
    typer.Option("--min-quality", metavar="DB", help="Refuse pages with a lower expected quality, in dB."),
]
MethodName = Annotated[
    Method, typer.Option("--method", help="classical runs no network and reads no printed text.")
]
OnlyFailed = Annotated[
    bool,
    typer.Option("--only-failed", help="Retry pages that failed in an earlier run, and start no new ones."),
]
Restart = Annotated[
    bool,
    typer.Option("--restart", help="Discard the results of an earlier run to the same --out and start over."),
]
Isolate = Annotated[
    bool,
    typer.Option("--isolate", help="Digitize in worker processes: a crash costs only the page in it."),
]
Timeout = Annotated[
    float | None,
    typer.Option(
        "--timeout", metavar="SECONDS", min=0.1, help="Time limit per page in seconds. Implies --isolate."
    ),
]
ClusterAddress = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        metavar="auto|ADDRESS",
        help="Digitize on a Ray cluster, into a folder of Parquet files. auto is the running cluster, "
        "or else this machine.",
    ),
]
GpuFraction = Annotated[
    float,
    typer.Option(
        "--gpu-fraction",
        min=0,
        help="With --cluster: share of a GPU per worker. With 0.25 four workers share a GPU.",
    ),
]
