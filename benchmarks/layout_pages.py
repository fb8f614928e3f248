"""Verdicts of synthetic pages of every layout, and of drawings of single-lead strips.

    python benchmarks/layout_pages.py FOLDER [--count 25] [--layouts NAME ...] [--signals RECORDINGS.npz]
        [--seed 0] [--result RESULT.json] [--models lite] [--ocr auto] [--threads 2]

The script draws `--count` pages of each layout into FOLDER/LAYOUT: the layouts of the catalogue, `one-lead`
(drawings of strips of one lead in one to five rows) and `further` (right-sided and posterior leads). Layouts
whose pages exist are not drawn again, so that several versions can be compared on the same pages. Recordings
are simulated by default.

A page is right if the leads of each row, paper speed, gain and the duration of each lead are those of the
truth, and if each lead correlates with its true signal. A strip is right if it has no other lead. Its lead
may be shorter. Speeds and gains that are not printed on the page are marked in the result.
"""

from __future__ import annotations

import argparse
from collections import deque
from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from page_verdicts import (
    Array,
    PageFacts,
    VerdictFile,
    add_options,
    digitizer_from_options,
    page_fault,
    page_verdict,
)

from ecgdigit_export.synth.folder import SynthesisRequest, write_pages
from ecgdigit_export.synth.page import synthetic_page
from ecgdigit_export.synth.recordings import open_recordings
from ecgdigit_export.synth.report_style import report_style_from_rng
from ecgdigit_export.synth.signals import simulated_recording
from ecgdigit_export.synth.style import SheetStyle
from ecgdigit_export.synth.truth import PageTruth, load_truth, save_truth
from ecgdigit_export.synth.truth_csv import RATE_HZ, lead_signals
from ecgdigit_rt.layout.catalog import LAYOUTS
from ecgdigit_rt.results import Digitized, Layout, PageRef

ONE_LEAD, FURTHER = REPORT_LAYOUTS = ("one-lead", "further")
"""Layouts of `report_style_from_rng` that the catalogue does not contain."""

_KINDS = {ONE_LEAD: "render"}
"""Kind of the pages of a layout. By default, the kind is random."""

_MAX_DURATION_ERROR = 0.08
"""Maximum relative error of the duration of a lead. Hand-picked, not tuned."""


def report_style(layout: str, rng: np.random.Generator) -> SheetStyle:
    """Return a random style with a layout of `REPORT_LAYOUTS`."""
    while (style := report_style_from_rng(rng)).plan.name != layout:
        pass
    return style


def write_reports(folder: Path, layout: str, count: int, signals: Path | None, seed: int) -> None:
    """Write pages of a layout of `REPORT_LAYOUTS` as NAME.png and NAME.npz, like `write_pages`."""
    folder.mkdir(parents=True, exist_ok=True)
    recordings = open_recordings(signals) if signals else None
    for index in range(count):
        rng = np.random.default_rng((seed, index))
        number = 0 if recordings is None else int(rng.integers(len(recordings)))
        recording = simulated_recording(rng) if recordings is None else recordings[number]
        page = synthetic_page(recording, rng, kind=_KINDS.get(layout), style=report_style(layout, rng))
        name = f"{index:06d}_{page.truth.kind}"
        cv2.imwrite(str(folder / f"{name}.png"), page.image[..., ::-1])
        save_truth(page.truth, folder / f"{name}.npz")


def page_seed(seed: int, layout: str) -> int:
    """Return a seed that differs between layouts, so that all pages have different styles and recordings."""
    return 1000 * seed + [*LAYOUTS, *REPORT_LAYOUTS].index(layout)


def draw(folder: Path, layout: str, count: int, signals: Path | None, seed: int) -> None:
    """Draw the pages of a layout, unless the folder contains enough pages."""
    if len(list(folder.glob("*.npz"))) >= count:
        return
    if layout in REPORT_LAYOUTS:
        write_reports(folder, layout, count, signals, seed)
    else:
        request = SynthesisRequest(layout=layout)
        deque(write_pages(folder, count, signals=signals, seed=seed, request=request), maxlen=0)


def rows_of_leads(layout: Layout) -> list[list[str]]:
    """Return the names of the leads of each row."""
    return [[segment.lead for segment in row.segments] for row in layout.rows]


def rows_fault(truth: Layout, layout: Layout) -> str:
    """Return the difference of the names of the leads in all rows, or an empty string if they are right."""
    rows, true_rows = rows_of_leads(layout), rows_of_leads(truth)
    if rows == true_rows:
        return ""
    if layout.name != truth.name:
        return f"layout: {layout.name} instead of {truth.name}"
    different, expected = (
        "/".join(",".join(row) for row in some if row not in others)
        for some, others in ((rows, true_rows), (true_rows, rows))
    )
    return f"rows: {different} instead of {expected}"


def layout_fault(truth: PageTruth, page: Digitized) -> str:
    """Return the difference of a page from its truth, or an empty string if it is right."""
    if fault := rows_fault(truth.layout, page.layout):
        return fault
    leads = true_leads(truth)
    if fault := page_fault(page, PageFacts(leads, truth.layout.speed_mm_s, truth.layout.gain_mm_mv)):
        return fault + _remark(fault, truth)
    for name, lead in page.leads.items():
        true_s = leads[name].size / RATE_HZ
        if abs(lead.duration_s - true_s) > _MAX_DURATION_ERROR * true_s:
            return f"durations: {name} {lead.duration_s:.2f} instead of {true_s:.2f} s"
    return ""


def strip_fault(truth: PageTruth, page: Digitized) -> str:
    """Return the difference of a strip from its truth, or an empty string if it is right."""
    rows = [
        replace(truth, layout=replace(truth.layout, rows=(row,)), curves=(curve,))
        for row, curve in zip(truth.layout.rows, truth.curves, strict=True)
    ]
    (lead,) = true_leads(truth)
    leads = {lead: np.concatenate([true_leads(row)[lead] for row in rows])}
    fault = page_fault(page, PageFacts(leads, truth.layout.speed_mm_s, truth.layout.gain_mm_mv))
    return fault + _remark(fault, truth)


def true_leads(truth: PageTruth) -> dict[str, Array]:
    """Return the samples of the longest segment of each lead, in mV at 500 Hz."""
    return {name: mv for name, (_, mv) in lead_signals(truth).items()}


def _remark(fault: str, truth: PageTruth) -> str:
    """Return a remark on a fault of the scale if the page does not print it."""
    printed = {"speed": ("speed_",), "gain": ("gain_", "pulse")}.get(fault.split(":")[0])
    if printed is None or any(mark.name.startswith(printed) for mark in truth.marks):
        return ""
    return " (not printed)"


def main() -> None:
    """Parse the arguments, draw, digitize, and write the verdicts."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=25)
    parser.add_argument("--layouts", nargs="+", default=[*LAYOUTS, *REPORT_LAYOUTS])
    parser.add_argument("--signals", type=Path, help="recordings, as for ecgdigit-rt synth")
    parser.add_argument("--seed", type=int, default=0)
    add_options(parser)
    arguments = parser.parse_args()
    with digitizer_from_options(arguments) as digitizer:
        file = VerdictFile("layout_pages", arguments, digitizer)
        for layout in arguments.layouts:
            folder = arguments.folder / layout
            draw(folder, layout, arguments.count, arguments.signals, page_seed(arguments.seed, layout))
            paths = sorted(folder.glob("*.npz"))[: arguments.count]
            images = [PageRef(next(folder.glob(f"{path.stem}.[jp]*"))) for path in paths]
            for path, result in zip(paths, digitizer.digitize_many(images), strict=True):
                compare = strip_fault if layout == ONE_LEAD else layout_fault
                verdict = page_verdict(result, partial(compare, load_truth(path)))
                file.add(f"{layout}/{path.stem}", layout, verdict)
    file.print_tally()


if __name__ == "__main__":
    main()
