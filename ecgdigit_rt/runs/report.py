"""Report of a run: the outcome of every page as JSON, and a summary in a few lines.

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
    escape_surrogates,
    layout_metadata,
    lead_metadata,
    quality_metadata,
    round_finite,
    source_metadata,
    step_seconds,
)
from ecgdigit_rt.formats.signal_table import lead_names
from ecgdigit_rt.results import Failed, Result
from ecgdigit_rt.sanitize import escape_control_chars

LISTED = 20
"""Maximum number of failed or partial pages in the summary. The report lists all. Hand-picked, not tuned."""
_WORST = 3
"""Number of pages with the lowest expected quality in the summary. Hand-picked, not tuned."""
_WITH_NOTES = "with notes"
"""Key of `Report.counts` for pages with notes. The other keys are the values of `PageReport.status`."""


@dataclass(frozen=True, slots=True)
class PageReport:
    """Report of one page. `status` is `digitized`, `partial` (leads are missing) or `failed`."""

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


@dataclass(slots=True)
class Report:
    """Running totals of a run. Only `qualities` and `skipped` grow with the number of pages.

    `skipped` are the files of pages that test.csv does not request. `device` and `models` are those of the
    digitizer. `resumed` is the number of pages whose results are from an earlier run. `incomplete` contains
    the first `LISTED` failed or partial pages. `with_notes` contains the first page with notes, if any.
    `qualities` are pairs of the expected quality in dB and the id of the page.
    """

    skipped: list[str] = field(default_factory=list)
    device: str = ""
    models: str = ""
    resumed: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    incomplete: list[PageReport] = field(default_factory=list)
    with_notes: list[PageReport] = field(default_factory=list)
    qualities: list[tuple[float, str]] = field(default_factory=list)

    def add(self, page: PageReport) -> None:
        """Count one page, and keep its report if the summary may list the page."""
        self.counts[page.status] += 1
        if page.status != "digitized" and len(self.incomplete) < LISTED:
            self.incomplete.append(page)
        if page.notes:
            self.counts[_WITH_NOTES] += 1
            self.with_notes = self.with_notes or [page]
        if page.expected_db is not None:
            self.qualities.append((page.expected_db, page.id))

    def count(self, status: str) -> int:
        """Return the number of pages with this status."""
        return self.counts[status]

    @property
    def pages(self) -> int:
        """Number of pages so far."""
        return sum(map(self.count, ("digitized", "partial", "failed")))

    @property
    def is_clean(self) -> bool:
        """True if no page failed and no page lacks leads."""
        return self.count("digitized") == self.pages


def page_report(page_id: str, result: Result, missing: Sequence[str]) -> PageReport:
    """Return the report of one page. `missing` are the expected leads that the result lacks."""
    path, page_id = str(source_metadata(result)["source"]), escape_surrogates(page_id)
    if isinstance(result, Failed):
        return PageReport(
            page_id, path, "failed", result.error_id, result.message, result.hint, missing=missing
        )
    leads = {name: lead_metadata(result.leads[name]) for name in lead_names(result)}
    problem = LeadsMissing(missing, list(leads)) if missing else None
    return PageReport(
        page_id,
        path,
        "partial" if problem else "digitized",
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
        "digitized": report.count("digitized"),
        "partial": report.count("partial"),
        "failed": report.count("failed"),
        "skipped": [escape_surrogates(path) for path in report.skipped],
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


def summary_lines(report: Report, seconds: float, *, has_report: bool) -> list[str]:
    """Return the summary of a run, as lines for the terminal.

    `seconds` is the time spent on the pages that are not from an earlier run. `has_report` is True if the
    report is written to a file.
    """
    counts = [f"{report.count('digitized')} digitized"]
    if report.count("partial"):
        counts.append(f"{report.count('partial')} with missing leads")
    counts.append(f"{report.count('failed')} failed")
    if report.resumed:
        counts.append(f"{report.resumed} from an earlier run")
    if report.skipped:
        counts.append(f"{len(report.skipped)} skipped (not in test.csv)")
    if seconds > 0 and report.pages > report.resumed:
        counts.append(f"{(report.pages - report.resumed) / seconds:.1f} pages/s")
    lines = [f"done     {' · '.join(counts)}", *_quality_line(report), *_note_line(report)]
    for page in report.incomplete:
        label = "failed " if page.status == "failed" else "partial"
        lines.append(f"{label}  {page.path}   {page.message}   [{page.error_id}]")
    more = report.pages - report.count("digitized") - len(report.incomplete)
    if more:
        lines.append(f"         … and {more} more{', all listed in the report' if has_report else ''}")
    return [escape_control_chars(line) for line in lines]


def _note_line(report: Report) -> list[str]:
    """Return a line with the first note and the number of other pages with notes, or no line."""
    others = report.count(_WITH_NOTES) - 1
    more = f" · {others} more page{'' if others == 1 else 's'} with notes" if others > 0 else ""
    return [f"note     {page.id}: {page.notes[0]}{more}" for page in report.with_notes]


def _quality_line(report: Report) -> list[str]:
    """Return a line with the median and the lowest expected qualities, or no line.

    The pages with the lowest expected quality should be checked first. There is no line if fewer than two
    pages have an expected quality.
    """
    qualities = sorted(report.qualities)
    if len(qualities) < 2:
        return []
    worst = " · ".join(f"{name} {db:.0f}" for db, name in qualities[:_WORST])
    return [f"quality  expected: median {qualities[len(qualities) // 2][0]:.0f} dB; lowest: {worst}"]
