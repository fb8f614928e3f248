"""The report beside the output: what became of every page, for people and programs.

`submission.csv` has `submission.report.json` beside it, a folder of outputs `report.json` in it.
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
from ecgdigit_rt.formats.file_names import REPORT
from ecgdigit_rt.formats.metadata import (
    layout_facts,
    lead_facts,
    origin_facts,
    printable,
    quality_facts,
    rounded,
    seconds_facts,
)
from ecgdigit_rt.formats.signal_table import lead_names
from ecgdigit_rt.results import Failed, Result
from ecgdigit_rt.sanitize import escape_control_chars

LISTED = 20
"""So many failures are named on the terminal; the report names all."""
_WORST = 3
_NOTED = "with notes"


@dataclass(frozen=True, slots=True)
class PageReport:
    """One page. status: `digitized`, `partial` (leads are missing) or `failed`."""

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
    """A run's pages so far, counted; of a hundred thousand it keeps no more than it tells at the end.

    skipped: inputs that test.csv does not ask for. device, models: what they were read with. known: of how
    many pages an earlier run knew the result already.
    """

    skipped: list[str] = field(default_factory=list)
    device: str = ""
    models: str = ""
    known: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    troubled: list[PageReport] = field(default_factory=list)
    noted: list[PageReport] = field(default_factory=list)
    qualities: list[tuple[float, str]] = field(default_factory=list)

    def add(self, page: PageReport) -> None:
        """Count one page, and remember it where the last lines name it."""
        self.counts[page.status] += 1
        if page.status != "digitized" and len(self.troubled) < LISTED:
            self.troubled.append(page)
        if page.notes:
            self.counts[_NOTED] += 1
            self.noted = self.noted or [page]
        if page.expected_db is not None:
            self.qualities.append((page.expected_db, page.id))

    def count(self, status: str) -> int:
        return self.counts[status]

    @property
    def pages(self) -> int:
        return sum(map(self.count, ("digitized", "partial", "failed")))

    @property
    def is_clean(self) -> bool:
        return self.count("digitized") == self.pages


def page_report(page_id: str, result: Result, missing: Sequence[str]) -> PageReport:
    """Describe one page. `missing`: the leads it should have given and did not."""
    path, page_id = str(origin_facts(result)["source"]), printable(page_id)
    if isinstance(result, Failed):
        return PageReport(
            page_id, path, "failed", result.error_id, result.message, result.hint, missing=missing
        )
    found = {name: lead_facts(result.leads[name]) for name in lead_names(result)}
    problem = LeadsMissing(missing, list(found)) if missing else None
    return PageReport(
        page_id,
        path,
        "partial" if problem else "digitized",
        problem.id if problem else "",
        problem.message if problem else "",
        problem.hint if problem else "",
        found,
        missing,
        layout_facts(result),
        quality_facts(result),
        seconds_facts(result),
        rounded(result.expected_db, 2),
        result.notes,
    )


def report_path(out: Path, *, is_folder: bool = False) -> Path:
    """Beside an output file, or inside a folder of outputs."""
    return out / REPORT if is_folder else out.with_name(f"{out.stem}.report.json")


def write_report(report: Report, pages: Iterable[PageReport], path: Path) -> None:
    """Write the report in one piece, page after page. Raises OutputNotWritable."""
    head = {
        "ecgdigit_rt": __version__,
        "device": report.device,
        "models": report.models,
        "pages": report.pages,
        "digitized": report.count("digitized"),
        "partial": report.count("partial"),
        "failed": report.count("failed"),
        "skipped": [printable(path) for path in report.skipped],
        "results": [],
    }
    before, after = _json(head).rsplit("[]", 1)
    with atomic_text_file(path) as text, reraise_as_output_error(path):
        text.write(before + "[")
        for number, page in enumerate(pages):
            text.write(("," if number else "") + "\n" + _json(asdict(page)))
        text.write("\n]" + after + "\n")


def _json(value: object) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False)


def summary_lines(report: Report, seconds: float) -> list[str]:
    """The last lines of a run, for the terminal. seconds: spent on the pages that were not known before."""
    counts = [f"{report.count('digitized')} digitized"]
    if report.count("partial"):
        counts.append(f"{report.count('partial')} with leads missing")
    counts.append(f"{report.count('failed')} failed")
    if report.known:
        counts.append(f"{report.known} skipped (journal)")
    if report.skipped:
        counts.append(f"{len(report.skipped)} skipped (not in test.csv)")
    if seconds > 0 and report.pages > report.known:
        counts.append(f"{(report.pages - report.known) / seconds:.1f} pages/s")
    lines = [f"done     {' · '.join(counts)}", *_quality_line(report), *_note_line(report)]
    for page in report.troubled:
        word = "failed " if page.status == "failed" else "partial"
        lines.append(f"{word}  {page.path}   {page.message}   [{page.error_id}]")
    more = report.pages - report.count("digitized") - len(report.troubled)
    if more:
        lines.append(f"         … and {more} more; the report names them all")
    return [escape_control_chars(line) for line in lines]


def _note_line(report: Report) -> list[str]:
    others = report.count(_NOTED) - 1
    more = f" · {others} more pages with notes in the report" if others > 0 else ""
    return [f"note     {page.id}: {page.notes[0]}{more}" for page in report.noted]


def _quality_line(report: Report) -> list[str]:
    """The pages that a person should look at first, of several."""
    known = sorted(report.qualities)
    if len(known) < 2:
        return []
    worst = " · ".join(f"{name} {db:.0f}" for db, name in known[:_WORST])
    return [f"quality  {known[len(known) // 2][0]:.0f} dB expected in the median; lowest: {worst}"]
