"""What `run` does once it knows what is wanted: read, keep, write, and say so."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ecgdigit_rt.cli.progress import page_progress
from ecgdigit_rt.errors import EcgDigitError
from ecgdigit_rt.formats.file_names import file_stem
from ecgdigit_rt.formats.page_folder import PageFolder
from ecgdigit_rt.formats.writer import PageWriter
from ecgdigit_rt.runs.completion import end_run, is_written, write_output
from ecgdigit_rt.runs.jobs import Job, PageDigitizer, run_jobs
from ecgdigit_rt.runs.journal import Journal
from ecgdigit_rt.runs.output_target import OutputTarget
from ecgdigit_rt.runs.report import Report, summary_lines
from ecgdigit_rt.runs.result_store import FolderStore, SpoolStore
from ecgdigit_rt.runs.resume import ResumableRun, open_or_resume
from ecgdigit_rt.runs.spool import Spool

if TYPE_CHECKING:
    from ecgdigit_rt.results import Result

SOME_FAILED = 2


@dataclass(frozen=True, slots=True)
class RunPlan:
    """Which pages are to be read, by what, and where they go.

    max_pixels: of what overlays show. stop: whether the user wants it to end.
    """

    jobs: Sequence[Job]
    reader: PageDigitizer
    network_threads: int
    to: OutputTarget
    writer: PageWriter
    overlay: Path | None
    max_pixels: int
    stop: Callable[[], bool]

    @property
    def pages(self) -> int:
        return sum(job.page is not None for job in self.jobs)

    def overlay_path(self, image: str) -> Path | None:
        return None if self.overlay is None else self.overlay / f"{file_stem(image)}.png"

    def draw(self, job: Job, result: Result) -> None:
        """The page's overlay, where one is wanted."""
        path = self.overlay_path(job.image)
        if path is not None and job.page is not None:
            from ecgdigit_rt.plots.overlay import write_overlay

            write_overlay(result, path, self.max_pixels)

    def is_drawn(self, image: str) -> bool:
        path = self.overlay_path(image)
        return path is None or path.is_file()


def read_to_stream(work: RunPlan, report: Report) -> int:
    """Read all pages and write each as it comes; give the exit code."""
    started = time.perf_counter()
    with work.writer as writer, page_progress(len(work.jobs)) as advance:

        def finish(job: Job, result: Result) -> None:
            work.draw(job, result)
            advance()

        run_jobs(work.jobs, work.reader, work.network_threads, writer, report, finish, work.stop)
    if report.pages < len(work.jobs):
        raise KeyboardInterrupt
    return _summed_up(report, time.perf_counter() - started)


def read_to_file(
    work: RunPlan, report: Report, configuration: Mapping[str, str], *, only_failed: bool, fresh: bool
) -> int:
    """Read the pages that the journal does not know, then write the output; give the exit code.

    Raises OutputInUse, ConfigurationChanged, JournalMalformed, JournalMissing and OutputNotWritable.
    """
    files = work.to.files
    with files.locked(), ExitStack() as opened:
        if fresh:
            files.forget()
        journal = opened.enter_context(closing(Journal(files.journal)))
        changed = open_or_resume(journal, configuration, only_failed=only_failed)
        if changed:
            typer.echo(f"note     begins anew: {'; '.join(changed)}", err=True)
        kept: FolderStore | SpoolStore
        if isinstance(work.writer, PageFolder):
            kept = FolderStore(work.writer)
        else:
            kept = SpoolStore(opened.enter_context(closing(Spool(files.spool, journal.spooled))))
        run = ResumableRun(work.jobs, journal, kept, work.network_threads, work.is_drawn)
        return _resumed(work, run, report, only_failed=only_failed)


def _resumed(work: RunPlan, run: ResumableRun, report: Report, *, only_failed: bool) -> int:
    started = time.perf_counter()
    report.known = work.pages
    if not is_written(run, work.to.files, only_failed=only_failed):
        todo, unread = run.todo(only_failed=only_failed)
        report.known -= len(todo)
        if report.known and not only_failed:
            typer.echo(f"journal  {report.known} of {work.pages} pages are done already", err=True)
        try:
            _read(work, run, todo, done=report.known)
            if isinstance(run.kept, SpoolStore) and not unread:
                write_output(run, run.kept, work.writer, work.stop)
        except (EcgDigitError, KeyboardInterrupt):
            _say_how_to_go_on(work, run)
            raise
        if unread:
            typer.echo(f"left     {unread} pages were never read: without --only-failed they are", err=True)
            return SOME_FAILED
    seconds = time.perf_counter() - started
    for job in work.jobs:
        report.add(run.report(job))
    end_run(run, work.to.files, report, work.to.report_path)
    code = _summed_up(report, seconds)
    if report.count("failed") > len(work.jobs) - work.pages:
        typer.echo("         only these again: the same command with --only-failed", err=True)
    typer.echo(f"written  {work.to.out} · {work.to.report_path}", err=True)
    return code


def _read(work: RunPlan, run: ResumableRun, todo: Sequence[Job], *, done: int) -> None:
    with page_progress(done + len(todo), done) as advance:

        def finish(job: Job, result: Result) -> None:
            work.draw(job, result)
            advance()

        run.read(todo, work.reader, finish, work.stop)
    if work.stop():
        raise KeyboardInterrupt


def _say_how_to_go_on(work: RunPlan, run: ResumableRun) -> None:
    done = sum(run.entry(job) is not None for job in work.jobs)
    typer.echo(f"kept     {done} of {work.pages} pages are done; the same command goes on", err=True)


def _summed_up(report: Report, seconds: float) -> int:
    for line in summary_lines(report, seconds):
        typer.echo(line, err=True)
    return 0 if report.is_clean else SOME_FAILED
