"""`ecgdigit-rt report`: list the pages of a run, worst first."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer


def report(
    path: Annotated[
        Path,
        typer.Argument(metavar="REPORT", help="Report of a run: NAME.report.json or FOLDER/report.json."),
    ],
    worst: Annotated[
        int | None, typer.Option("--worst", min=1, help="Maximum number of pages to list. Default: all.")
    ] = None,
) -> None:
    """List the pages of a run, worst first.

    Failed pages come first, then pages with missing leads, then all others. In each group, pages are sorted
    by expected quality, lowest first.
    """
    from ecgdigit_rt.errors import InputNotFound, ReportMalformed
    from ecgdigit_rt.sanitize import escape_control_chars

    try:
        pages = json.loads(path.read_text(encoding="utf-8"))["results"]
        lines = [_cells(page) for page in sorted(pages, key=_rank)]
    except FileNotFoundError as error:
        raise InputNotFound(str(path)) from error
    except (ValueError, KeyError, TypeError) as error:
        raise ReportMalformed(path) from error
    table = [("page", "status", "quality dB", "worst lead", "layout", ""), *lines[:worst]]
    widths = [max(len(line[k]) for line in table) for k in range(5)]
    for line in table:
        cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=False)]
        typer.echo(escape_control_chars("  ".join([*cells, line[5]])).rstrip())


def _rank(page: dict[str, Any]) -> tuple[int, float]:
    """Return the sort key of a page: status, then expected quality. An unknown quality sorts first."""
    order = ("failed", "partial", "digitized").index(page["status"])
    return order, page["expected_db"] if page.get("expected_db") is not None else -1e9


def _cells(page: dict[str, Any]) -> tuple[str, ...]:
    """Return the cells of the table row of one page."""
    quality = page.get("expected_db")
    errors = {name: lead.get("expected_error_mv") for name, lead in page["leads"].items()}
    worst = max(errors, key=lambda name: errors[name] or 0, default=None)
    layout = page["layout"]
    scale = ""
    if layout:
        scale = f"{layout['name']}, {layout['speed_mm_s']:g} mm/s, {layout['gain_mm_mv']:g} mm/mV"
    return (
        page["id"],
        page["status"],
        "" if quality is None else f"{quality:.1f}",
        "" if worst is None or errors[worst] is None else f"{worst} {errors[worst]:.3f} mV",
        scale,
        f"{page['message']} [{page['error_id']}]" if page["error_id"] else "; ".join(page.get("notes", ())),
    )
