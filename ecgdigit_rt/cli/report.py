"""`ecgdigit-rt report`: list the pages of a run, worst first."""

from __future__ import annotations

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

    Failed pages come first, then doubtful pages, then pages with missing leads, then all others. In each
    group, pages are sorted by expected quality, lowest first.
    """
    from ecgdigit_engine.untrusted_json import json_from_untrusted
    from ecgdigit_rt.errors import InputNotFound, ReportMalformed
    from ecgdigit_rt.sanitize import escape_control_chars

    try:
        pages = json_from_untrusted(path.read_text(encoding="utf-8"))["results"]
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


def _rank(page: dict[str, Any]) -> tuple[int, bool, float]:
    """Return the sort key of a page: status, missing leads, expected quality. Unknown quality sorts first."""
    order = ("failed", "doubtful", "digitized").index(page["status"])
    quality = page.get("expected_db")
    return order, not page["missing"], -1e9 if quality is None else quality


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
        "" if quality is None else f"{quality:z.1f}",
        "" if worst is None or errors[worst] is None else f"{worst} {errors[worst]:.3f} mV",
        scale,
        _remarks(page),
    )


def _remarks(page: dict[str, Any]) -> str:
    """Return the doubts and the error of a page, or its notes if there are none."""
    found = [(doubt["message"], doubt["id"]) for doubt in page["doubts"]]
    if page["error_id"]:
        found.append((page["message"], page["error_id"]))
    return "; ".join([f"{message} [{key}]" for message, key in found] or page["notes"])
