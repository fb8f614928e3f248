"""Requests in test.csv of the competition, and the requested samples of a page.

`test.csv` has the columns id, lead, fs and number_of_rows. For each of its lines the submission must contain
exactly number_of_rows values in millivolts at fs Hz, without NaN.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.errors import InputNotFound, TestCsvMalformed
from ecgdigit_rt.formats.metadata import missing_leads
from ecgdigit_rt.formats.signal_table import lead_names
from ecgdigit_rt.resample import resample
from ecgdigit_rt.results import ALL_LEADS, LEADS, Failed, Result

COLUMNS = ("id", "lead", "fs", "number_of_rows")

MAX_RATE_HZ = 100_000
MAX_ROWS = 10_000_000
"""Maximum sampling rate and number of rows of a request.

Larger requests could exhaust the memory. Hand-picked, not tuned.
"""


@dataclass(frozen=True, slots=True)
class LeadRequest:
    """Requested lead, sampling rate and number of samples: one line of test.csv without the image."""

    lead: str
    rate_hz: float
    rows: int


@dataclass(frozen=True, slots=True)
class LeadValues:
    """Values of one page for the submission, in millivolts by lead, and names of the missing leads."""

    values: Mapping[str, NDArray[np.float64]]
    missing: tuple[str, ...]


def read_test_csv(path: Path) -> dict[str, list[LeadRequest]]:
    """Read the requests of a test.csv by image id. Images and leads are in the order of the file.

    The columns may be in any order, and additional columns are ignored. Raises InputNotFound, or
    TestCsvMalformed with the line and the column.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")  # read_text would translate the line endings
    except FileNotFoundError as error:
        raise InputNotFound(str(path)) from error
    except (OSError, UnicodeDecodeError) as error:
        raise TestCsvMalformed(path, 1, "id", f"not readable as text: {error}") from error
    lines = _numbered_rows(path, text)
    _, header = next(lines, (1, []))
    header = [name.strip() for name in header]
    for column in COLUMNS:
        if column not in header:
            raise TestCsvMalformed(path, 1, column, "missing column")
    indices = [header.index(column) for column in COLUMNS]
    requests: dict[str, list[LeadRequest]] = {}
    for line, cells in lines:
        if not any(cells):
            continue
        image, request = _request_from_cells(path, line, [_cell(cells, i) for i in indices])
        image_requests = requests.setdefault(image, [])
        if any(other.lead == request.lead for other in image_requests):
            problem = f"duplicate lead {request.lead} of {image}"
            raise TestCsvMalformed(path, line, "lead", problem)
        image_requests.append(request)
    if not requests:
        raise TestCsvMalformed(path, 2, "id", "no lines below the header")
    return requests


def values_for(result: Result, requests: Sequence[LeadRequest] | None) -> LeadValues:
    """Return the requested values of one page, or the values of all its leads if `requests` is None.

    The values of a requested lead that was not digitized are zeros. On a failed page this applies to all
    leads. Without requests, leads are returned at their original rate, and a failed page has no values.
    """
    leads = {} if isinstance(result, Failed) else result.leads
    if requests is None:
        signals = {name: leads[name].mv.astype(np.float64) for name in ALL_LEADS if name in leads}
        return LeadValues(signals, tuple(missing_leads(result)))
    values = {}
    for request in requests:
        lead = leads.get(request.lead)
        values[request.lead] = (
            np.zeros(request.rows)
            if lead is None or lead.mv.size == 0
            else resample(lead.mv, lead.rate_hz, request.rate_hz, request.rows)
        )
    return LeadValues(values, tuple(missing_requests(result, requests)))


def missing_requests(result: Result, requests: Sequence[LeadRequest]) -> list[str]:
    """Return the names of the requested leads that were not digitized."""
    digitized = [] if isinstance(result, Failed) else lead_names(result)
    return [request.lead for request in requests if request.lead not in digitized]


def _numbered_rows(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the line number and the cells of each row.

    A quoted id may contain line breaks. The number is that of the last physical line of the row.
    """
    lines = csv.reader(io.StringIO(text, newline=""))
    try:
        for cells in lines:
            yield lines.line_num, cells
    except csv.Error as error:
        raise TestCsvMalformed(path, lines.line_num, "id", str(error)) from error


def _cell(cells: Sequence[str], index: int) -> str:
    return cells[index].strip() if index < len(cells) else ""


def _request_from_cells(path: Path, line: int, cells: Sequence[str]) -> tuple[str, LeadRequest]:
    image, lead, rate, rows = cells
    if not image:
        raise TestCsvMalformed(path, line, "id", "empty")
    if lead not in LEADS:
        problem = f"unknown lead {lead!r}; the leads are {' '.join(LEADS)}"
        raise TestCsvMalformed(path, line, "lead", problem)
    rate_hz = _number(rate)
    if not 0 < rate_hz <= MAX_RATE_HZ:
        raise TestCsvMalformed(path, line, "fs", f"{rate!r} is not a rate in Hz up to {MAX_RATE_HZ}")
    count = _number(rows)
    if not (0 < count <= MAX_ROWS and count.is_integer()):
        problem = f"{rows!r} is not a whole number from 1 to {MAX_ROWS}"
        raise TestCsvMalformed(path, line, "number_of_rows", problem)
    return image, LeadRequest(lead, rate_hz, int(count))


def _number(text: str) -> float:
    """Return the number, or NaN if it cannot be parsed. NaN fails every range check."""
    try:
        return float(text)
    except ValueError:
        return float("nan")
