"""Execution of a run: pages are digitized, their results stored, and the output and report written."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ecgdigit_rt.atomic_files import reraise_as_output_error
from ecgdigit_rt.decode.page_list import find_pages
from ecgdigit_rt.durable_files import make_folder
from ecgdigit_rt.errors import EcgDigitError, FormatConflict
from ecgdigit_rt.formats.page_folder import file_stem
from ecgdigit_rt.formats.test_csv import read_test_csv
from ecgdigit_rt.formats.writer import PageWriter
from ecgdigit_rt.results import FAILED
from ecgdigit_rt.runs.jobs import Job, PageDigitizer, file_digest, jobs_from_pages, run_jobs
from ecgdigit_rt.runs.journal import Completion, Journal
from ecgdigit_rt.runs.options import DigitizeOptions, configuration
from ecgdigit_rt.runs.output_target import OutputTarget, output_target
from ecgdigit_rt.runs.report import Report, write_report
from ecgdigit_rt.runs.result_store import open_store
from ecgdigit_rt.runs.resume import ResumableRun, open_or_resume
from ecgdigit_rt.worker_processes import ProcessDigitizer, worker_count

if TYPE_CHECKING:
    from ecgdigit_rt.digitizer import Digitizer
    from ecgdigit_rt.results import Result


class RunObserver(Protocol):
    """Receiver of the events of a run. The command line prints them; other callers may ignore them."""

    def on_digitizer(self, digitizer: Digitizer, /) -> None:
        """Handle the digitizer before the first page. Its device and models are already selected."""
        ...

    def on_restart(self, changes: Sequence[str], /) -> None:
        """Handle a restart from the first page because of these changes in the configuration."""
        ...

    def on_resume(self, done: int, total: int, /) -> None:
        """Handle the resumption of a run in which `done` of `total` pages are already done."""
        ...

    def on_stop(self, done: int, total: int, /) -> None:
        """Handle an error or a stop request after `done` of `total` pages, before the exception is raised."""
        ...

    def progress(self, total: int, done: int, /) -> AbstractContextManager[Callable[[], None]]:
        """Return a context manager that yields a function. The run calls this function after each page.

        At the start, `done` of `total` pages are done.
        """
        ...


@dataclass(frozen=True, slots=True)
class RunRequest:
    """Inputs, output and options of a run, as specified by the user.

    `inputs` are files, folders, globs or `-`. `out`, `form` and `test` are the values of --out, --format and
    --test. `overlay` is the folder of overlays, or None for no overlays. `workers` is the number of worker
    processes, or None if it is chosen. If `isolate`, pages are always digitized in worker processes.
    `timeout_s` is the time limit per page; a limit implies `isolate`. If `only_failed`,
    only pages that failed in an earlier run are digitized. If `restart`, the results of an earlier run are
    discarded. If `verify`, the files of an earlier run are compared with the digests in its journal.
    """

    inputs: Sequence[str]
    out: str
    form: str | None = None
    test: Path | None = None
    overlay: Path | None = None
    options: DigitizeOptions = field(default_factory=DigitizeOptions)
    threads: int | None = None
    workers: int | None = None
    isolate: bool = False
    timeout_s: float | None = None
    only_failed: bool = False
    restart: bool = False
    verify: bool = False


@dataclass(frozen=True, slots=True)
class RunPlan:
    """Pages of a run, their digitizer and their output.

    Each network uses `network_threads` CPU threads. `stop` returns True once the user has requested the run
    to stop.
    """

    request: RunRequest
    target: OutputTarget
    writer: PageWriter
    jobs: Sequence[Job]
    digitizer: PageDigitizer
    network_threads: int
    stop: Callable[[], bool]

    @property
    def pages(self) -> int:
        """Number of jobs whose page is among the inputs."""
        return sum(job.page is not None for job in self.jobs)

    def draw_overlay(self, job: Job, result: Result) -> None:
        """Write the overlay of a page if overlays are requested and the page is among the inputs."""
        path = self.overlay_path(job.image)
        if path is not None and job.page is not None:
            from ecgdigit_rt.plots.overlay import write_overlay

            write_overlay(result, path, self.request.options.max_pixels)

    def overlay_path(self, image: str) -> Path | None:
        """Return the path of the overlay of an image, or None if overlays are not requested."""
        folder = self.request.overlay
        return None if folder is None else folder / f"{file_stem(image)}.png"


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """Result of a run.

    `report_path` is None for an output without a report, such as a stream. `seconds` is the time of this run,
    without the time of an earlier run that was resumed. `not_started` is the number of pages that have not
    been digitized yet and that `only_failed` excluded. If it is not 0, no output was written. `retryable` is
    True if a page among the inputs failed.
    """

    report: Report
    report_path: Path | None
    seconds: float
    not_started: int = 0
    retryable: bool = False


def execute_run(request: RunRequest, observer: RunObserver, stop: Callable[[], bool]) -> RunOutcome:
    """Digitize the pages of a run and write its output and report.

    Once `stop()` is true, the pages in progress are completed and KeyboardInterrupt is raised. Before the
    first page, raises errors about inputs, test.csv, formats, models and backends, and OutputInUse,
    ConfigurationChanged, JournalMalformed or JournalMissing. Raises OutputNotWritable or WorkerDied at any
    time.
    """
    requests = None if request.test is None else read_test_csv(request.test)
    target = output_target(request.out, request.form, requests)
    if request.only_failed and target.is_stream:
        problem = f"--only-failed needs a journal, and {request.out} has none"
        raise FormatConflict(target.form.name, problem, "Name an output file or folder.")
    target.check()
    writer = target.writer()
    found = find_pages(request.inputs)
    jobs, skipped = jobs_from_pages(found.pages, requests)
    _create_overlay_folder(request.overlay)
    digitizer = request.options.digitizer(request.threads)
    observer.on_digitizer(digitizer)
    report = Report(
        [str(page.path) for page in skipped],
        digitizer.device,
        digitizer.models,
        other_files=found.other_files,
    )
    network_threads = digitizer.network_threads(sum(job.page is not None for job in jobs))
    page_digitizer = _page_digitizer(request, digitizer, sum(job.page is not None for job in jobs))
    plan = RunPlan(request, target, writer, jobs, page_digitizer, network_threads, stop)
    if target.is_stream:
        return _run_to_stream(plan, report, observer)
    return _run_to_file(plan, report, digitizer.identity, observer)


def _page_digitizer(request: RunRequest, digitizer: Digitizer, pages: int) -> PageDigitizer:
    """Return the digitizer, or one with the same options that digitizes pages in worker processes."""
    isolate = request.isolate or request.timeout_s is not None
    workers = worker_count(request.workers, digitizer, pages, isolate=isolate)
    if not workers:
        return digitizer
    return ProcessDigitizer(request.options.page_digitizer, workers, request.timeout_s)


def _create_overlay_folder(folder: Path | None) -> None:
    if folder is None:
        return
    with reraise_as_output_error(folder):
        make_folder(folder)


def _run_to_stream(plan: RunPlan, report: Report, observer: RunObserver) -> RunOutcome:
    """Digitize all pages, and write each result immediately. Raises KeyboardInterrupt if stopped."""
    started = time.perf_counter()
    with plan.writer as writer, observer.progress(len(plan.jobs), 0) as advance:

        def on_result(job: Job, result: Result) -> None:
            plan.draw_overlay(job, result)
            advance()

        run_jobs(plan.jobs, plan.digitizer, plan.network_threads, writer, report, on_result, plan.stop)
    if report.pages < len(plan.jobs):
        raise KeyboardInterrupt
    return RunOutcome(report, None, time.perf_counter() - started)


def _run_to_file(
    plan: RunPlan, report: Report, identity: Mapping[str, str], observer: RunObserver
) -> RunOutcome:
    """Digitize the pages that are not done yet, then write the output and the report.

    `identity` is the identity of the digitizer. Raises KeyboardInterrupt if stopped.
    """
    request, form, files = plan.request, plan.target.form, plan.target.files
    settings = configuration(request.options, identity, form.name if form.is_folder else None)
    with files.lock(), ExitStack() as stack:
        if request.restart:
            files.remove()
        journal = stack.enter_context(closing(Journal(files.journal)))
        changes = open_or_resume(journal, settings, only_failed=request.only_failed)
        if changes:
            observer.on_restart(changes)
        store = open_store(plan.writer, files.spool, journal.spool_size, is_folder=form.is_folder)
        stack.enter_context(closing(store))
        run = ResumableRun(plan.jobs, journal, store, plan.network_threads, plan.overlay_path, request.verify)
        return _finish(plan, run, report, observer)


def _finish(plan: RunPlan, run: ResumableRun, report: Report, observer: RunObserver) -> RunOutcome:
    """Digitize the remaining pages and write the output, unless the output is current. Write the report."""
    only_failed, report_path = plan.request.only_failed, plan.target.report_path
    started = time.perf_counter()
    report.resumed = plan.pages
    if not _is_output_current(plan, run, only_failed=only_failed):
        pending, not_started = run.pending(only_failed=only_failed)
        report.resumed -= len(pending)
        if report.resumed and not only_failed:
            observer.on_resume(report.resumed, plan.pages)
        try:
            _digitize(plan, run, pending, observer, done=report.resumed)
            if not not_started:
                run.store.write_output(((job, run.entry(job)) for job in run.jobs), plan.stop)
        except (EcgDigitError, KeyboardInterrupt):
            observer.on_stop(sum(run.entry(job) is not None for job in plan.jobs), plan.pages)
            raise
        if not_started:
            return RunOutcome(report, report_path, time.perf_counter() - started, not_started)
    seconds = time.perf_counter() - started
    for job in plan.jobs:
        report.add(run.report(job))
    _complete(plan, run, report)
    retryable = report.count(FAILED) > len(plan.jobs) - plan.pages
    return RunOutcome(report, report_path, seconds, retryable=retryable)


def _digitize(
    plan: RunPlan, run: ResumableRun, jobs: Sequence[Job], observer: RunObserver, *, done: int
) -> None:
    """Digitize the pages of the jobs. Raises KeyboardInterrupt if stopped.

    `done` is the number of pages that were done before. The progress starts at this number.
    """
    with observer.progress(done + len(jobs), done) as advance:

        def on_result(job: Job, result: Result) -> None:
            plan.draw_overlay(job, result)
            advance()

        run.digitize(jobs, plan.digitizer, on_result, plan.stop)
    if plan.stop():
        raise KeyboardInterrupt


def _is_output_current(plan: RunPlan, run: ResumableRun, *, only_failed: bool) -> bool:
    """Return True if an earlier run wrote the output from exactly these pages, and it is unchanged.

    An output file is compared with its digest. If overlays are requested, they must also exist. With
    `only_failed`, the output is not current if a page failed, because this page is retried.
    """
    completion, out = run.journal.completion, plan.target.out
    if completion is None or (only_failed and completion.failed) or completion.jobs != run.digest():
        return False
    with_page = [job for job in run.jobs if job.page is not None]
    if not all(run.has_overlay(job) for job in with_page):
        return False
    if plan.target.form.is_folder:
        return all(run.is_done(job) for job in with_page)
    return completion.output is not None and completion.output == file_digest(out)


def _complete(plan: RunPlan, run: ResumableRun, report: Report) -> None:
    """Write the report and the last line of the journal. If no page failed, discard the stored results.

    If a page failed, the results are kept, because a later run with `only_failed` needs the results of the
    other pages. Raises OutputNotWritable.
    """
    target = plan.target
    write_report(report, map(run.report, run.jobs), target.report_path)
    output = None if target.form.is_folder else file_digest(target.out)
    completion = Completion(run.digest(), output, report.count(FAILED))
    if run.journal.completion != completion:
        run.journal.complete(completion)
    if completion.failed == 0:
        run.store.discard()
