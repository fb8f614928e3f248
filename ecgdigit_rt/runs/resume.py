"""A run that goes on where an earlier one of the same output ended."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import takewhile

from ecgdigit_rt.errors import ConfigurationChanged, JournalMissing, PageCrashed
from ecgdigit_rt.formats.test_csv import missing_requests
from ecgdigit_rt.results import Failed, PageRef, Result
from ecgdigit_rt.runs.file_digest import FileDigests
from ecgdigit_rt.runs.jobs import Job, PageDigitizer, missing_page_result
from ecgdigit_rt.runs.journal import InputFingerprint, Journal, JournalEntry, PageName
from ecgdigit_rt.runs.options import differences
from ecgdigit_rt.runs.report import PageReport, page_report
from ecgdigit_rt.runs.result_store import ResultStore


def open_or_resume(journal: Journal, now: Mapping[str, str], *, only_failed: bool) -> list[str]:
    """Make a journal ready for pages that are read like `now`; give what was otherwise before, in words.

    Where it was, a run that came to a clean end is replaced, as its output is, and so is one that read no
    page. Of any other what it has read would be lost. Raises JournalMissing and ConfigurationChanged.
    """
    was = journal.configuration
    if was is None and only_failed:
        raise JournalMissing(journal.path)
    changed = [] if was is None else differences(was, now)
    is_over = journal.finish is not None and journal.finish.failed == 0
    has_pages = not all(entry.is_failed for entry in journal.entries.values())
    if changed and (only_failed or (has_pages and not is_over)):
        raise ConfigurationChanged(journal.path, changed)
    if was is None or changed:
        journal.begin(now)
    return changed


@dataclass(slots=True)
class ResumableRun:
    """The jobs of a run, and of each what the journal knows.

    network_threads: of one network. has_more: whether what else a page leaves behind, such as its overlay,
    is there.
    """

    jobs: Sequence[Job]
    journal: Journal
    kept: ResultStore
    network_threads: int
    has_more: Callable[[str], bool] = lambda _: True
    _digests: FileDigests = field(default_factory=FileDigests)

    def known(self, job: Job) -> JournalEntry | None:
        """What the journal says of just this page, if it was read and its result is still there."""
        entry = self.entry(job)
        if entry is None or not self.has_more(job.image) or not self.kept.has(job.image, entry):
            return None
        return entry

    def entry(self, job: Job) -> JournalEntry | None:
        """What the journal says of just this page: its name, its bytes, and what is asked of it."""
        if job.page is None:
            return None
        entry = self.journal.entries.get(_name(job, job.page))
        return entry if entry is not None and entry.fingerprint == self._made_from(job, job.page) else None

    def todo(self, *, only_failed: bool) -> tuple[list[Job], int]:
        """The jobs whose pages are to be read now, and how many more would be without `only_failed`."""
        unknown = [job for job in self.jobs if job.page is not None and self.known(job) is None]
        if not only_failed:
            return unknown, 0
        failed = [job for job in self.jobs if (entry := self.entry(job)) is not None and entry.is_failed]
        return failed, len({job.image for job in unknown} - {job.image for job in failed})

    def read(
        self,
        jobs: Sequence[Job],
        digitizer: PageDigitizer,
        on_result: Callable[[Job, Result], None],
        stop: Callable[[], bool],
    ) -> None:
        """Read the pages of `jobs`, and keep and note each. Once `stop()` holds, no further page is begun.

        Raises OutputNotWritable.
        """
        given = [(job, job.page) for job in jobs if job.page is not None]
        fingerprint: list[InputFingerprint] = []

        def pages() -> Iterator[PageRef]:
            for job, page in takewhile(lambda _: not stop(), given):
                fingerprint.append(self._made_from(job, page))  # before it is read: a file may change
                yield page

        results = digitizer.digitize_many(pages(), network_threads=self.network_threads)
        for number, result in enumerate(results):
            job, page = given[number]
            if stop() and isinstance(result, Failed) and result.error_id == PageCrashed.id:
                continue  # what ends a run may have ended its worker, too
            on_result(job, result)
            place = self.kept.keep(job.image, result)
            report = page_report(job.image, result, missing_requests(result, job.asked))
            self.journal.add(_name(job, page), fingerprint[number], place, report)

    def report(self, job: Job) -> PageReport:
        """What the report says of a page that was read or not given."""
        if job.page is None:
            result = missing_page_result(job.image)
            return page_report(job.image, result, missing_requests(result, job.asked))
        return self.journal.report(self.journal.entries[_name(job, job.page)])

    def digest(self) -> str:
        """Of all pages in order, and of what is asked of them."""
        found = hashlib.sha256()
        for job in self.jobs:
            facts: list[object] = [job.image]
            if job.page is not None:
                facts += [asdict(_name(job, job.page)), asdict(self._made_from(job, job.page))]
            found.update(json.dumps(facts).encode())
        return found.hexdigest()

    def _made_from(self, job: Job, page: PageRef) -> InputFingerprint:
        asked = "" if job.asked is None else json.dumps([asdict(one) for one in job.asked])
        digest = hashlib.sha256(asked.encode()).hexdigest()[:16] if asked else ""
        return InputFingerprint(self._digests.of(page.path), self.network_threads, digest)


def _name(job: Job, page: PageRef) -> PageName:
    return PageName(job.image, str(page.path), page.page)
