"""How often a page's lead names, windows, speed and gain are read right, on pages with exact truth.

    python benchmarks/reading_check.py RESULT.json PAGES... [--threads 2]

PAGES are folders of images, each with its truth beside it: NAME.npz, as `ecgdigit-rt synth` writes it, or
NAME.json with `kind`, `layout`, `speed`, `gain`, and `windows`: per lead a list of [start, end] in seconds.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ecgdigit_export.synth.truth import load_truth
from ecgdigit_rt.bench.provenance import write_result
from ecgdigit_rt.digitizer import Digitizer
from ecgdigit_rt.results import Failed, Layout, PageRef

ASKED = ("names and windows", "speed", "gain")
SUFFIXES = (".png", ".jpg")

Windows = dict[str, list[tuple[float, float]]]
"""By lead, its stretches as shares of the record, so that a misread speed does not count twice."""


@dataclass(frozen=True, slots=True)
class PageFacts:
    """What is to be read off a page."""

    kind: str
    layout: str
    speed: float
    gain: float
    windows: Windows


def facts_of(layout: Layout, kind: str = "") -> PageFacts:
    seconds: dict[str, list[list[float]]] = defaultdict(list)
    for segment in (segment for row in layout.rows for segment in row.segments):
        seconds[segment.lead].append([segment.start_s, segment.end_s])
    return PageFacts(kind, layout.name, layout.speed_mm_s, layout.gain_mm_mv, _shares(seconds))


def _shares(seconds: Mapping[str, list[list[float]]]) -> Windows:
    whole = max(end for windows in seconds.values() for _, end in windows)
    return {
        lead: sorted((round(start / whole, 2), round(end / whole, 2)) for start, end in windows)
        for lead, windows in seconds.items()
    }


def true_facts(image: Path) -> PageFacts:
    if image.with_suffix(".npz").exists():
        truth = load_truth(image.with_suffix(".npz"))
        return facts_of(truth.layout, truth.kind)
    told = json.loads(image.with_suffix(".json").read_text())
    return PageFacts(told["kind"], told["layout"], told["speed"], told["gain"], _shares(told["windows"]))


def verdict(found: PageFacts, truth: PageFacts) -> tuple[bool, bool, bool]:
    """One answer for each of `ASKED`."""
    return found.windows == truth.windows, found.speed == truth.speed, found.gain == truth.gain


def checked(folders: list[Path], threads: int) -> dict[str, Any]:
    images = [
        path
        for folder in folders
        for path in sorted(folder.iterdir())
        if path.suffix in SUFFIXES
        and (path.with_suffix(".npz").exists() or path.with_suffix(".json").exists())
    ]
    truths = [true_facts(path) for path in images]
    pages = [PageRef(path) for path in images]
    right: dict[str, list[tuple[bool, bool, bool]]] = defaultdict(list)
    wrong, failed = [], []
    for result, truth in zip(Digitizer(threads=threads).digitize_many(pages), truths, strict=True):
        name = f"{result.source.path.parent.name}/{result.source.path.stem}"
        if isinstance(result, Failed):
            failed.append({"page": name, "kind": truth.kind, "error": result.error_id})
            continue
        answer = verdict(facts_of(result.layout), truth)
        for group in ("all", f"layout {truth.layout}", f"kind {truth.kind}"):
            right[group].append(answer)
        missed = [what for what, well in zip(ASKED, answer, strict=True) if not well]
        if missed:
            wrong.append({"page": name, "kind": truth.kind, "wrong": missed, "read": result.layout.name})
    groups = {
        group: {"pages": len(answers), **dict(zip(ASKED, np.mean(answers, axis=0).round(3), strict=True))}
        for group, answers in sorted(right.items())
    }
    return {"groups": groups, "wrong": wrong, "failed": failed}


def main() -> None:
    """Parse, check, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("result", type=Path)
    parser.add_argument("pages", type=Path, nargs="+")
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    figures = checked(given.pages, given.threads)
    write_result(given.result, "reading_check", given.threads, figures)
    sys.stdout.write(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
