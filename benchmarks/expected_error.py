"""Whether the error that is expected of a lead is the one it has, and the formula that fits best.

    python benchmarks/expected_error.py RESULT.json --fit PAGES... --check TRUTH_DIR PAGES... [--threads 2]

--fit takes folders that `ecgdigit-rt synth` wrote; --check a folder of truth (NAME.csv) and the pages that
it is of, which nothing was fitted to. Pages whose speed, gain or names are misread are left out of the fit:
no lead can know of them. Measured is the root mean square error after the metric's shift and offset.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from reading_check import facts_of, verdict

from ecgdigit_export.synth.truth import load_truth
from ecgdigit_export.synth.truth_csv import truth_csv
from ecgdigit_rt.bench.provenance import write_result
from ecgdigit_rt.decode.page_list import pages_from_inputs
from ecgdigit_rt.digitizer import Digitizer
from ecgdigit_rt.evaluation.evaluate import image_score
from ecgdigit_rt.evaluation.truth import Truth, read_truth
from ecgdigit_rt.results import Digitized, PageRef
from ecgdigit_rt.tracing import assemble, expected_error

ROUNDS, FAR = 30, 0.7


@dataclass(frozen=True, slots=True)
class Judged:
    """One lead: what was expected and measured (mm), and what the expectation is made of."""

    expected_mm: float
    measured_mm: float
    spread_mm: float
    steepness: float


class Watched:
    """Stands in for `expected_error_mm`: gives the same, and keeps what it was made of by its result."""

    def __init__(self) -> None:
        self._original = expected_error.expected_error_mm
        self.made_of: dict[float, tuple[float, float]] = {}

    def __call__(
        self, spread_mm: NDArray[np.floating], height_mm: NDArray[np.floating], step_mm: float
    ) -> float:
        found = self._original(spread_mm, height_mm, step_mm)
        spread = float(np.sqrt(np.mean(np.square(spread_mm))))
        self.made_of[found] = spread, float(np.sqrt(np.mean(np.square(np.diff(height_mm) / step_mm))))
        return found


def judged(page: Digitized, truth: Truth, watched: Watched) -> Iterator[Judged]:
    score = image_score(truth, {name: lead.mv.astype(np.float64) for name, lead in page.leads.items()})
    gain = page.layout.gain_mm_mv
    for name, lead in page.leads.items():
        expected = lead.expected_error_mv * gain
        nearest = min(watched.made_of, key=lambda value: abs(value - expected))
        if name in score.leads:
            measured = float(np.sqrt(score.leads[name].error / lead.mv.size)) * gain
            yield Judged(expected, max(measured, 1e-4), *watched.made_of[nearest])


def synthetic(folders: list[Path], digitizer: Digitizer, watched: Watched) -> Iterator[Judged]:
    with tempfile.TemporaryDirectory() as scratch:
        for path in (path for folder in folders for path in sorted(folder.glob("*.npz"))):
            truth = load_truth(path)
            table = Path(scratch) / "truth.csv"
            table.write_text(truth_csv(truth))
            watched.made_of.clear()
            (page,) = digitizer.digitize_many([PageRef(path.with_suffix(".jpg"))])
            if isinstance(page, Digitized) and all(verdict(facts_of(page.layout), facts_of(truth.layout))):
                yield from judged(page, read_truth(table), watched)


def checked(truths: Path, pages: list[str], digitizer: Digitizer, watched: Watched) -> Iterator[Judged]:
    for source in pages_from_inputs(pages):
        watched.made_of.clear()
        (page,) = digitizer.digitize_many([source])
        if isinstance(page, Digitized):
            yield from judged(page, read_truth(truths / f"{source.id}.csv"), watched)


def fitted(leads: list[Judged]) -> dict[str, float]:
    """Scale and exponents of spread and steepness: least squares of logs, far ones counting less (Huber)."""
    made_of = np.log([[lead.spread_mm, max(lead.steepness, 1e-3)] for lead in leads])
    basis = np.column_stack([np.ones(len(leads)), made_of])
    target = np.log([lead.measured_mm for lead in leads])
    weight = np.ones(len(leads))
    for _ in range(ROUNDS):
        root = np.sqrt(weight)
        found = np.linalg.lstsq(basis * root[:, None], target * root, rcond=None)[0]
        weight = np.minimum(1, FAR / np.maximum(np.abs(target - basis @ found), 1e-9))
    return {"scale": float(np.exp(found[0])), "spread": float(found[1]), "steepness": float(found[2])}


def calibration(leads: list[Judged]) -> dict[str, Any]:
    """Measured over expected, and both in fifths of the expected error."""
    expected, measured = (
        np.array([getattr(lead, f"{k}_mm") for lead in leads]) for k in ("expected", "measured")
    )
    fifths = np.array_split(np.argsort(expected), 5)
    return {
        "leads": len(leads),
        "correlation of logs": round(float(np.corrcoef(np.log(expected), np.log(measured))[0, 1]), 3),
        "measured / expected, 10th 50th 90th": np.quantile(measured / expected, [0.1, 0.5, 0.9])
        .round(2)
        .tolist(),
        "fifths": [
            {
                "expected_mm": round(float(np.median(expected[own])), 4),
                "measured_mm": round(float(np.median(measured[own])), 4),
            }
            for own in fifths
        ],
    }


def _tenths(values: NDArray[np.float64]) -> list[float]:
    return [round(float(value), 2) for value in np.quantile(values, [0.1, 0.5, 0.9])]


def main() -> None:
    """Parse, measure, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("result", type=Path)
    parser.add_argument("--fit", type=Path, nargs="+", required=True)
    parser.add_argument("--check", nargs="+", required=True)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    watched = Watched()
    vars(assemble)["expected_error_mm"] = watched
    digitizer = Digitizer(threads=given.threads)
    fit = list(synthetic(given.fit, digitizer, watched))
    check = list(checked(Path(given.check[0]), given.check[1:], digitizer, watched))
    figures = {"formula": fitted(fit), "fit": calibration(fit), "check": calibration(check)}
    write_result(given.result, "expected_error", given.threads, figures)
    sys.stdout.write(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
