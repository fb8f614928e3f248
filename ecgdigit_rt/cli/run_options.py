"""Options that only the command `run` has."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ecgdigit_rt.formats.registry import FORMATS


class Tta(StrEnum):
    """Names in `ecgdigit_rt.tracing.tta.TTA`, repeated here because `--help` must not load NumPy."""

    none = "none"
    flip = "flip"
    photometric = "photometric"
    full = "full"


class Method(StrEnum):
    """Names in `ecgdigit_rt.digitizer.METHODS`, repeated here because `--help` must not load NumPy."""

    networks = "networks"
    classical = "classical"


Inputs = Annotated[
    list[str],
    typer.Argument(
        metavar="INPUT...",
        help="Image, PDF, TIFF or DICOM files, folders or globs. '-' reads a list of these from standard "
        "input. With --cluster also URLs such as s3://bucket/scans.",
    ),
]
Out = Annotated[
    str,
    typer.Option(
        "--out",
        "-o",
        metavar="PATH",
        help="Output file or folder. Its suffix selects the format. '-' is standard output.",
    ),
]
FormatName = Annotated[
    str | None,
    typer.Option("--format", help=f"{', '.join(FORMATS)}. Default: depends on --out and --test."),
]
TestCsv = Annotated[
    Path | None,
    typer.Option("--test", help="test.csv with the requested leads, sampling rates and sample counts."),
]
Overlay = Annotated[
    Path | None,
    typer.Option("--overlay", help="Folder for one PNG per page with the detected traces drawn on the page."),
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
        help="Do not use other leads, or the same lead of another row, to correct parts with low confidence.",
    ),
]
MinQuality = Annotated[
    float | None,
    typer.Option(
        "--min-quality",
        metavar="DB",
        help="Minimum expected quality in dB. Pages with a lower expected quality fail. Doubtful pages have "
        "a low expected quality.",
    ),
]
Strict = Annotated[
    bool,
    typer.Option("--strict", help="Reject doubtful pages, whose signals may be wrong. They fail."),
]
NoOcr = Annotated[
    bool,
    typer.Option(
        "--no-ocr",
        help="Do not recognize the text of pages whose layout, speed or gain is not clear without it. "
        "Text recognition requires the extra ocr.",
    ),
]
NoVector = Annotated[
    bool,
    typer.Option(
        "--no-vector",
        help="Read vector PDFs as pictures. By default, the lines in the file are read exactly.",
    ),
]
MethodName = Annotated[
    Method, typer.Option("--method", help="classical uses no networks and does not read printed text.")
]
OnlyFailed = Annotated[
    bool,
    typer.Option(
        "--only-failed", help="Retry pages that failed in an earlier run. Do not digitize new pages."
    ),
]
Restart = Annotated[
    bool,
    typer.Option(
        "--restart", help="Discard the results of an earlier run with the same --out, and start over."
    ),
]
Verify = Annotated[
    bool,
    typer.Option(
        "--verify",
        help="Read all files of earlier runs, compare their SHA-256, and digitize damaged pages again.",
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        metavar="N",
        min=1,
        help="Number of worker processes that digitize pages. 1: only this process. Default: in long runs on "
        "a CPU with three or more threads, one per thread, as far as the memory suffices.",
    ),
]
Isolate = Annotated[
    bool,
    typer.Option(
        "--isolate", help="Always digitize in worker processes, so that a crash affects only one page."
    ),
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
        help="Digitize on a Ray cluster, and write a folder of Parquet files. Each worker uses --threads "
        "CPUs, 1 by default. auto: the running cluster, or else this machine alone.",
    ),
]
GpuFraction = Annotated[
    float,
    typer.Option(
        "--gpu-fraction",
        min=0,
        help="With --cluster: number of GPUs per worker. With 0.25, four workers share a GPU.",
    ),
]
