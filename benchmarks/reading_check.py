"""How often a page's layout, lead names, speed and gain are read right, on pages with exact truth.

    python benchmarks/reading_check.py RESULT.json PAGES... [--threads 2]

PAGES are folders that `ecgdigit-rt synth` wrote (NAME.jpg with its truth NAME.npz).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from ecgdigit_export.synth.truth import load_truth
from ecgdigit_rt.bench.provenance import write_result
from ecgdigit_rt.digitizer import Digitizer
from ecgdigit_rt.record import Failed, Layout, PageRef

ASKED = ("rows and names", "speed", "gain")


def cells(layout: Layout) -> list[list[tuple[str, bool]]]:
    return [[(segment.lead, segment.is_inverted) for segment in row.segments] for row in layout.rows]


def verdict(found: Layout, truth: Layout) -> tuple[bool, bool, bool]:
    """One answer for each of `ASKED`."""
    same_scale = found.speed_mm_s == truth.speed_mm_s, found.gain_mm_mv == truth.gain_mm_mv
    return (cells(found) == cells(truth), *same_scale)


def checked(folders: list[Path], threads: int) -> dict[str, Any]:
    truths = {path: load_truth(path) for folder in folders for path in sorted(folder.glob("*.npz"))}
    pages = [PageRef(path.with_suffix(".jpg")) for path in truths]
    right: dict[str, list[tuple[bool, bool, bool]]] = defaultdict(list)
    wrong, failed = [], []
    for result, truth in zip(Digitizer(threads=threads).digitize_many(pages), truths.values(), strict=True):
        name = f"{result.source.path.parent.name}/{result.source.path.stem}"
        if isinstance(result, Failed):
            failed.append({"page": name, "kind": truth.kind, "error": result.error_id})
            continue
        answer = verdict(result.layout, truth.layout)
        for group in ("all", f"layout {truth.layout.name}", f"kind {truth.kind}"):
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
