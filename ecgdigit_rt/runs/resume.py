"""Resumption of a run from the journal of an earlier run with the same output."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import takewhile
from pathlib import Path

from ecgdigit_rt.errors import ConfigurationChanged, JournalMissing, PageCrashed
from ecgdigit_rt.results import Failed, PageRef, Result
from ecgdigit_rt.runs.jobs import (
    FileDigests,
    InputFingerprint,
    Job,
    PageDigitizer,
    missing_page_result,
    requests_digest,
)
from ecgdigit_rt.runs.journal import Journal, JournalEntry, PageName, json_from_fingerprint
from ecgdigit_rt.runs.options import differences
from ecgdigit_rt.runs.report import PageReport, page_report
from ecgdigit_rt.runs.result_store import ResultStore
from ecgdigit_rt.runs.written_files import WrittenFile


def open_or_resume(journal: Journal, configuration: Mapping[str, str], *, only_failed: bool) -> list[str]:
    """Prepare a journal for a run with this configuration. Return the differences from the earlier run.

    If the configuration has changed, the journal is reset in two cases: if the earlier run is complete
    without failed pages, so there is nothing to resume, or if it digitized no page successfully. In all other
    cases, and always with `only_failed`, a changed configuration raises ConfigurationChanged. With
    `only_failed`, raises JournalMissing if there is no earlier run.
    """
    before = journal.configuration
    if before is None and only_failed:
        raise JournalMissing(journal.path)
    changes = [] if before is None else differences(before, configuration)
    is_complete = journal.completion is not None and journal.completion.failed == 0
    has_pages = not all(entry.is_failed for entry in journal.entries.values())
    if changes and (only_failed or (has_pages and not is_complete)):
        raise ConfigurationChanged(journal.path, changes)
    if before is None or changes:
        journal.reset(configuration)
    return changes


@dataclass(slots=True)
class ResumableRun:
    """Jobs of a run, with their journal entries and their stored results.

    `network_threads` is the number of CPU threads of each network. `overlay_path` returns the path of the
    overlay of an image, or None if overlays are not requested. If `verify`, files that earlier runs wrote are
    compared with the digests in the journal; otherwise only with the sizes.
    """

    jobs: Sequence[Job]
    journal: Journal
    store: ResultStore
    network_threads: int
    overlay_path: Callable[[str], Path | None] = lambda _: None
    verify: bool = False
    _digests: FileDigests = field(default_factory=FileDigests)

    def entry(self, job: Job) -> JournalEntry | None:
        """Return the journal entry of a job, or None if there is no valid entry.

        An entry is valid if the page has the same name, file content and requests as in the earlier run, and
        the number of threads per network is the same.
        """
        if job.page is None:
            return None
        entry = self.journal.entries.get(_page_name(job, job.page))
        return entry if entry is not None and entry.fingerprint == self._fingerprint(job, job.page) else None

    def is_done(self, job: Job) -> bool:
        """Return True if the job has a valid journal entry, and its result and overlay are undamaged."""
        entry = self.entry(job)
        if entry is None or not self.has_overlay(job):
            return False
        return self.store.has(job.image, entry, verify=self.verify)

    def has_overlay(self, job: Job) -> bool:
        """Return True if the overlay of a job exists undamaged, or if overlays are not requested."""
        path, entry = self.overlay_path(job.image), self.entry(job)
        if path is None:
            return True
        if entry is None or entry.overlay is None:
            return path.is_file()
        return replace(entry.overlay, name=path.name).is_intact(path.parent, verify=self.verify)

    def pending(self, *, only_failed: bool) -> tuple[list[Job], int]:
        """Return the jobs to digitize now, and the number of jobs that `only_failed` excludes.

        With `only_failed`, only pages that failed in an earlier run are digitized now. All other jobs that
        are not done are excluded.
        """
        pending = [job for job in self.jobs if job.page is not None and not self.is_done(job)]
        if not only_failed:
            return pending, 0
        failed = [job for job in self.jobs if (entry := self.entry(job)) is not None and entry.is_failed]
        return failed, len({job.image for job in pending} - {job.image for job in failed})

    def digitize(
        self,
        jobs: Sequence[Job],
        digitizer: PageDigitizer,
        on_result: Callable[[Job, Result], None],
        stop: Callable[[], bool],
    ) -> None:
        """Digitize the pages of `jobs`. Each result is on the disk before its journal line is written.

        `on_result` draws the overlay of a page.

        Once `stop()` is true, no further page is started. Raises OutputNotWritable.
        """
        with_page = [(job, job.page) for job in jobs if job.page is not None]
        fingerprints: list[InputFingerprint] = []

        def pages() -> Iterator[PageRef]:
            for job, page in takewhile(lambda _: not stop(), with_page):
                fingerprints.append(
                    self._fingerprint(job, page)
                )  # before decoding, because the file may change
                yield page

        results = digitizer.digitize_many(pages(), network_threads=self.network_threads)
        for number, result in enumerate(results):
            job, page = with_page[number]
            if stop() and isinstance(result, Failed) and result.error_id == PageCrashed.id:
                continue  # the stop signal may also have ended the worker process
            on_result(job, result)
            stored = replace(self.store.store(job.image, result), overlay=self._written_overlay(job))
            report = page_report(job.image, result, job.missing_leads(result))
            self.journal.add(_page_name(job, page), fingerprints[number], stored, report)

    def report(self, job: Job) -> PageReport:
        """Return the report of a job: from the journal, or a failure if its page is not among the inputs."""
        if job.page is None:
            result = missing_page_result(job.image)
            return page_report(job.image, result, job.missing_leads(result))
        return self.journal.report(self.journal.entries[_page_name(job, job.page)])

    def digest(self) -> str:
        """Return a digest of all jobs in order, which covers their pages, file contents and requests."""
        digest = hashlib.sha256()
        for job in self.jobs:
            facts: list[object] = [job.image]
            if job.page is not None:
                fingerprint = json_from_fingerprint(self._fingerprint(job, job.page))
                facts += [asdict(_page_name(job, job.page)), fingerprint]
            digest.update(json.dumps(facts).encode())
        return digest.hexdigest()

    def _written_overlay(self, job: Job) -> WrittenFile | None:
        path = self.overlay_path(job.image)
        return None if path is None else WrittenFile.from_path(path)

    def _fingerprint(self, job: Job, page: PageRef) -> InputFingerprint:
        digest = self._digests.digest(page.path)
        return InputFingerprint(digest, self.network_threads, requests_digest(job.requests))


def _page_name(job: Job, page: PageRef) -> PageName:
    return PageName(job.image, str(page.path), page.page)
