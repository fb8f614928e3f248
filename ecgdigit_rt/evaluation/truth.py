"""Ground truth of an image: NAME.csv in the format of the competition.

The file has one column per lead, in millivolts, and one line per sample of the whole record at the sampling
rate of the record. Cells are empty outside the window in which the page shows the lead.
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
from ecgdigit_rt.results import ALL_LEADS

DEFAULT_RATE_HZ = 500.0
"""Assumed sampling rate of a record whose rate cannot be determined: the rate of digitized leads."""

RECORD_S = 10
"""Duration of every competition record in seconds. The number of lines therefore determines the rate."""

RATES_HZ = (250.0, 256.0, 500.0, 512.0, 1000.0, 1025.0)
"""Sampling rates of the records of the competition."""

SLACK = 2
"""Maximum difference in size, in samples, between two windows of the same duration.

Each end of a window may be rounded down or to the nearest sample, a difference of up to one sample per end.
"""


@dataclass(frozen=True, slots=True)
class Truth:
    """Ground truth of one image.

    `leads` maps the name of each lead to the samples (n,) of its window, in mV, finite.
    """

    image: str
    rate_hz: float
    leads: Mapping[str, NDArray[np.float64]]


def truth_paths(folder: Path) -> dict[str, Path]:
    """Return the truth file of each image id: all CSV files except test.csv. Raises TruthMissing."""
    paths = {path.stem: path for path in sorted(folder.glob("*.csv")) if path.name != "test.csv"}
    if not paths:
        raise TruthMissing(folder)
    return paths


def find_test_csv(folder: Path) -> dict[str, list[LeadRequest]]:
    """Return the requests of a test.csv in the truth folder or its parent folder, or an empty dictionary.

    Raises TestCsvMalformed.
    """
    for path in (folder / "test.csv", folder.absolute().parent / "test.csv"):
        if path.is_file():
            return read_test_csv(path)
    return {}


def read_truth(path: Path, requests: Sequence[LeadRequest] = ()) -> Truth:
    """Read the truth of one image. Raises TruthMalformed.

    The file does not contain its sampling rate. These sources are tried in order:

    1. `requests`, the lines of test.csv for this image, if more than half of them match the windows in size
    2. the number of lines of a 10 s record, if this gives a rate of the competition
    3. 500 Hz
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise TruthMalformed(path, "1", f"not readable as text: {error}") from error
    header = [name.strip() for name in lines[0].split(",")] if lines else []
    if not set(header) & set(ALL_LEADS):
        raise TruthMalformed(path, "1", f"the header does not name a lead: {lines[:1]}")
    # In a file with a single column, an empty line is an empty cell.
    rows = [line.split(",") for line in lines[1:] if line.strip() or len(header) == 1]
    if any(len(row) != len(header) for row in rows):
        raise TruthMalformed(path, header[-1], "the lines have different numbers of cells")
    columns = dict(zip(header, zip(*rows, strict=True), strict=False))
    leads = {}
    for name in (name for name in ALL_LEADS if name in columns):
        window = _window(path, name, columns[name])
        if window.size:
            leads[name] = window
    if not leads:
        raise TruthMalformed(path, header[0], "all leads are empty")
    return Truth(path.stem, _rate_hz(leads, len(rows), requests), leads)


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
        gap = present[0] + int(np.argmin(np.isfinite(window)))
        raise TruthMalformed(path, name, f"line {gap + 2} is empty or infinite inside the window of the lead")
    return window


def _rate_hz(leads: Mapping[str, NDArray[np.float64]], rows: int, requests: Sequence[LeadRequest]) -> float:
    matching = [
        request
        for request in requests
        if request.lead in leads and abs(request.rows - leads[request.lead].size) <= SLACK
    ]
    if 2 * len(matching) > len(requests):
        return Counter(request.rate_hz for request in matching).most_common(1)[0][0]
    by_count = rows / RECORD_S
    return by_count if by_count in RATES_HZ else DEFAULT_RATE_HZ
