"""Summary of a run: a few lines for the terminal."""

from __future__ import annotations

from collections.abc import Callable

from ecgdigit_rt.results import DIGITIZED, DOUBTFUL, FAILED
from ecgdigit_rt.runs.report import PageList, PageReport, Report
from ecgdigit_rt.sanitize import escape_control_chars

_KINDS = 5
"""Number of kinds of skipped files in the summary. Hand-picked, not tuned."""

_WORST = 3
"""Number of pages with the lowest expected quality in the summary. Hand-picked, not tuned."""


def summary_lines(report: Report, seconds: float, *, has_report: bool) -> list[str]:
    """Return the summary of a run, as lines for the terminal.

    `seconds` is the time spent on the pages that are not from an earlier run. `has_report` is True if the
    report is written to a file.
    """
    lines = [
        f"done     {' · '.join(_counts(report, seconds))}",
        *_quality_line(report),
        *_note_line(report),
        *_other_files_line(report),
        *_page_lines("failed", report.failed, _error, has_report=has_report),
        *_page_lines("doubtful", report.doubtful, _doubts, has_report=has_report),
        *_page_lines("partial", report.incomplete, _error, has_report=has_report),
    ]
    return [escape_control_chars(line) for line in lines]


def _counts(report: Report, seconds: float) -> list[str]:
    counts = [f"{report.count(DIGITIZED)} {DIGITIZED}"]
    if report.doubtful.total:
        counts.append(f"{report.doubtful.total} {DOUBTFUL}")
    counts.append(f"{report.failed.total} {FAILED}")
    if report.incomplete.total:
        counts.append(f"{report.incomplete.total} with missing leads")
    if report.resumed:
        counts.append(f"{report.resumed} from an earlier run")
    if report.skipped:
        counts.append(f"{len(report.skipped)} skipped (not in test.csv)")
    if seconds > 0 and report.pages > report.resumed:
        counts.append(f"{(report.pages - report.resumed) / seconds:.1f} pages/s")
    return counts


def _page_lines(
    label: str, pages: PageList, reason: Callable[[PageReport], str], *, has_report: bool
) -> list[str]:
    """Return a line for each of the first pages of a list, and one with the number of the others."""
    lines = [f"{label:8} {page.path}   {reason(page)}" for page in pages.first]
    more = pages.total - len(pages.first)
    if more:
        lines.append(f"         … and {more} more{', all listed in the report' if has_report else ''}")
    return lines


def _error(page: PageReport) -> str:
    return f"{page.message}   [{page.error_id}]"


def _doubts(page: PageReport) -> str:
    return "; ".join(f"{doubt['message']} [{doubt['id']}]" for doubt in page.doubts)


def _note_line(report: Report) -> list[str]:
    """Return a line with the first note and the number of other pages with notes, or no line."""
    others = report.with_notes.total - 1
    more = f" · {others} more page{'' if others == 1 else 's'} with notes" if others > 0 else ""
    return [f"note     {page.id}: {page.notes[0]}{more}" for page in report.with_notes.first[:1]]


def _other_files_line(report: Report) -> list[str]:
    """Return a line with the number and the most frequent kinds of files without pages, or no line."""
    total = report.other_files.total()
    if not total:
        return []
    kinds = [f"{count} {kind}" for kind, count in report.kinds_of_other_files[:_KINDS]]
    more = ", …" if len(report.other_files) > _KINDS else ""
    files = "1 file that is not a page" if total == 1 else f"{total} files that are not pages"
    return [f"skipped  {files}: {', '.join(kinds)}{more}"]


def _quality_line(report: Report) -> list[str]:
    """Return a line with the median and the lowest expected qualities, or no line.

    The pages with the lowest expected quality should be checked first. There is no line if fewer than two
    pages have an expected quality.
    """
    qualities = sorted(report.qualities)
    if len(qualities) < 2:
        return []
    worst = " · ".join(f"{name} {db:z.0f}" for db, name in qualities[:_WORST])
    return [f"quality  expected: median {qualities[len(qualities) // 2][0]:z.0f} dB; lowest: {worst}"]
