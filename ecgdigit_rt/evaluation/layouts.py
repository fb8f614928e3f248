"""Page layouts from the JSON files of the truth and of the predictions.

A file NAME.json in the folder of the truth or in the parent of this folder has precedence. Its `layout` is a
name, or an object `{"name": …}` as in the files that `run --format csv` writes. Without such a file, the
layout that the run detected is used. Files that cannot be read are ignored, because a layout only groups the
pages of a report.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


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


def layouts_from_report(path: Path) -> dict[str, str]:
    """Return the layout of each page id in the report of a run. Failed pages have no layout."""
    document = _document(path)
    results = document.get("results") if isinstance(document, dict) else None
    pages = [page for page in results if isinstance(page, dict)] if isinstance(results, list) else []
    return {str(page.get("id")): _layout(page) for page in pages if _layout(page)}


def _document(path: Path) -> Any:  # noqa: ANN401 any JSON value
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _layout(page: Any) -> str:  # noqa: ANN401 any JSON value
    layout = page.get("layout") if isinstance(page, dict) else None
    name = layout.get("name") if isinstance(layout, dict) else layout
    return name if isinstance(name, str) else ""
