"""Calibration of the expected error of a lead, and a fit of its formula.

    python benchmarks/expected_error.py RESULT.json --fit PAGES... --check TRUTH_DIR PAGES... [--threads 2]

--fit takes folders written by `ecgdigit-rt synth`. --check takes a folder of truth (NAME.csv) and its pages,
which are not used for the fit. Pages whose speed, gain or lead names are detected wrongly are left out of the
fit, because a lead cannot reveal such an error. The measured error is the root mean square error after the
alignment of the metric.
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
from layout_check import compare, facts_from_layout
from numpy.typing import NDArray

from ecgdigit_export.synth.truth import load_truth
from ecgdigit_export.synth.truth_csv import truth_csv
from ecgdigit_rt.bench.provenance import write_result
from ecgdigit_rt.decode.page_list import pages_from_inputs
from ecgdigit_rt.digitizer import Digitizer
from ecgdigit_rt.evaluation.scores import image_score
from ecgdigit_rt.evaluation.truth import Truth, read_truth
from ecgdigit_rt.results import Digitized, PageRef
from ecgdigit_rt.tracing import assemble

_ROUNDS, _HUBER_LIMIT = 30, 0.7
"""Iterations of the robust fit, and the residual of the logarithms above which weights decrease.

Hand-picked, not tuned.
"""


@dataclass(frozen=True, slots=True)
class LeadError:
    """Expected and measured error of one lead in mm, and the inputs of the expected error."""

    expected_mm: float
    measured_mm: float
    spread_mm: float
    steepness: float


class RecordingExpectedError:
    """Replacement of `expected_error_mm` that returns the same values and records their inputs."""

    def __init__(self) -> None:
        self._original = assemble.expected_error_mm
        self.inputs: dict[float, tuple[float, float]] = {}
        """Spread and steepness by the returned value."""

    def __call__(
        self, spread_mm: NDArray[np.floating], height_mm: NDArray[np.floating], step_mm: float
    ) -> float:
        expected_mm = self._original(spread_mm, height_mm, step_mm)
        spread = float(np.sqrt(np.mean(np.square(spread_mm))))
        self.inputs[expected_mm] = spread, float(np.sqrt(np.mean(np.square(np.diff(height_mm) / step_mm))))
        return expected_mm


def lead_errors(page: Digitized, truth: Truth, recording: RecordingExpectedError) -> Iterator[LeadError]:
    """Yield the errors of the leads of one page."""
    score = image_score(truth, {name: lead.mv.astype(np.float64) for name, lead in page.leads.items()})
    gain = page.layout.gain_mm_mv
    for name, lead in page.leads.items():
        expected = lead.expected_error_mv * gain
        nearest = min(recording.inputs, key=lambda value: abs(value - expected))
        if name in score.leads:
            measured = float(np.sqrt(score.leads[name].error / lead.mv.size)) * gain
            yield LeadError(expected, max(measured, 1e-4), *recording.inputs[nearest])


def synthetic_leads(
    folders: list[Path], digitizer: Digitizer, recording: RecordingExpectedError
) -> Iterator[LeadError]:
    """Yield the errors of all leads of synthetic pages whose layout is detected correctly."""
    with tempfile.TemporaryDirectory() as scratch:
        for path in (path for folder in folders for path in sorted(folder.glob("*.npz"))):
            truth = load_truth(path)
            table = Path(scratch) / "truth.csv"
            table.write_text(truth_csv(truth))
            recording.inputs.clear()
            (page,) = digitizer.digitize_many([PageRef(path.with_suffix(".jpg"))])
            if isinstance(page, Digitized) and all(
                compare(facts_from_layout(page.layout), facts_from_layout(truth.layout))
            ):
                yield from lead_errors(page, read_truth(table), recording)


def check_leads(
    truth_dir: Path, pages: list[str], digitizer: Digitizer, recording: RecordingExpectedError
) -> Iterator[LeadError]:
    """Yield the errors of all leads of the pages that are not used for the fit."""
    for source in pages_from_inputs(pages):
        recording.inputs.clear()
        (page,) = digitizer.digitize_many([source])
        if isinstance(page, Digitized):
            yield from lead_errors(page, read_truth(truth_dir / f"{source.id}.csv"), recording)


def fit_formula(leads: list[LeadError]) -> dict[str, float]:
    """Fit scale and exponents of spread and steepness: least squares of logarithms with Huber weights."""
    inputs = np.log([[lead.spread_mm, max(lead.steepness, 1e-3)] for lead in leads])
    basis = np.column_stack([np.ones(len(leads)), inputs])
    target = np.log([lead.measured_mm for lead in leads])
    weight = np.ones(len(leads))
    for _ in range(_ROUNDS):
        root = np.sqrt(weight)
        solution = np.linalg.lstsq(basis * root[:, None], target * root, rcond=None)[0]
        weight = np.minimum(1, _HUBER_LIMIT / np.maximum(np.abs(target - basis @ solution), 1e-9))
    return {
        "scale": float(np.exp(solution[0])),
        "spread": float(solution[1]),
        "steepness": float(solution[2]),
    }


def calibration(leads: list[LeadError]) -> dict[str, Any]:
    """Return the ratio of measured to expected error, and both in quintiles of the expected error."""
    expected, measured = (
        np.array([getattr(lead, f"{k}_mm") for lead in leads]) for k in ("expected", "measured")
    )
    quintiles = np.array_split(np.argsort(expected), 5)
    return {
        "leads": len(leads),
        "correlation of logs": round(float(np.corrcoef(np.log(expected), np.log(measured))[0, 1]), 3),
        "measured / expected, 10th 50th 90th": np.quantile(measured / expected, [0.1, 0.5, 0.9])
        .round(2)
        .tolist(),
        "fifths": [
            {
                "expected_mm": round(float(np.median(expected[indices])), 4),
                "measured_mm": round(float(np.median(measured[indices])), 4),
            }
            for indices in quintiles
        ],
    }


def main() -> None:
    """Parse the arguments, measure and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("result", type=Path)
    parser.add_argument("--fit", type=Path, nargs="+", required=True)
    parser.add_argument("--check", nargs="+", required=True)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    recording = RecordingExpectedError()
    vars(assemble)["expected_error_mm"] = recording
    digitizer = Digitizer(threads=arguments.threads)
    fit = list(synthetic_leads(arguments.fit, digitizer, recording))
    check = list(check_leads(Path(arguments.check[0]), arguments.check[1:], digitizer, recording))
    figures = {"formula": fit_formula(fit), "fit": calibration(fit), "check": calibration(check)}
    write_result(arguments.result, "expected_error", arguments.threads, figures)
    sys.stdout.write(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
