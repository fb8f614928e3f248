"""The report beside the output: what became of every page, for people and programs.

`submission.csv` has `submission.report.json` beside it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ecgdigit_rt import __version__
from ecgdigit_rt.errors import LeadsMissing, OutputNotWritable
from ecgdigit_rt.record import LEADS, Digitized, Failed, Lead, Result
from ecgdigit_rt.tracing.consistency import residuals

LISTED = 20
"""So many failures are named on the terminal; the report names all."""


@dataclass(frozen=True, slots=True)
class PageReport:
    """One page. status: `digitized`, `partial` (leads are missing) or `failed`."""

    id: str
    path: str
    status: str
    error_id: str = ""
    message: str = ""
    hint: str = ""
    leads: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    missing: Sequence[str] = ()
    layout: Mapping[str, object] = field(default_factory=dict)
    quality: Mapping[str, float | None] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)


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
    path = str(result.source.path)
    if isinstance(result, Failed):
        return PageReport(
            page_id, path, "failed", result.error_id, result.message, result.hint, missing=missing
        )
    found = {name: _lead(result.leads[name]) for name in LEADS if name in result.leads}
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
        _layout(result),
        _quality(result),
        {stage: round(seconds, 4) for stage, seconds in result.seconds.items()},
    )


def report_path(out: Path) -> Path:
    return out.with_name(f"{out.stem}.report.json")


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
        "skipped": report.skipped,
        "results": [asdict(page) for page in report.pages],
    }
    partial = path.with_name(f".{path.name}.part")
    try:
        partial.write_text(json.dumps(document, indent=1, ensure_ascii=False), encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise OutputNotWritable(path, error.strerror or str(error)) from error


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
    lines = [f"done     {' · '.join(counts)}"]
    troubled = [page for page in report.pages if page.status != "digitized"]
    for page in troubled[:LISTED]:
        word = "failed " if page.status == "failed" else "partial"
        lines.append(f"{word}  {page.path}   {page.message}   [{page.error_id}]")
    if len(troubled) > LISTED:
        lines.append(f"         … and {len(troubled) - LISTED} more; the report names them all")
    return lines


def _lead(lead: Lead) -> dict[str, float]:
    return {
        "samples": lead.mv.size,
        "rate_hz": lead.rate_hz,
        "start_s": round(lead.start_s, 4),
        "duration_s": round(lead.duration_s, 4),
        "confidence": round(float(lead.confidence), 4),
    }


def _layout(page: Digitized) -> dict[str, object]:
    return {
        "name": page.layout.name,
        "speed_mm_s": page.layout.speed_mm_s,
        "gain_mm_mv": page.layout.gain_mm_mv,
    }


def _quality(page: Digitized) -> dict[str, float | None]:
    confidences = [lead.confidence for lead in page.leads.values()]
    residual = page.residual_px
    quality: dict[str, float | None] = {"residual_px": None if residual is None else round(residual, 3)}
    if confidences:
        quality["confidence"] = round(float(sum(confidences) / len(confidences)), 4)
    for relation, found in residuals(page.leads).items():
        quality[f"{relation}_mv"] = round(found.median_mv, 4)
    for lead, difference in page.repeats_mv.items():
        quality[f"{lead}-{lead}_mv"] = round(difference, 4)
    return quality
