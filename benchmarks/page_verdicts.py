"""Verdicts of digitized pages against what is right, and a result file that is written page by page.

A page is wrong if it has a fault: its layout, leads, paper speed, gain or signals are not those that are
printed. A wrong page without doubts is silently wrong. A right page with doubts is a false alarm.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import correlate

from ecgdigit_rt.atomic_files import atomic_file
from ecgdigit_rt.bench.provenance import write_result
from ecgdigit_rt.digitizer import Digitizer
from ecgdigit_rt.errors import TruthMissing
from ecgdigit_rt.evaluation.truth import Truth, find_test_csv, read_truth, truth_paths
from ecgdigit_rt.results import Digitized, Failed, Result

Array = NDArray[np.float64]

RIGHT, DOUBTED, FLAGGED, SILENT = ("right", "right but doubted", "flagged", "silently wrong")
"""Verdicts of digitized pages: right without and with doubts, wrong with and without doubts."""

REFUSED = "refused"
"""Verdict of a page that failed."""

MIN_CORRELATION = 0.9
"""Minimum correlation of a right lead with its true signal. Hand-picked, not tuned."""

_MIN_OVERLAP = 0.9
"""Minimum fraction of a lead that overlaps the true signal at each compared lag. Hand-picked, not tuned."""

_FLAT_MV = 1e-6
"""Maximum standard deviation of a flat signal in mV. Hand-picked: far below the resolution of any page."""


@dataclass(frozen=True, slots=True)
class PageFacts:
    """Leads (samples,) in mV at 500 Hz, paper speed and gain of a page. Speed and gain may be unknown."""

    leads: Mapping[str, Array]
    speed_mm_s: float | None
    gain_mm_mv: float | None


@dataclass(frozen=True, slots=True)
class PageVerdict:
    """Verdict of a page, with its error id, its fault or its layout, and the ids of its doubts."""

    verdict: str
    detail: str
    doubts: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " ".join((f"{self.verdict:18}", self.detail, *self.doubts))


def page_verdict(result: Result, fault_of: Callable[[Digitized], str]) -> PageVerdict:
    """Return the verdict of a page. `fault_of` returns the fault of a digitized page, or an empty string."""
    if isinstance(result, Failed):
        return PageVerdict(REFUSED, result.error_id)
    fault, doubts = fault_of(result), tuple(doubt.id for doubt in result.doubts)
    if fault:
        return PageVerdict(FLAGGED if doubts else SILENT, fault, doubts)
    return PageVerdict(DOUBTED if doubts else RIGHT, result.layout.name, doubts)


def page_fault(page: Digitized, facts: PageFacts, *, may_lack_leads: bool = False) -> str:
    """Return the difference of a page from the facts, or an empty string if it is right.

    A shorter lead is right if it correlates with any part of the true signal. If `may_lack_leads`, leads may
    be missing.
    """
    if invented := [name for name in page.leads if name not in facts.leads]:
        return f"leads: {' '.join(invented)} invented"
    missing = [name for name in facts.leads if name not in page.leads]
    if missing and not may_lack_leads:
        return f"leads: {' '.join(missing)} missing"
    layout = page.layout
    if facts.speed_mm_s not in (None, layout.speed_mm_s):
        return f"speed: {layout.speed_mm_s:g} instead of {facts.speed_mm_s:g} mm/s"
    if facts.gain_mm_mv not in (None, layout.gain_mm_mv):
        return f"gain: {layout.gain_mm_mv:g} instead of {facts.gain_mm_mv:g} mm/mV"
    found = {name: best_correlation(lead.mv, facts.leads[name]) for name, lead in page.leads.items()}
    different = [f"{name} {value:.3f}" for name, value in found.items() if not value >= MIN_CORRELATION]
    return f"signals: correlation of {', '.join(different)}" if different else ""


def best_correlation(mv: NDArray[np.floating[Any]], true_mv: NDArray[np.floating[Any]]) -> float:
    """Return the maximum correlation of a lead (n,) with parts of its true signal (m,), over all lags.

    At each lag, at least `_MIN_OVERLAP` of the lead overlaps the true signal. The correlation is 0 if the
    lead is empty or too long for that, and where one of the signals is flat.
    """
    if mv.size == 0:
        return 0.0
    lead = np.asarray(mv, np.float64) - np.mean(mv)
    margin = int((1 - _MIN_OVERLAP) * lead.size)
    true = np.pad(np.asarray(true_mv, np.float64) - np.mean(true_mv), margin)
    if true.size < lead.size:
        return 0.0
    present = np.pad(np.ones(true.size - 2 * margin), margin)
    ones = np.ones(lead.size)
    count = correlate(present, ones, "valid")
    lead_sum, true_sum = correlate(present, lead, "valid"), correlate(true, ones, "valid")
    covariance = correlate(true, lead, "valid") / count - lead_sum * true_sum / count**2
    variances = [
        correlate(present, lead**2, "valid") / count - (lead_sum / count) ** 2,
        correlate(true**2, ones, "valid") / count - (true_sum / count) ** 2,
    ]
    scale = np.sqrt(np.maximum(variances, _FLAT_MV**2)).prod(axis=0)
    flat = np.min(variances, axis=0) <= _FLAT_MV**2
    return float(np.where(flat, 0.0, covariance / scale).max())


def truths_of_folder(folder: Path) -> dict[str, Truth]:
    """Return the truth of the pages of a folder by image id, from FOLDER/truth/NAME.csv or FOLDER/NAME.csv.

    The dictionary is empty if the folder contains no truth. Raises TruthMalformed or TestCsvMalformed.
    """
    truth_dir = folder / "truth" if (folder / "truth").is_dir() else folder
    requests = find_test_csv(truth_dir)
    try:
        paths = truth_paths(truth_dir)
    except TruthMissing:
        return {}
    return {image: read_truth(path, requests.get(image, ())) for image, path in paths.items()}


class VerdictFile:
    """Result file with a list of pages and a tally, which is written after every page.

    `options` are those of `add_options`. Without `--result`, no file is written. `figures` contains further
    figures.
    """

    def __init__(self, benchmark: str, options: argparse.Namespace, digitizer: Digitizer) -> None:
        self._path, self._benchmark, self._digitizer = options.result, benchmark, digitizer
        self.figures: dict[str, Any] = {"device": digitizer.device, "ocr": options.ocr}
        self.tally: dict[str, Counter[str]] = {}
        self.pages: list[dict[str, Any]] = []

    def add(self, name: str, group: str, verdict: PageVerdict) -> None:
        """Add the verdict of a page to its group, write the file, and print one line."""
        self.tally.setdefault(group, Counter())[verdict.verdict] += 1
        self.pages.append({"page": name, "group": group, **asdict(verdict)})
        sys.stdout.write(f"{name:44} {group:18} {verdict}\n")
        sys.stdout.flush()
        if self._path is None:
            return
        figures = {**self.figures, "tally": self.tally, "pages": self.pages}
        with atomic_file(self._path) as partial:
            write_result(partial, self._benchmark, self._digitizer.threads, figures, self._digitizer.models)

    def print_tally(self) -> None:
        """Print the number of pages by verdict, in each group and in total, and the silent faults."""
        tallies = dict(self.tally)
        if len(tallies) > 1:
            tallies["all"] = sum(self.tally.values(), Counter[str]())
        for group, tally in tallies.items():
            counts = ", ".join(f"{count} {verdict}" for verdict, count in tally.most_common())
            sys.stdout.write(f"{group:18} {counts}\n")
        faults = Counter(page["detail"].split(":")[0] for page in self.pages if page["verdict"] == SILENT)
        if faults:
            counts = ", ".join(f"{count} {fault}" for fault, count in faults.most_common())
            sys.stdout.write(f"{SILENT}: {counts}\n")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the digitizer and of the result file."""
    parser.add_argument("--result", type=Path, help="JSON file for the result")
    parser.add_argument("--models", default="lite", help="name or folder of a model family")
    parser.add_argument("--ocr", choices=("auto", "none"), default="auto", help="text recognition")
    parser.add_argument("--threads", type=int, default=2)


def digitizer_from_options(arguments: argparse.Namespace) -> Digitizer:
    """Return the digitizer that `add_options` describes."""
    options: dict[str, Any] = {"ocr": False} if arguments.ocr == "none" else {}
    return Digitizer(models=arguments.models, threads=arguments.threads, **options)
