"""Accuracy of the detected layout: lead names with windows, paper speed and gain, on pages with exact truth.

    python benchmarks/layout_check.py RESULT.json PAGES... [--threads 2]

PAGES are folders of images with their truth: NAME.npz as written by `ecgdigit-rt synth`, or NAME.json with
`kind`, `layout`, `speed`, `gain` and `windows`. The windows are a list of [start, end] in seconds for each
lead.
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

ITEMS = ("names and windows", "speed", "gain")
SUFFIXES = (".png", ".jpg")

Windows = dict[str, list[tuple[float, float]]]
"""Windows of each lead as fractions of the record, so that a wrong speed does not count twice."""


@dataclass(frozen=True, slots=True)
class LayoutFacts:
    """Checked properties of the layout of a page."""

    kind: str
    layout: str
    speed: float
    gain: float
    windows: Windows


def facts_from_layout(layout: Layout, kind: str = "") -> LayoutFacts:
    """Return the facts of a layout."""
    seconds: dict[str, list[list[float]]] = defaultdict(list)
    for segment in (segment for row in layout.rows for segment in row.segments):
        seconds[segment.lead].append([segment.start_s, segment.end_s])
    return LayoutFacts(kind, layout.name, layout.speed_mm_s, layout.gain_mm_mv, _shares(seconds))


def _shares(seconds: Mapping[str, list[list[float]]]) -> Windows:
    total = max(end for windows in seconds.values() for _, end in windows)
    return {
        lead: sorted((round(start / total, 2), round(end / total, 2)) for start, end in windows)
        for lead, windows in seconds.items()
    }


def true_facts(image: Path) -> LayoutFacts:
    """Return the true facts of an image from its NAME.npz or NAME.json."""
    if image.with_suffix(".npz").exists():
        truth = load_truth(image.with_suffix(".npz"))
        return facts_from_layout(truth.layout, truth.kind)
    facts = json.loads(image.with_suffix(".json").read_text())
    windows = _shares(facts["windows"])
    return LayoutFacts(facts["kind"], facts["layout"], facts["speed"], facts["gain"], windows)


def compare(predicted: LayoutFacts, truth: LayoutFacts) -> tuple[bool, bool, bool]:
    """Return whether each of `ITEMS` is correct."""
    return (
        predicted.windows == truth.windows,
        predicted.speed == truth.speed,
        predicted.gain == truth.gain,
    )


def check(folders: list[Path], threads: int) -> dict[str, Any]:
    """Digitize all pages and compare their layouts with the truth."""
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
        comparison = compare(facts_from_layout(result.layout), truth)
        for group in ("all", f"layout {truth.layout}", f"kind {truth.kind}"):
            right[group].append(comparison)
        wrong_items = [item for item, is_right in zip(ITEMS, comparison, strict=True) if not is_right]
        if wrong_items:
            wrong.append({"page": name, "kind": truth.kind, "wrong": wrong_items, "read": result.layout.name})
    groups = {
        group: {
            "pages": len(comparisons),
            **dict(zip(ITEMS, np.mean(comparisons, axis=0).round(3), strict=True)),
        }
        for group, comparisons in sorted(right.items())
    }
    return {"groups": groups, "wrong": wrong, "failed": failed}


def main() -> None:
    """Parse the arguments, check and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("result", type=Path)
    parser.add_argument("pages", type=Path, nargs="+")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    figures = check(arguments.pages, arguments.threads)
    write_result(arguments.result, "layout_check", arguments.threads, figures)
    sys.stdout.write(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
