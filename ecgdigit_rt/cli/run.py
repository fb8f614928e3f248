"""`ecgdigit-rt run`: page images in, signals out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ecgdigit_rt.cli.options import Backend, Device, Gain, LayoutName, MaxPixels, Precision, Speed, Threads
from ecgdigit_rt.cli.run_options import (
    Blend,
    ClusterAddress,
    FormatName,
    Fresh,
    GpuFraction,
    Inputs,
    Isolate,
    LeastQuality,
    Method,
    MethodName,
    Models,
    OnlyFailed,
    Out,
    Overlay,
    SeenOnly,
    TestCsv,
    Timeout,
    Tta,
    Views,
)
from ecgdigit_rt.cli.signals import stop_signals
from ecgdigit_rt.decode.limits import MAX_PIXELS

if TYPE_CHECKING:
    from ecgdigit_rt.digitizer import Digitizer


def run(
    inputs: Inputs,
    out: Out,
    form: FormatName = None,
    test: TestCsv = None,
    overlay: Overlay = None,
    tta: Views = Tta.none,
    enforce_einthoven: Blend = False,
    no_beat_prior: SeenOnly = False,
    layout: LayoutName = None,
    speed: Speed = None,
    gain: Gain = None,
    min_quality: LeastQuality = None,
    models: Models = "lite",
    method: MethodName = Method.networks,
    backend: Backend = "auto",
    device: Device = "auto",
    precision: Precision = "auto",
    threads: Threads = None,
    max_pixels: MaxPixels = MAX_PIXELS,
    only_failed: OnlyFailed = False,
    fresh: Fresh = False,
    isolate: Isolate = False,
    timeout: Timeout = None,
    cluster: ClusterAddress = None,
    gpu_fraction: GpuFraction = 0.0,
) -> None:
    """Digitize ECG pages into millivolt and seconds.

    Without --test every lead found is written at 500 Hz. csv, wfdb, dicom and npz write a folder with
    files of each page, the other formats one file. A page that cannot be read does not stop
    the others: it is named at the end and in the report beside the output, and the exit code is 2.
    A run that was ended goes on when the same command is given again.
    """
    from ecgdigit_rt.cli.cluster import check_paths, read_on_cluster
    from ecgdigit_rt.decode.page_list import pages_from_inputs
    from ecgdigit_rt.formats.test_csv import read_test_csv
    from ecgdigit_rt.runs.isolation import IsolatedPages
    from ecgdigit_rt.runs.jobs import jobs_from_pages
    from ecgdigit_rt.runs.options import DigitizeOptions, configuration
    from ecgdigit_rt.runs.output_target import output_target
    from ecgdigit_rt.runs.report import Report
    from ecgdigit_rt.runs.run_pages import RunPlan, read_to_file, read_to_stream

    reading = DigitizeOptions(
        models, tta.value, enforce_einthoven, no_beat_prior, layout, speed, gain, min_quality, max_pixels, method.value,
        backend, device, precision,
    )  # fmt: skip
    if only_failed and fresh:
        raise typer.BadParameter("--only-failed needs what --restart forgets")
    if cluster is not None:
        unfit = {"--test": test, "--overlay": overlay, "--only-failed": only_failed}
        raise typer.Exit(
            read_on_cluster(
                inputs, out, form, cluster, reading, threads or 1, gpu_fraction, timeout, unfit, fresh=fresh
            )
        )
    check_paths(inputs, out, gpu_fraction)
    questions = None if test is None else read_test_csv(test)
    to = output_target(Path(out), form, questions)
    if only_failed and to.is_stream:
        raise typer.BadParameter(f"--only-failed: {out} keeps no journal")
    jobs, skipped = jobs_from_pages(pages_from_inputs(inputs), questions)
    to.check()
    writer = to.writer()
    if overlay is not None:
        _make_folder(overlay)
    with stop_signals() as stop:
        digitizer = reading.digitizer(threads)
        _say(digitizer)
        report = Report([str(page.path) for page in skipped], digitizer.device, digitizer.models)
        isolated = isolate or timeout is not None
        reader = IsolatedPages(reading.page_reader, digitizer.threads, timeout) if isolated else digitizer
        network_threads = digitizer.network_threads(sum(job.page is not None for job in jobs))
        work = RunPlan(jobs, reader, network_threads, to, writer, overlay, max_pixels, stop)
        if to.is_stream:
            raise typer.Exit(read_to_stream(work, report))
        decided = configuration(reading, digitizer.identity, to.form.name if to.form.is_folder else None)
        raise typer.Exit(read_to_file(work, report, decided, only_failed=only_failed, fresh=fresh))


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
