"""Jobs of a run: the images of the output in order, each with its page and requested leads."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import takewhile
from pathlib import Path
from typing import Protocol

from ecgdigit_rt.decode.page_list import page_ids
from ecgdigit_rt.errors import AmbiguousPage, RequestedPageMissing
from ecgdigit_rt.formats.metadata import missing_leads
from ecgdigit_rt.formats.test_csv import LeadRequest, missing_requests
from ecgdigit_rt.formats.writer import PageWriter
from ecgdigit_rt.results import Failed, PageRef, Result, failed_from_error
from ecgdigit_rt.runs.report import Report, page_report


@dataclass(frozen=True, slots=True)
class Job:
    """One image of the output.

    `image` is the id of the image. `page` is None if test.csv requests an image that is not among the inputs.
    `requests` are the lines of test.csv for this image, or None without test.csv.
    """

    image: str
    page: PageRef | None
    requests: tuple[LeadRequest, ...] | None

    def missing_leads(self, result: Result) -> list[str]:
        """Return the names of the requested leads, or else of the layout's leads, that the result lacks."""
        return missing_leads(result) if self.requests is None else missing_requests(result, self.requests)


class PageDigitizer(Protocol):
    """Subset of the interface of `ecgdigit_rt.digitizer.Digitizer` that a run uses."""

    def digitize_many(self, pages: Iterable[PageRef], /, network_threads: int) -> Iterator[Result]:
        """Yield one result per page, in the same order. Each network uses `network_threads` CPU threads."""
        ...


def jobs_from_pages(
    pages: Sequence[PageRef], requests: Mapping[str, Sequence[LeadRequest]] | None
) -> tuple[list[Job], list[PageRef]]:
    """Match pages with the requests of test.csv. Return the jobs and the pages without a request.

    Without test.csv, every page is a job, in the order of the inputs. With test.csv, the jobs are in the
    order of its images, and an image matches a page whose `PageRef.id` or whose distinct id (see `page_ids`)
    equals the id of the image. Raises AmbiguousPage if several pages match.
    """
    ids = page_ids(pages)
    if requests is None:
        return [Job(name, page, None) for name, page in zip(ids, pages, strict=True)], []
    by_name: dict[str, dict[int, PageRef]] = {}
    for index, (distinct, page) in enumerate(zip(ids, pages, strict=True)):
        by_name.setdefault(page.id, {})[index] = page
        by_name.setdefault(distinct, {})[index] = page
    jobs, used = [], set()
    for image, image_requests in requests.items():
        candidates = by_name.get(image, {})
        if len(candidates) > 1:
            raise AmbiguousPage(image, [page.path for page in candidates.values()])
        used |= set(candidates)
        jobs.append(Job(image, next(iter(candidates.values()), None), tuple(image_requests)))
    return jobs, [page for index, page in enumerate(pages) if index not in used]


def run_jobs(
    jobs: Sequence[Job],
    digitizer: PageDigitizer,
    network_threads: int,
    writer: PageWriter,
    report: Report,
    on_result: Callable[[Job, Result], None],
    stop: Callable[[], bool],
) -> None:
    """Digitize the pages of the jobs in order, write every result and add it to the report.

    `on_result` is called after each result. Once `stop()` is true, no further page is started, and the
    remaining pages are not in the report.
    """
    pages = (job.page for job in jobs if job.page is not None)
    results = digitizer.digitize_many(takewhile(lambda _: not stop(), pages), network_threads=network_threads)
    for job in jobs:
        result = missing_page_result(job.image) if job.page is None else next(results, None)
        if result is None:
            return
        writer.write(job.image, result)
        report.add(page_report(job.image, result, job.missing_leads(result)))
        on_result(job, result)


def missing_page_result(image: str) -> Failed:
    """Return the result of an image that test.csv requests but that is not among the inputs."""
    return failed_from_error(PageRef(Path(image)), RequestedPageMissing(image))


UNREADABLE = "unreadable"
"""Placeholder for the digest of a file that cannot be read."""


@dataclass(frozen=True, slots=True)
class InputFingerprint:
    """Everything that determines the stored result of a page, apart from the configuration of the run.

    `sha256` is the digest of the file. `threads` is the number of threads per network, which affects the
    order of floating-point sums. `requests` is a digest of the page's lines in test.csv, or empty without
    test.csv.
    """

    sha256: str
    threads: int
    requests: str


class FileDigests:
    """Cache of the SHA-256 digests of files. Each file is read once, even if it has many pages."""

    def __init__(self) -> None:
        self._digests: dict[Path, str] = {}

    def digest(self, path: Path) -> str:
        """Return the hexadecimal digest of a file, or UNREADABLE."""
        if path not in self._digests:
            self._digests[path] = file_digest(path) or UNREADABLE
        return self._digests[path]


def file_digest(path: Path) -> str | None:
    """Return the hexadecimal SHA-256 of a regular file, or None if it cannot be read.

    Pipes and devices are not opened, because opening a pipe blocks until another process writes to it, and
    the content of a device may be endless.
    """
    try:
        if not path.is_file():
            return None
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def requests_digest(requests: Sequence[LeadRequest] | None) -> str:
    """Return a short digest of a page's lines in test.csv, or an empty string without test.csv."""
    if requests is None:
        return ""
    text = json.dumps([asdict(request) for request in requests])
    return hashlib.sha256(text.encode()).hexdigest()[:16]
