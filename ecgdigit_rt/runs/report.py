"""Report of a run: the outcome of every page as JSON.

The report of `submission.csv` is `submission.report.json` in the same folder. The report of an output folder
is `report.json` inside it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ecgdigit_rt import __version__
from ecgdigit_rt.atomic_files import atomic_text_file, reraise_as_output_error
from ecgdigit_rt.errors import LeadsMissing
from ecgdigit_rt.formats.metadata import (
    doubts_metadata,
    escape_surrogates,
    layout_metadata,
    lead_metadata,
    quality_metadata,
    round_finite,
    source_metadata,
    step_seconds,
)
from ecgdigit_rt.formats.signal_table import lead_names
from ecgdigit_rt.results import DIGITIZED, DOUBTFUL, FAILED, STATUSES, Failed, Result

LISTED = 20
"""Maximum number of pages in each list of the summary. The report lists all. Hand-picked, not tuned."""


@dataclass(frozen=True, slots=True)
class PageReport:
    """Report of one page.

    `status` is `digitized`, `doubtful` or `failed`. `doubts` are the ids and the messages of the doubts. If a
    digitized or doubtful page lacks leads, `missing` contains their names, and `error_id`, `message` and
    `hint` are those of LeadsMissing.
    """

    id: str
    path: str
    status: str
    error_id: str = ""
    message: str = ""
    hint: str = ""
    leads: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    missing: Sequence[str] = ()
    layout: Mapping[str, object] = field(default_factory=dict)
    quality: Mapping[str, float | None] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    expected_db: float | None = None
    notes: Sequence[str] = ()
    doubts: Sequence[Mapping[str, str]] = ()

    @property
    def is_incomplete(self) -> bool:
        """True if the page was digitized without some of its leads."""
        return self.status != FAILED and bool(self.error_id)


@dataclass(slots=True)
class PageList:
    """List of pages of one kind: the first `LISTED` pages, and the number of all pages."""

    first: list[PageReport] = field(default_factory=list)
    total: int = 0

    def add(self, page: PageReport) -> None:
        """Count a page, and keep it if it is one of the first."""
        self.total += 1
        if len(self.first) < LISTED:
            self.first.append(page)


@dataclass(slots=True)
class Report:
    """Running totals of a run. Only `qualities` and `skipped` grow with the number of pages.

    `skipped` are the files of pages that test.csv does not request. `other_files` is the number of files in
    the searched folders that contain no pages, by kind. `device` and `models` are those of the
    digitizer. `resumed` is the number of pages whose results are from an earlier run. `failed`, `doubtful`,
    `incomplete` and `with_notes` are lists of pages. `incomplete` contains pages that lack leads; they are
    digitized or doubtful. `qualities` are pairs of the expected quality in dB and the id of the page.
    """

    skipped: list[str] = field(default_factory=list)
    device: str = ""
    models: str = ""
    resumed: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    failed: PageList = field(default_factory=PageList)
    doubtful: PageList = field(default_factory=PageList)
    incomplete: PageList = field(default_factory=PageList)
    with_notes: PageList = field(default_factory=PageList)
    qualities: list[tuple[float, str]] = field(default_factory=list)
    other_files: Counter[str] = field(default_factory=Counter)

    def add(self, page: PageReport) -> None:
        """Count one page, and keep its report if the summary may list the page."""
        self.counts[page.status] += 1
        memberships = (
            (self.failed, page.status == FAILED),
            (self.doubtful, page.status == DOUBTFUL),
            (self.incomplete, page.is_incomplete),
            (self.with_notes, bool(page.notes)),
        )
        for pages, is_member in memberships:
            if is_member:
                pages.add(page)
        if page.expected_db is not None:
            self.qualities.append((page.expected_db, page.id))

    def count(self, status: str) -> int:
        """Return the number of pages with this status."""
        return self.counts[status]

    @property
    def pages(self) -> int:
        """Number of pages so far."""
        return sum(map(self.count, STATUSES))

    @property
    def kinds_of_other_files(self) -> list[tuple[str, int]]:
        """Kinds of `other_files` with their numbers, the most frequent first."""
        return sorted(self.other_files.items(), key=lambda item: (-item[1], item[0]))

    @property
    def is_clean(self) -> bool:
        """True if no page failed, is doubtful or lacks leads."""
        return self.count(DIGITIZED) == self.pages and not self.incomplete.total


def page_report(page_id: str, result: Result, missing: Sequence[str]) -> PageReport:
    """Return the report of one page. `missing` are the expected leads that the result lacks."""
    path, page_id = str(source_metadata(result)["source"]), escape_surrogates(page_id)
    if isinstance(result, Failed):
        return PageReport(
            page_id, path, result.status, result.error_id, result.message, result.hint, missing=missing
        )
    leads = {name: lead_metadata(result.leads[name]) for name in lead_names(result)}
    problem = LeadsMissing(missing, list(leads)) if missing else None
    return PageReport(
        page_id,
        path,
        result.status,
        problem.id if problem else "",
        problem.message if problem else "",
        problem.hint if problem else "",
        leads,
        missing,
        layout_metadata(result),
        quality_metadata(result),
        step_seconds(result),
        round_finite(result.expected_db, 2),
        result.notes,
        doubts_metadata(result),
    )


def write_report(report: Report, pages: Iterable[PageReport], path: Path) -> None:
    """Write the report to a JSON file atomically. Raises OutputNotWritable.

    `pages` is consumed one page at a time, so that memory does not grow with the number of pages.
    """
    header = {
        "ecgdigit_rt": __version__,
        "device": report.device,
        "models": report.models,
        "pages": report.pages,
        **{status: report.count(status) for status in STATUSES},
        "missing_leads": report.incomplete.total,
        "skipped": [escape_surrogates(path) for path in report.skipped],
        "other_files": dict(report.kinds_of_other_files),
        "results": [],
    }
    before, after = _json(header).rsplit("[]", 1)
    with atomic_text_file(path) as text, reraise_as_output_error(path):
        text.write(before + "[")
        for number, page in enumerate(pages):
            text.write(("," if number else "") + "\n" + _json(asdict(page)))
        text.write("\n]" + after + "\n")


def _json(value: object) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False)
