"""`ecgdigit-rt run`: page images in, signals out."""

from __future__ import annotations

import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ecgdigit_rt.cli.options import Backend, Device, Gain, LayoutName, MaxPixels, Precision, Speed, Threads
from ecgdigit_rt.inputs.limits import MAX_PIXELS
from ecgdigit_rt.outputs.formats.registry import FORMATS

if TYPE_CHECKING:
    from ecgdigit_rt.batch import Job
    from ecgdigit_rt.digitizer import Digitizer
    from ecgdigit_rt.record import Result


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


def run(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="Images, PDF, TIFF and DICOM files; folders; globs; '-' for a list on standard input.",
        ),
    ],
    out: Annotated[
        Path,
        typer.Option("--out", help="The file or folder to write; its suffix tells the format. '-': stdout."),
    ],
    form: Annotated[
        str | None,
        typer.Option("--format", help=f"{', '.join(FORMATS)}. Default: what --out or --test tells."),
    ] = None,
    test: Annotated[
        Path | None,
        typer.Option("--test", help="test.csv: which leads, rates and counts are asked for."),
    ] = None,
    overlay: Annotated[
        Path | None,
        typer.Option("--overlay", help="Folder for one PNG per page that shows what was traced."),
    ] = None,
    tta: Annotated[
        Tta,
        typer.Option("--tta", help="See every strip in several ways: more accurate, 2 to 10 times slower."),
    ] = Tta.none,
    blend: Annotated[
        bool, typer.Option("--blend", help="Make limb leads that nearly obey Einthoven's law obey it.")
    ] = False,
    layout: LayoutName = None,
    speed: Speed = None,
    gain: Gain = None,
    min_quality: Annotated[
        float | None,
        typer.Option("--min-quality", metavar="DB", help="Refuse pages whose expected quality is lower."),
    ] = None,
    models: Annotated[
        str, typer.Option("--models", help="A family of networks, or the folder that `export` wrote.")
    ] = "lite",
    method: Annotated[
        Method, typer.Option("--method", help="classical: without networks, and without reading text.")
    ] = Method.networks,
    backend: Backend = "auto",
    device: Device = "auto",
    precision: Precision = "auto",
    threads: Threads = None,
    max_pixels: MaxPixels = MAX_PIXELS,
) -> None:
    """Digitize ECG pages into millivolt and seconds.

    Without --test every lead found is written at 500 Hz. csv, wfdb, dicom and npz write a folder with
    files of each page, the other formats one file. A page that cannot be read does not stop
    the others: it is named at the end and in the report beside the output, and the exit code is 2.
    """
    from ecgdigit_rt.batch import digitize_to, jobs_from_pages
    from ecgdigit_rt.cli.destination import target
    from ecgdigit_rt.cli.progress import page_progress
    from ecgdigit_rt.inputs.pages import pages_from_inputs
    from ecgdigit_rt.outputs.competition import read_test_csv
    from ecgdigit_rt.outputs.report import Report, summary_lines

    questions = None if test is None else read_test_csv(test)
    to = target(out, form, questions)
    jobs, skipped = jobs_from_pages(pages_from_inputs(inputs), questions)
    report = Report(skipped=[str(page.path) for page in skipped])
    if overlay is not None:
        _make_folder(overlay)
    with to.writer() as writer, page_progress(len(jobs)) as advance:

        def finish(job: Job, result: Result) -> None:
            if overlay is not None and job.page is not None:
                _show(overlay, job.image, result, max_pixels)
            advance()

        from ecgdigit_rt.digitizer import Digitizer  # after the cheap checks: it loads the models

        digitizer = Digitizer(
            models,
            threads=threads,
            tta=tta.value,
            blend=blend,
            layout=layout,
            speed_mm_s=speed,
            gain_mm_mv=gain,
            min_quality_db=min_quality,
            method=method.value,
            backend=backend,
            device=device,
            precision=precision,
            max_pixels=max_pixels,
        )
        report.device, report.models = digitizer.device, digitizer.models
        _say(digitizer)
        start = time.perf_counter()
        digitize_to(jobs, digitizer, writer, report, finish)
        seconds = time.perf_counter() - start
    for line in summary_lines(report, seconds):
        typer.echo(line, err=True)
    to.finish(report)
    raise typer.Exit(0 if report.is_clean else 2)


def _make_folder(folder: Path) -> None:
    from ecgdigit_rt.errors import OutputNotWritable

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputNotWritable(folder, error.strerror or str(error)) from error


def _say(digitizer: Digitizer) -> None:
    typer.echo(f"device   {digitizer.device}\nmodels   {digitizer.models}", err=True)
    for note in digitizer.notes:
        typer.echo(f"note     {note}", err=True)


def _show(folder: Path, image: str, result: Result, max_pixels: int) -> None:
    from ecgdigit_rt.outputs.file_names import file_stem
    from ecgdigit_rt.outputs.overlay import write_overlay

    write_overlay(result, folder / f"{file_stem(image)}.png", max_pixels)
