"""Truth of synthetic pages in the format of the competition: truth/NAME.csv and test.csv."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgdigit_export.synth.truth import COLUMNS_PER_MM, PageTruth, load_truth
from ecgdigit_rt.results import Segment

RATE_HZ = 500.0
"""Sampling rate of the truth in Hz: the rate of the recordings."""


_ROUNDING_COLUMNS = 1e-3
"""Tolerance in columns of positions that are computed in mm. Hand-picked, not tuned."""


def lead_signals(truth: PageTruth) -> dict[str, tuple[float, NDArray[np.float64]]]:
    """Return the start in s and the samples in mV at 500 Hz of the longest printed segment of each lead."""
    leads: dict[str, tuple[float, NDArray[np.float64]]] = {}
    for row, curve in zip(truth.layout.rows, truth.curves, strict=True):
        for segment in row.segments:
            count = int(np.floor((segment.end_s - segment.start_s) * RATE_HZ + 1e-6))
            at_mm = segment.start_mm - row.start_mm + np.arange(count) / RATE_HZ * truth.layout.speed_mm_s
            columns = _segment_columns(segment, row.start_mm, curve.size)
            height = np.interp(at_mm * COLUMNS_PER_MM, columns, curve[columns])
            if segment.lead not in leads or count > leads[segment.lead][1].size:
                mm_mv = -truth.layout.gain_mm_mv if segment.is_inverted else truth.layout.gain_mm_mv
                leads[segment.lead] = (segment.start_s, height / mm_mv)
    return leads


def _segment_columns(segment: Segment, row_start_mm: float, count: int) -> NDArray[np.int64]:
    """Return the indices of the columns of a segment in the curve of its row, which has `count` columns.

    Columns outside the segment belong to other leads, or are blank.
    """
    first, stop = (
        int(np.ceil((at_mm - row_start_mm) * COLUMNS_PER_MM - _ROUNDING_COLUMNS))
        for at_mm in (segment.start_mm, segment.end_mm)
    )
    return np.arange(max(first, 0), min(stop, count))


def truth_csv(truth: PageTruth) -> str:
    """Return a CSV table with one column per lead in mV. Cells outside the lead's segment are empty."""
    leads = lead_signals(truth)
    length = max(round(start * RATE_HZ) + mv.size for start, mv in leads.values())
    table = np.full((length, len(leads)), "", dtype=object)
    for j, (start, mv) in enumerate(leads.values()):
        first = round(start * RATE_HZ)
        table[first : first + mv.size, j] = [f"{value:.4f}" for value in mv]
    return "\n".join([",".join(leads), *(",".join(line) for line in table)]) + "\n"


def write_truth_csvs(folder: Path) -> None:
    """Write FOLDER/truth/NAME.csv for each page, and FOLDER/test.csv with a request for each lead."""
    (folder / "truth").mkdir(exist_ok=True)
    requests = ["id,lead,fs,number_of_rows"]
    for path in sorted(folder.glob("*.npz")):
        truth = load_truth(path)
        (folder / "truth" / f"{path.stem}.csv").write_text(truth_csv(truth))
        requests += [
            f"{path.stem},{lead},{RATE_HZ:g},{mv.size}" for lead, (_, mv) in lead_signals(truth).items()
        ]
    (folder / "test.csv").write_text("\n".join(requests) + "\n")
