"""`ecgdigit-rt run`: digitize page images into signals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from ecgdigit_rt.cli.console import SOME_FAILED, stop_signals
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
    NoOcr,
    NoVector,
    OnlyFailed,
    Out,
    Overlay,
    Restart,
    Strict,
    TestCsv,
    Timeout,
    Tta,
    TtaName,
    Verify,
    Workers,
)
from ecgdigit_rt.decode.limits import MAX_PIXELS

if TYPE_CHECKING:
    from ecgdigit_rt.runs.execution import RunOutcome


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
    strict: Strict = False,
    no_ocr: NoOcr = False,
    no_vector: NoVector = False,
    models: ModelsName = "lite",
    method: MethodName = Method.networks,
    backend: Backend = "auto",
    device: Device = "auto",
    precision: Precision = "auto",
    threads: Threads = None,
    max_pixels: MaxPixels = MAX_PIXELS,
    only_failed: OnlyFailed = False,
    restart: Restart = False,
    verify: Verify = False,
    workers: Workers = None,
    isolate: Isolate = False,
    timeout: Timeout = None,
    cluster: ClusterAddress = None,
    gpu_fraction: GpuFraction = 0.0,
) -> None:
    """Digitize ECG pages into signals in millivolts.

    Without --test, all detected leads are written at 500 Hz. The formats csv, wfdb, dicom and npz write a
    folder with files for each page; the other formats write a single file. If a page cannot be digitized, the
    run continues. The summary and the report next to the output list failed pages, and doubtful pages, whose
    signals are written but may be wrong. The exit code is then 2. To resume an interrupted run, run the same
    command again, without --restart.
    """
    from ecgdigit_rt.cli.console import RunMessages
    from ecgdigit_rt.runs.execution import RunRequest, execute_run
    from ecgdigit_rt.runs.options import DigitizeOptions

    options = (
        models, tta.value, enforce_einthoven, no_beat_prior, layout, speed, gain, min_quality, strict,
        not no_ocr, not no_vector, max_pixels, method.value, backend, device, precision,
    )  # fmt: skip
    if only_failed and restart:
        raise typer.BadParameter(
            "--only-failed cannot be combined with --restart, which discards the earlier results"
        )
    if cluster is not None:
        from ecgdigit_rt.cli.cluster import run_cluster

        unsupported = {
            "--test": test, "--overlay": overlay, "--only-failed": only_failed, "--verify": verify,
        }  # fmt: skip
        code = run_cluster(
            inputs, out, form, cluster, DigitizeOptions(*options), threads or 1, gpu_fraction, timeout,
            unsupported, restart=restart,
        )  # fmt: skip
        raise typer.Exit(code)
    if gpu_fraction:
        raise typer.BadParameter("--gpu-fraction needs --cluster")
    with stop_signals() as stop:
        request = RunRequest(
            inputs, out, form, test, overlay, DigitizeOptions(*options), threads, workers, isolate,
            timeout, only_failed, restart, verify,
        )  # fmt: skip
        outcome = execute_run(request, RunMessages(), stop)
    _print_outcome(outcome, out)
    raise typer.Exit(0 if outcome.report.is_clean and not outcome.not_started else SOME_FAILED)


def _print_outcome(outcome: RunOutcome, out: str) -> None:
    """Print the summary of a run and the paths of its files."""
    from ecgdigit_rt.cli.console import print_message
    from ecgdigit_rt.runs.summary import summary_lines

    if outcome.not_started:
        pages = "1 page has" if outcome.not_started == 1 else f"{outcome.not_started} pages have"
        advice = "To complete the output, run the command without --only-failed."
        print_message("skipped", f"{pages} not been digitized yet. {advice}")
        return
    has_report = outcome.report_path is not None
    for line in summary_lines(outcome.report, outcome.seconds, has_report=has_report):
        typer.echo(line, err=True)
    if outcome.retryable:
        print_message("", "To retry only the failed pages, add --only-failed.")
    if outcome.report_path is not None:
        print_message("written", f"{out} · {outcome.report_path}")
