"""`ecgdigit-rt run`: digitize page images into signals."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ecgdigit_rt.cli.options import (
    Backend,
    Device,
    Gain,
    LayoutName,
    MaxPixels,
    ModelsName,
    Precision,
    Speed,
    Threads,
)
from ecgdigit_rt.cli.run_options import (
    ClusterAddress,
    EnforceEinthoven,
    FormatName,
    GpuFraction,
    Inputs,
    Isolate,
    Method,
    MethodName,
    MinQuality,
    NoBeatPrior,
    OnlyFailed,
    Out,
    Overlay,
    Restart,
    TestCsv,
    Timeout,
    Tta,
    TtaName,
)
from ecgdigit_rt.cli.termination import SOME_FAILED, stop_signals
from ecgdigit_rt.decode.limits import MAX_PIXELS

if TYPE_CHECKING:
    from ecgdigit_rt.runs.execution import RunOutcome
    from ecgdigit_rt.runs.output_target import OutputTarget


def run(
    inputs: Inputs,
    out: Out,
    form: FormatName = None,
    test: TestCsv = None,
    overlay: Overlay = None,
    tta: TtaName = Tta.none,
    enforce_einthoven: EnforceEinthoven = False,
    no_beat_prior: NoBeatPrior = False,
    layout: LayoutName = None,
    speed: Speed = None,
    gain: Gain = None,
    min_quality: MinQuality = None,
    models: ModelsName = "lite",
    method: MethodName = Method.networks,
    backend: Backend = "auto",
    device: Device = "auto",
    precision: Precision = "auto",
    threads: Threads = None,
    max_pixels: MaxPixels = MAX_PIXELS,
    only_failed: OnlyFailed = False,
    restart: Restart = False,
    isolate: Isolate = False,
    timeout: Timeout = None,
    cluster: ClusterAddress = None,
    gpu_fraction: GpuFraction = 0.0,
) -> None:
    """Digitize ECG pages into signals in millivolts.

    Without --test every detected lead is written at 500 Hz. csv, wfdb, dicom and npz write a folder with
    files for each page, the other formats one file. A page that cannot be digitized does not stop the
    others: it is listed at the end and in the report beside the output, and the exit code is 2.
    To resume an interrupted run, give the same command again.
    """
    from ecgdigit_rt.cli.cluster import check_paths, run_cluster
    from ecgdigit_rt.cli.console import RunMessages, print_digitizer
    from ecgdigit_rt.decode.page_list import pages_from_inputs
    from ecgdigit_rt.formats.test_csv import read_test_csv
    from ecgdigit_rt.runs.execution import RunPlan, run_to_file, run_to_stream
    from ecgdigit_rt.runs.isolation import IsolatedDigitizer
    from ecgdigit_rt.runs.jobs import jobs_from_pages
    from ecgdigit_rt.runs.options import DigitizeOptions, configuration
    from ecgdigit_rt.runs.output_target import output_target
    from ecgdigit_rt.runs.report import Report

    options = DigitizeOptions(
        models, tta.value, enforce_einthoven, no_beat_prior, layout, speed, gain, min_quality, max_pixels,
        method.value, backend, device, precision,
    )  # fmt: skip
    if only_failed and restart:
        raise typer.BadParameter("--only-failed needs the results that --restart discards")
    if cluster is not None:
        unsupported = {"--test": test, "--overlay": overlay, "--only-failed": only_failed}
        raise typer.Exit(
            run_cluster(
                inputs, out, form, cluster, options, threads or 1, gpu_fraction, timeout, unsupported,
                restart=restart,
            )
        )  # fmt: skip
    check_paths(inputs, out, gpu_fraction)
    requests = None if test is None else read_test_csv(test)
    target = output_target(Path(out), form, requests)
    if only_failed and target.is_stream:
        raise typer.BadParameter(f"--only-failed needs a journal, and {out} has none")
    jobs, skipped = jobs_from_pages(pages_from_inputs(inputs), requests)
    target.check()
    writer = target.writer()
    if overlay is not None:
        _make_folder(overlay)
    observer = RunMessages()
    with stop_signals() as stop:
        digitizer = options.digitizer(threads)
        print_digitizer(digitizer)
        report = Report([str(page.path) for page in skipped], digitizer.device, digitizer.models)
        isolated = IsolatedDigitizer(options.page_digitizer, digitizer.threads, timeout)
        is_isolated = isolate or timeout is not None
        network_threads = digitizer.network_threads(sum(job.page is not None for job in jobs))
        plan = RunPlan(
            jobs, isolated if is_isolated else digitizer, network_threads, target, writer, overlay,
            max_pixels, stop,
        )  # fmt: skip
        if target.is_stream:
            outcome = run_to_stream(plan, report, observer)
        else:
            folder_format = target.form.name if target.form.is_folder else None
            settings = configuration(options, digitizer.identity, folder_format)
            outcome = run_to_file(plan, report, settings, observer, only_failed=only_failed, restart=restart)
    _print_outcome(outcome, target)
    raise typer.Exit(0 if report.is_clean and not outcome.not_started else SOME_FAILED)


def _make_folder(folder: Path) -> None:
    """Create the folder of overlays. Raises OutputNotWritable."""
    from ecgdigit_rt.errors import OutputNotWritable

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputNotWritable(folder, error.strerror or str(error)) from error


def _print_outcome(outcome: RunOutcome, target: OutputTarget) -> None:
    """Print the last lines of a run."""
    from ecgdigit_rt.cli.console import print_message
    from ecgdigit_rt.runs.report import summary_lines

    if outcome.not_started:
        pages = "1 page has" if outcome.not_started == 1 else f"{outcome.not_started} pages have"
        advice = "Run the command without --only-failed to complete the output."
        print_message("skipped", f"{pages} never been digitized. {advice}")
        return
    for line in summary_lines(outcome.report, outcome.seconds):
        typer.echo(line, err=True)
    if outcome.retryable:
        print_message("", "To retry only the failed pages, add --only-failed.")
    if not target.is_stream:
        print_message("written", f"{target.out} · {target.report_path}")
