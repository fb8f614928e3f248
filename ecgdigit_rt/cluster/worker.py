"""What runs on the cluster's machines: one reader of pages, kept from part to part."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

from ecgdigit_rt.cluster.fetch import counted_pages, fetched, named
from ecgdigit_rt.cluster.parts import ClusterPage, Parts
from ecgdigit_rt.errors import InputError, StorageUnusable
from ecgdigit_rt.formats.metadata import printable
from ecgdigit_rt.formats.test_csv import missing_requests
from ecgdigit_rt.results import PageRef, Result, failed_from_error
from ecgdigit_rt.runs.isolation import PageProcess
from ecgdigit_rt.runs.options import DigitizeOptions
from ecgdigit_rt.runs.report import PageReport, page_report

Batch = dict[str, Any]
"""A column by name, as Ray Data hands rows over."""


class PartReader:
    """Reads the pages of a part one after another and writes it.

    Pages are read in a process of this one's: a crash in native code fails the page that was in it, as on one
    machine. That of the machine itself is Ray's to mend, which gives the part to another reader.
    """

    def __init__(
        self, reading: DigitizeOptions, threads: int, timeout_s: float | None, folder: str, here: str
    ) -> None:
        """folder: of the output. here: where the run was begun, which its paths are seen from."""
        self._process = PageProcess(partial(reading.page_reader, threads), timeout_s)
        self._parts, self._here = Parts(folder), here

    def __call__(self, batch: Batch) -> Batch:
        """A report of every page, as JSON, for the parts in `batch`."""
        reports: list[str] = []
        for part in batch["pages"]:
            results = list(self._read(pages_from_json(part)))
            self._parts.write(results)
            reports += [_report_text(page, result) for page, result in results]
        return {"report": reports}

    def _read(self, pages: Sequence[ClusterPage]) -> Iterator[tuple[ClusterPage, Result]]:
        """Each file is fetched once for all of its pages that follow each other."""
        for address, of_file in groupby(pages, lambda page: page.source):
            members = list(of_file)
            with ExitStack() as opened:
                try:
                    file = opened.enter_context(fetched(address, self._here))
                except StorageUnusable:
                    raise  # no page's fault
                except InputError as error:
                    for page in members:
                        ref = PageRef(Path(address), page.number)
                        yield page, named(failed_from_error(ref, error), ref.path, address)
                    continue
                for page in members:
                    result = self._process.read(PageRef(file, page.number))
                    yield page, named(result, file, address)


def report_from_text(text: str) -> PageReport:
    return PageReport(**json.loads(text))


def _report_text(page: ClusterPage, result: Result) -> str:
    """What the last lines of a run tell of a page; its leads stand in its part."""
    told = page_report(page.name, result, missing_requests(result, None))
    wanted = ("id", "status", "error_id", "message", "hint", "expected_db", "notes")
    return json.dumps({"path": printable(page.source), **{name: getattr(told, name) for name in wanted}})


def counted(batch: Batch) -> Batch:
    """How many pages each file has."""
    return {"source": batch["source"], "count": [counted_pages(str(one)) for one in batch["source"]]}


def json_from_pages(pages: Sequence[ClusterPage]) -> str:
    """Names of files may hold what is no UTF-8, which JSON spells out and Arrow refuses."""
    return json.dumps([asdict(page) for page in pages])


def pages_from_json(text: str) -> list[ClusterPage]:
    return [ClusterPage(**told) for told in json.loads(text)]
