"""The end of a run: its output and its report, from what was kept, in the order of the inputs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ecgdigit_rt.errors import OutputNotWritable
from ecgdigit_rt.formats.writer import PageWriter
from ecgdigit_rt.runs.file_digest import file_digest
from ecgdigit_rt.runs.jobs import missing_page_result
from ecgdigit_rt.runs.journal import Completion
from ecgdigit_rt.runs.report import Report, write_report
from ecgdigit_rt.runs.result_store import SpoolStore
from ecgdigit_rt.runs.resume import ResumableRun
from ecgdigit_rt.runs.run_files import RunFiles


def is_written(run: ResumableRun, files: RunFiles, *, only_failed: bool) -> bool:
    """Whether the output is what an earlier run wrote of just these pages, with nothing to be tried again."""
    finish = run.journal.finish
    if finish is None or (only_failed and finish.failed) or finish.jobs != run.digest():
        return False
    if not all(run.has_more(job.image) for job in run.jobs if job.page is not None):
        return False
    if files.is_folder:
        return all(run.known(job) for job in run.jobs if job.page is not None)
    return finish.output is not None and finish.output == file_digest(files.out)


def write_output(run: ResumableRun, pages: SpoolStore, writer: PageWriter, stop: Callable[[], bool]) -> None:
    """Write one file of all pages, which appears when it is whole.

    Raises OutputNotWritable, and KeyboardInterrupt once `stop()` holds.
    """
    with writer as opened:
        for job in run.jobs:
            if stop():
                raise KeyboardInterrupt
            entry = run.entry(job)
            if job.page is None or entry is None:
                opened.write(job.image, missing_page_result(job.image))
                continue
            result = pages.result(entry, job.page)
            if result is None:
                reason = f"what it kept of {job.image} is damaged; the same command reads it again"
                raise OutputNotWritable(pages.spool.path, reason)
            opened.write(job.image, result)


def end_run(run: ResumableRun, files: RunFiles, report: Report, report_path: Path) -> None:
    """Write the report, note that the output is there, and let go of what is needed no more.

    While pages have failed, the others are kept for a run that reads only those. Raises OutputNotWritable.
    """
    write_report(report, map(run.report, run.jobs), report_path)
    output = None if files.is_folder else file_digest(files.out)
    finish = Completion(run.digest(), output, report.count("failed"))
    if run.journal.finish != finish:
        run.journal.end(finish)
    if finish.failed == 0 and isinstance(run.kept, SpoolStore):
        run.kept.spool.remove()
