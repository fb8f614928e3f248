"""Layouts and statuses of pages, from the JSON files of the truth and of the predictions.

The status is that of the page in the run: digitized, doubtful or failed.

A layout in a file NAME.json in the folder of the truth or in the parent of this folder has precedence. Its
`layout` is a name, or an object `{"name": …}` as in the files that `run --format csv` writes. Without such a
file, the layout that the run detected is used.

Files that cannot be read are ignored, because layouts and statuses only group the pages of a report.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ecgdigit_engine.untrusted_json import json_from_untrusted
from ecgdigit_rt.results import STATUSES


def layout_beside(truth_dir: Path, image: str) -> str:
    """Return the layout in NAME.json in the truth folder or its parent folder, or an empty string."""
    return layout_from_json(truth_dir / f"{image}.json") or layout_from_json(
        truth_dir.absolute().parent / f"{image}.json"
    )


def layout_from_json(path: Path) -> str:
    """Return the layout in the JSON file of a page, or an empty string."""
    return _layout(_document(path))


def id_from_json(path: Path) -> str:
    """Return the page id in the JSON file of a page, or an empty string.

    The stem of the file may differ from the id, because not every id is a safe file name.
    """
    document = _document(path)
    page_id = document.get("id") if isinstance(document, dict) else None
    return page_id if isinstance(page_id, str) else ""


def status_from_json(path: Path) -> str:
    """Return the status in the JSON file of a page, or an empty string."""
    return _status(_document(path))


def layouts_from_report(path: Path) -> dict[str, str]:
    """Return the layout of each page id in the report of a run. Failed pages have no layout."""
    return {str(page.get("id")): _layout(page) for page in _pages(path) if _layout(page)}


def statuses_from_report(path: Path) -> dict[str, str]:
    """Return the status of each page id in the report of a run."""
    return {str(page.get("id")): _status(page) for page in _pages(path) if _status(page)}


def _pages(path: Path) -> list[dict[str, Any]]:
    """Return the pages in the report of a run."""
    document = _document(path)
    results = document.get("results") if isinstance(document, dict) else None
    return [page for page in results if isinstance(page, dict)] if isinstance(results, list) else []


def _document(path: Path) -> Any:  # noqa: ANN401 any JSON value
    try:
        return json_from_untrusted(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _layout(page: Any) -> str:  # noqa: ANN401 any JSON value
    layout = page.get("layout") if isinstance(page, dict) else None
    name = layout.get("name") if isinstance(layout, dict) else layout
    return name if isinstance(name, str) else ""


def _status(page: Any) -> str:  # noqa: ANN401 any JSON value
    status = page.get("status") if isinstance(page, dict) else None
    return status if status in STATUSES else ""
