"""Doubtful pages: their doubts, a digitizer that returns them, and a server whose pipeline has doubts."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from format_runs import ProvenanceDigitizer
from paper_page import digitized_page, signals

from ecgdigit_rt.doubts import Doubt
from ecgdigit_rt.errors import PageDoubtful
from ecgdigit_rt.results import Digitized, PageRef, Result

DOUBTS = (
    Doubt("D-LAYOUT-01", "The layouts 3x4+1 and 6x2 fit the page about equally well: 41.2 and 40.8."),
    Doubt("D-LEADS-01", "III differs from II − I by 0.21 mV; the noise is 0.05 mV."),
)
METADATA = [{"id": doubt.id, "message": doubt.message} for doubt in DOUBTS]
MARK = "doubt"
"""Part of the names of pages that are doubtful."""

SITE = """
import sys
if "serve" in sys.orig_argv:
    from doubtful_pages import doubtful_pipeline
    doubtful_pipeline()
"""


class DoubtfulDigitizer(ProvenanceDigitizer):
    """Digitizer that returns the truth. Pages with `MARK` in their name have doubts."""

    def _digitize(self, page: PageRef) -> Digitized:
        result = super()._digitize(page)
        if MARK not in page.id:
            return result
        if self.received_options["strict"]:
            raise PageDoubtful([str(doubt) for doubt in DOUBTS])
        return replace(result, doubts=DOUBTS)


def doubtful_page(name: str = "page.png") -> Digitized:
    """Return a doubtful page with known signals."""
    return replace(digitized_page(PageRef(Path(name)), signals(0)), doubts=DOUBTS)


def open_doubtful_digitizer(_threads: int) -> Callable[[PageRef], Result]:
    """Return a function that digitizes every page as `doubtful_page`. Can be sent to worker processes."""
    return lambda page: doubtful_page(str(page.path))


def doubtful_pipeline() -> None:
    """Make the pipeline of this process add `DOUBTS` to pages with `MARK` in their name."""
    from ecgdigit_rt import pipeline

    original = vars(pipeline)["page_from_traces"]

    def page_from_traces(source: PageRef, *arguments: object, **options: object) -> Digitized:
        if MARK in source.id:
            options["doubts"] = DOUBTS
        page: Digitized = original(source, *arguments, **options)
        return page

    vars(pipeline)["page_from_traces"] = page_from_traces


def doubtful_import_path(folder: Path) -> str:
    """Write FOLDER/sitecustomize.py, and return a PYTHONPATH with which `serve` has doubtful pages."""
    (folder / "sitecustomize.py").write_text(SITE)
    root = Path(__file__).parents[2]
    packages = [root, *(root / name for name in ("export", "engine", "kernels"))]
    return os.pathsep.join(map(str, [folder, Path(__file__).parent, *packages]))
