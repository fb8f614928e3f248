"""Verdicts of real pages: right, doubtful, wrong or refused.

    python benchmarks/real_pages.py FOLDER [--result RESULT.json] [--models lite] [--ocr auto] [--threads 2]

FOLDER/cases.json maps the name of each file in the folder to what is right for its first page:

    {"page.png": {"leads": "12", "cell": 2.5, "long": ["II"]}, "letter.png": {"refuse": true}}

- `leads`: names of the leads of the page: `12`, `limb`, `chest`, or a list.
- `long`: leads that are printed as rhythm strips, or null if any may be. A rhythm strip is more than 1.5
  times as long as the shortest lead.
- `cell`: duration of the other leads in seconds, within 8 %, or null if it may have any value.
- `speed`, `gain`: paper speed in mm/s and gain in mm/mV. Default: 25 and 10.
- `refuse`: true if only a refusal is right.
- `only`: leads of which at least one must be digitized and no other may be. A refusal is right too.

The result names pages only as the folder does. It contains no text and no pixels of a page.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from page_verdicts import (
    PageVerdict,
    VerdictFile,
    add_options,
    digitizer_from_options,
    page_verdict,
)

from ecgdigit_rt.results import LEADS, Digitized, Failed, PageRef, Result

REFUSED_RIGHTLY, REFUSED_WRONGLY = "refused rightly", "refused wrongly"

LEAD_SETS = {"12": LEADS, "limb": LEADS[:6], "chest": LEADS[6:]}
"""Leads by the names that `cases.json` may use."""

Case = Mapping[str, Any]
"""Value of one file in `cases.json`."""

# Hand-picked, not tuned.
_MIN_STRIP_RATIO = 1.5  # minimum duration of a rhythm strip, relative to the shortest lead
_MAX_CELL_ERROR = 0.08  # maximum relative error of the duration of a cell


def case_fault(case: Case, page: Digitized) -> str:
    """Return the difference of a digitized page from its case, or an empty string if it is right."""
    names, layout = set(page.leads), page.layout
    if case.get("refuse"):
        return f"not refused: {layout.name}"
    if "only" in case:
        return "" if names <= set(case["only"]) else f"leads: {' '.join(page.leads)} of {layout.name}"
    if names != set(LEAD_SETS[case["leads"]] if isinstance(case["leads"], str) else case["leads"]):
        return f"leads: {' '.join(page.leads)} of {layout.name}"
    seconds = {name: lead.duration_s for name, lead in page.leads.items()}
    strips = {name for name, s in seconds.items() if s > _MIN_STRIP_RATIO * min(seconds.values())}
    cells = [s for name, s in seconds.items() if name not in strips]
    cell, speed, gain = case["cell"], case.get("speed", 25), case.get("gain", 10)
    if case["long"] is not None and strips != set(case["long"]):
        return f"rhythm strips: {sorted(strips)} instead of {case['long']}"
    if cell is not None and any(abs(s - cell) > _MAX_CELL_ERROR * cell for s in cells):
        return f"durations: cells of {min(cells):.2f} to {max(cells):.2f} s instead of {cell:g} s"
    if layout.speed_mm_s != speed:
        return f"speed: {layout.speed_mm_s:g} instead of {speed:g} mm/s"
    if layout.gain_mm_mv != gain:
        return f"gain: {layout.gain_mm_mv:g} instead of {gain:g} mm/mV"
    return ""


def case_verdict(case: Case, result: Result) -> PageVerdict:
    """Return the verdict of a page. Refusals are right or wrong."""
    if isinstance(result, Failed):
        is_right = case.get("refuse") or "only" in case
        return PageVerdict(REFUSED_RIGHTLY if is_right else REFUSED_WRONGLY, result.error_id)
    return page_verdict(result, partial(case_fault, case))


def main() -> None:
    """Parse the arguments, digitize, and write the verdicts."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    add_options(parser)
    arguments = parser.parse_args()
    cases: dict[str, Case] = json.loads((arguments.folder / "cases.json").read_text("utf-8"))
    pages = [PageRef(arguments.folder / name) for name in cases]
    with digitizer_from_options(arguments) as digitizer:
        file = VerdictFile("real_pages", arguments, digitizer)
        for (name, case), result in zip(cases.items(), digitizer.digitize_many(pages), strict=True):
            file.add(name, "real", case_verdict(case, result))
    file.print_tally()


if __name__ == "__main__":
    main()
