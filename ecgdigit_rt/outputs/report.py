"""The report beside the output: what became of every page, for people and programs.

`submission.csv` has `submission.report.json` beside it, a folder of outputs `report.json` in it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ecgdigit_rt import __version__
from ecgdigit_rt.errors import LeadsMissing
from ecgdigit_rt.outputs.file_names import REPORT
from ecgdigit_rt.outputs.page_facts import (
    layout_facts,
    lead_facts,
    origin_facts,
    quality_facts,
    readable,
    rounded,
    seconds_facts,
)
from ecgdigit_rt.outputs.signals_table import lead_names
from ecgdigit_rt.outputs.terminal import on_terminal
from ecgdigit_rt.outputs.whole_file import write_whole_text
from ecgdigit_rt.record import Failed, Result

LISTED = 20
"""So many failures are named on the terminal; the report names all."""
_WORST = 3


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
    """All pages of a run so far. `skipped`: inputs that test.csv does not ask for.

    device, models: what they were read with.
    """

    pages: list[PageReport] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    device: str = ""
    models: str = ""

    def count(self, status: str) -> int:
        return sum(page.status == status for page in self.pages)

    @property
    def is_clean(self) -> bool:
        return self.count("digitized") == len(self.pages)


def page_report(page_id: str, result: Result, missing: Sequence[str]) -> PageReport:
    """Describe one page. `missing`: the leads it should have given and did not."""
    path, page_id = str(origin_facts(result)["source"]), readable(page_id)
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


def write_report(report: Report, path: Path) -> None:
    """Write the report in one piece. Raises OutputNotWritable."""
    document = {
        "ecgdigit_rt": __version__,
        "device": report.device,
        "models": report.models,
        "pages": len(report.pages),
        "digitized": report.count("digitized"),
        "partial": report.count("partial"),
        "failed": report.count("failed"),
        "skipped": [readable(path) for path in report.skipped],
        "results": [asdict(page) for page in report.pages],
    }
    write_whole_text(json.dumps(document, indent=1, ensure_ascii=False), path)


def summary_lines(report: Report, seconds: float) -> list[str]:
    """The last lines of a run, for the terminal."""
    counts = [f"{report.count('digitized')} digitized"]
    if report.count("partial"):
        counts.append(f"{report.count('partial')} with leads missing")
    counts.append(f"{report.count('failed')} failed")
    if report.skipped:
        counts.append(f"{len(report.skipped)} skipped (not in test.csv)")
    if seconds > 0:
        counts.append(f"{len(report.pages) / seconds:.1f} pages/s")
    lines = [f"done     {' · '.join(counts)}", *_quality_line(report), *_note_line(report)]
    troubled = [page for page in report.pages if page.status != "digitized"]
    for page in troubled[:LISTED]:
        word = "failed " if page.status == "failed" else "partial"
        lines.append(f"{word}  {page.path}   {page.message}   [{page.error_id}]")
    if len(troubled) > LISTED:
        lines.append(f"         … and {len(troubled) - LISTED} more; the report names them all")
    return [on_terminal(line) for line in lines]


def _note_line(report: Report) -> list[str]:
    noted = [page for page in report.pages if page.notes]
    if not noted:
        return []
    more = f" · {len(noted) - 1} more pages with notes in the report" if len(noted) > 1 else ""
    return [f"note     {noted[0].id}: {noted[0].notes[0]}{more}"]


def _quality_line(report: Report) -> list[str]:
    """The pages that a person should look at first, of several."""
    known = sorted((page.expected_db, page.id) for page in report.pages if page.expected_db is not None)
    if len(known) < 2:
        return []
    worst = " · ".join(f"{name} {db:.0f}" for db, name in known[:_WORST])
    return [f"quality  {known[len(known) // 2][0]:.0f} dB expected in the median; lowest: {worst}"]
