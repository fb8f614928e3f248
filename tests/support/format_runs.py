"""Runs of every output format over pages with known truth, and the expected signals."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from paper_page import (
    TruthDigitizer,
    digitized_page,
    signals,
    window_start_s,
)

from ecgdigit_rt.cli.app import exit_code
from ecgdigit_rt.results import Digitized, PageRef, Provenance

NAMES = ("01_render", "02 plan.é")
PROVENANCE = Provenance("ecgdigit-rt 9.8.7", "lite 4.5.6", "onnxruntime 1.31 (cpu, fp32)")
CSV_MV, STEP_MV = 1e-5, 1e-3
"""Resolution of CSV and JSON values, and of 16-bit counts, in millivolts. Rounding errors are half of it."""

TARGETS = {
    "submission": "out/s.csv",
    "csv": "out/csv",
    "parquet": "out/s.parquet",
    "wfdb": "out/wfdb",
    "dicom": "out/dicom",
    "npz": "out/npz",
    "json": "out/s.jsonl",
}


def with_provenance(page: Digitized) -> Digitized:
    """Return the page with provenance and expected errors, as the real digitizer returns it."""
    leads = {name: replace(lead, expected_error_mv=0.0125) for name, lead in page.leads.items()}
    return replace(page, leads=leads, provenance=PROVENANCE)


class ProvenanceDigitizer(TruthDigitizer):
    """TruthDigitizer whose results have provenance."""

    def _digitize(self, page: PageRef) -> Digitized:
        return with_provenance(super()._digitize(page))


def run_format(fmt: str, *more: str) -> Path:
    """Run the command over the folder `scans` and return the path of the output."""
    out = Path(TARGETS[fmt])
    assert exit_code(["run", "scans", "--out", str(out), "--format", fmt, *more]) == 2, "one page fails"
    return out


def visible_files(folder: Path) -> set[str]:
    """Return the names of the visible files of a folder."""
    return {path.name for path in folder.iterdir() if not path.name.startswith(".")}


def page(**changes: Any) -> Digitized:  # noqa: ANN401 any field of Digitized
    """Return a result with known signals and provenance, with some fields replaced."""
    return replace(
        with_provenance(digitized_page(PageRef(Path("scans/01_render.png")), signals(0))), **changes
    )


def expected_table(seed: int) -> NDArray[np.float64]:
    """Return the signal table of a page, (5000, 12), with NaN where nothing is printed."""
    table = np.full((5000, 12), np.nan)
    for column, (name, mv) in enumerate(signals(seed).items()):
        start = 0 if name == "II" else round(window_start_s(name) * 500)
        table[start : start + mv.size, column] = mv
    return table


def assert_near(actual: object, expected: NDArray[np.float64], step: float) -> None:
    """Assert that NaN are equal, and that values differ by at most half a step.

    The tolerance includes half of the fourth decimal, to which the truth is rounded.
    """
    np.testing.assert_allclose(np.asarray(actual, float), expected, rtol=0, atol=step / 2 + 5.1e-5)
