"""Many pages into one output: which pages, in which order, and what each one leaves behind."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Protocol

from ecgdigit_rt.decode.page_list import page_ids
from ecgdigit_rt.errors import AmbiguousPage, RequestedPageMissing
from ecgdigit_rt.formats.test_csv import LeadRequest, missing_requests
from ecgdigit_rt.formats.writer import PageWriter
from ecgdigit_rt.results import Failed, PageRef, Result, failed_from_error
from ecgdigit_rt.runs.report import Report, page_report


@dataclass(frozen=True, slots=True)
class Job:
    """One image of the output. `page` is None where test.csv asks for what was not given."""

    image: str
    page: PageRef | None
    asked: tuple[LeadRequest, ...] | None


class PageDigitizer(Protocol):
    """What a batch needs of `ecgdigit_rt.digitizer.Digitizer`."""

    def digitize_many(self, pages: Iterable[PageRef], /, network_threads: int) -> Iterator[Result]:
        """One result per page, in the same order. network_threads: CPU threads of each network."""
        ...


def jobs_from_pages(
    pages: Sequence[PageRef], questions: Mapping[str, Sequence[LeadRequest]] | None
) -> tuple[list[Job], list[PageRef]]:
    """Pair pages with questions; also give the pages that nothing is asked of.

    Without questions every page is a job, in the order given. With them the order is theirs, and
    a page answers to its file's stem or to its distinct id. Raises AmbiguousPage.
    """
    ids = page_ids(pages)
    if questions is None:
        return [Job(name, page, None) for name, page in zip(ids, pages, strict=True)], []
    by_name: dict[str, dict[int, PageRef]] = {}
    for place, (distinct, page) in enumerate(zip(ids, pages, strict=True)):
        by_name.setdefault(page.id, {})[place] = page
        by_name.setdefault(distinct, {})[place] = page
    jobs, used = [], set()
    for image, asked in questions.items():
        candidates = by_name.get(image, {})
        if len(candidates) > 1:
            raise AmbiguousPage(image, [page.path for page in candidates.values()])
        used |= set(candidates)
        jobs.append(Job(image, next(iter(candidates.values()), None), tuple(asked)))
    return jobs, [page for place, page in enumerate(pages) if place not in used]


def run_jobs(
    jobs: Sequence[Job],
    digitizer: PageDigitizer,
    network_threads: int,
    writer: PageWriter,
    report: Report,
    on_result: Callable[[Job, Result], None],
    stop: Callable[[], bool],
) -> None:
    """Digitize the jobs, give every result to the writer, and fill in the report, in order.

    Once `stop()` holds, no further page is begun, and the report lacks the rest.
    """
    pages = (job.page for job in jobs if job.page is not None)
    results = digitizer.digitize_many(takewhile(lambda _: not stop(), pages), network_threads=network_threads)
    for job in jobs:
        result = missing_page_result(job.image) if job.page is None else next(results, None)
        if result is None:
            return
        writer.write(job.image, result)
        report.add(page_report(job.image, result, missing_requests(result, job.asked)))
        on_result(job, result)


def missing_page_result(image: str) -> Failed:
    """The result of an image that test.csv asks for and no input has."""
    return failed_from_error(PageRef(Path(image)), RequestedPageMissing(image))
