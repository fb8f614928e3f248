"""The true signals of an image: NAME.csv in the competition's form.

One column per lead, in millivolt, one line per sample of the whole record at the image's own rate;
a lead's cells are empty outside the window in which the page shows it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.errors import TruthMalformed, TruthMissing
from ecgdigit_rt.formats.test_csv import LeadRequest, read_test_csv
from ecgdigit_rt.results import LEADS

DEFAULT_RATE_HZ = 500.0
RECORD_S = 10
"""The competition's records all last this long, so their count of lines tells the rate."""

RATES_HZ = (250.0, 256.0, 500.0, 512.0, 1000.0, 1025.0)
"""The rates of the competition's records."""

SLACK = 2
"""Samples by which two windows of one length may differ: floor or round of 2.5 s at each end."""


@dataclass(frozen=True, slots=True)
class Truth:
    """leads: lead → (samples,) millivolt, finite: its window and nothing else."""

    image: str
    rate_hz: float
    leads: Mapping[str, NDArray[np.float64]]


def truth_paths(folder: Path) -> dict[str, Path]:
    """Image id → its truth file. Raises TruthMissing where there is none at all."""
    paths = {path.stem: path for path in sorted(folder.glob("*.csv")) if path.name != "test.csv"}
    if not paths:
        raise TruthMissing(folder)
    return paths


def find_test_csv(folder: Path) -> dict[str, list[LeadRequest]]:
    """What test.csv asks, where one lies in the truth folder or beside it; else nothing."""
    for path in (folder / "test.csv", folder.absolute().parent / "test.csv"):
        if path.is_file():
            return read_test_csv(path)
    return {}


def read_truth(path: Path, asked: Sequence[LeadRequest] = ()) -> Truth:
    """Read one image's truth. Raises TruthMalformed.

    The file does not state its rate. It is, in this order: the rate that `asked` (the image's
    lines of test.csv) gives, where its counts are those of the windows; what the line count says
    of a 10 s record, where that is a rate of the competition; 500 Hz.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise TruthMalformed(path, "1", f"not readable as text: {error}") from error
    header = [name.strip() for name in lines[0].split(",")] if lines else []
    if not set(header) & set(LEADS):
        raise TruthMalformed(path, "1", f"the header names no lead: {lines[:1]}")
    # In a file of one column an empty line is an empty cell.
    rows = [line.split(",") for line in lines[1:] if line.strip() or len(header) == 1]
    if any(len(row) != len(header) for row in rows):
        raise TruthMalformed(path, header[-1], "its lines have unequal numbers of cells")
    columns = dict(zip(header, zip(*rows, strict=True), strict=False))
    leads = {}
    for name in (name for name in LEADS if name in columns):
        window = _window(path, name, columns[name])
        if window.size:
            leads[name] = window
    if not leads:
        raise TruthMalformed(path, header[0], "all leads are empty")
    return Truth(path.stem, _rate_hz(leads, len(rows), asked), leads)


def _window(path: Path, name: str, cells: Sequence[str]) -> NDArray[np.float64]:
    try:
        values = np.array([float(cell) if cell.strip() else np.nan for cell in cells])
    except ValueError as error:
        raise TruthMalformed(path, name, str(error)) from error
    present = np.flatnonzero(~np.isnan(values))
    if present.size == 0:
        return np.empty(0)
    window = values[present[0] : present[-1] + 1]
    if not np.isfinite(window).all():
        hole = present[0] + int(np.argmin(np.isfinite(window)))
        raise TruthMalformed(path, name, f"line {hole + 2} is empty inside the lead's window")
    return window


def _rate_hz(leads: Mapping[str, NDArray[np.float64]], rows: int, asked: Sequence[LeadRequest]) -> float:
    same = [a for a in asked if a.lead in leads and abs(a.rows - leads[a.lead].size) <= SLACK]
    if 2 * len(same) > len(asked):
        return Counter(a.rate_hz for a in same).most_common(1)[0][0]
    by_count = rows / RECORD_S
    return by_count if by_count in RATES_HZ else DEFAULT_RATE_HZ
