"""Cluster worker, which digitizes one part after another.

A part is a Parquet file of the output, and contains several pages.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

from ecgdigit_rt.cluster.fetch import local_copy, page_count, with_address_in_message
from ecgdigit_rt.cluster.parts import ClusterPage, PartFolder
from ecgdigit_rt.errors import InputError, StorageUnusable
from ecgdigit_rt.formats.metadata import escape_surrogates, missing_leads
from ecgdigit_rt.results import PageRef, Result, failed_from_error
from ecgdigit_rt.runs.options import DigitizeOptions
from ecgdigit_rt.runs.report import PageReport, page_report
from ecgdigit_rt.worker_processes import WorkerProcess

Batch = dict[str, Any]
"""Batch of Ray Data: the columns by name."""

_REPORTED = ("id", "status", "error_id", "message", "hint", "missing", "expected_db", "notes", "doubts")
"""Fields of a page's report that the worker returns, except `path`. The signals are in the part."""


class PartDigitizer:
    """Digitizer of parts. Each worker creates one.

    Pages are digitized in a child process. As in a run with `--isolate` on one machine, a crash in native
    code affects only the page in progress. If the worker itself dies, Ray passes its part to another worker.
    `folder` is the output folder. `working_folder` is the folder in which the run was started. Relative paths
    are resolved against it.
    """

    def __init__(
        self,
        options: DigitizeOptions,
        threads: int,
        timeout_s: float | None,
        folder: str,
        working_folder: str,
    ) -> None:
        self._process = WorkerProcess(partial(options.page_digitizer, threads), timeout_s)
        self._parts, self._working_folder = PartFolder(folder), working_folder

    def __call__(self, batch: Batch) -> Batch:
        """Digitize and write the parts of a batch. Return the report of each page as JSON, in one column."""
        reports: list[str] = []
        for part in batch["pages"]:
            results = list(self._digitize(pages_from_json(part)))
            self._parts.write(results)
            reports += [_report_json(page, result) for page, result in results]
        return {"report": reports}

    def _digitize(self, pages: Sequence[ClusterPage]) -> Iterator[tuple[ClusterPage, Result]]:
        """Yield each page with its result. A file is fetched once for all its consecutive pages."""
        for source, group in groupby(pages, lambda page: page.source):
            members = list(group)
            with ExitStack() as stack:
                try:
                    file = stack.enter_context(local_copy(source, self._working_folder))
                except StorageUnusable:
                    raise  # the storage is unusable for every file, not only this one
                except InputError as error:
                    for page in members:
                        ref = PageRef(Path(source), page.number)
                        failure = failed_from_error(ref, error)
                        yield page, with_address_in_message(failure, ref.path, source)
                    continue
                for page in members:
                    result = self._process.digitize(PageRef(file, page.number))
                    yield page, with_address_in_message(result, file, source)


def page_counts(batch: Batch) -> Batch:
    """Return the sources of a batch of files, each with its number of pages."""
    return {"source": batch["source"], "count": [page_count(str(source)) for source in batch["source"]]}


def report_from_json(text: str) -> PageReport:
    """Return the report of a page from the JSON of a worker."""
    return PageReport(**json.loads(text))


def _report_json(page: ClusterPage, result: Result) -> str:
    """Return the report of a page as JSON, with the fields that the summary of a run needs."""
    report = page_report(page.name, result, missing_leads(result))
    fields = {name: getattr(report, name) for name in _REPORTED}
    return json.dumps({"path": escape_surrogates(page.source), **fields})


def json_from_pages(pages: Sequence[ClusterPage]) -> str:
    """Return pages as JSON.

    File names that are not valid UTF-8, which Arrow rejects, are escaped in JSON.
    """
    return json.dumps([asdict(page) for page in pages])


def pages_from_json(text: str) -> list[ClusterPage]:
    """Return the pages that `json_from_pages` serialized."""
    return [ClusterPage(**fields) for fields in json.loads(text)]
