"""Which layout a page has, where a JSON file beside it says so.

The truth knows best: NAME.json in its folder or in the one above, with `layout` as a name or as
`{"name": …}`, the form of `run --format csv`. Else what the run itself took the page for. What cannot be
read says nothing: a layout is only a heading to group pages under.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def layout_beside(truth_dir: Path, image: str) -> str:
    """The layout in NAME.json beside the truth or above it; empty without any."""
    return layout_from_json(truth_dir / f"{image}.json") or layout_from_json(
        truth_dir.absolute().parent / f"{image}.json"
    )


def layout_from_json(path: Path) -> str:
    """The layout that a page's own JSON file names; empty where it names none."""
    return _layout(_document(path))


def id_from_json(path: Path) -> str:
    """The page's id in its own JSON file, which its file's name may not hold; empty without any."""
    document = _document(path)
    found = document.get("id") if isinstance(document, dict) else None
    return found if isinstance(found, str) else ""


def layouts_from_report(path: Path) -> dict[str, str]:
    """Page id → layout from a run's report; pages that failed have none."""
    document = _document(path)
    results = document.get("results") if isinstance(document, dict) else None
    pages = [page for page in results if isinstance(page, dict)] if isinstance(results, list) else []
    return {str(page.get("id")): _layout(page) for page in pages if _layout(page)}


def _document(path: Path) -> Any:  # noqa: ANN401 whatever JSON holds
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _layout(page: Any) -> str:  # noqa: ANN401
    found = page.get("layout") if isinstance(page, dict) else None
    name = found.get("name") if isinstance(found, dict) else found
    return name if isinstance(name, str) else ""
