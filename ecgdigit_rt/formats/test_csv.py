"""The competition's questions and answers: what test.csv asks, and the values a page gives.

`test.csv` has the columns id, lead, fs, number_of_rows. For each of its lines the submission
needs exactly number_of_rows millivolt values at fs Hz, without a NaN.
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
from ecgdigit_rt.results import LEADS, Digitized, Failed, Result

COLUMNS = ("id", "lead", "fs", "number_of_rows")
MAX_RATE_HZ = 100_000
MAX_ROWS = 10_000_000


@dataclass(frozen=True, slots=True)
class LeadRequest:
    """One line of test.csv, less the image: which lead, at which rate, how many samples."""

    lead: str
    rate_hz: float
    rows: int


@dataclass(frozen=True, slots=True)
class LeadValues:
    """One page's part of the submission: millivolt values by lead, and which leads are zeros."""

    values: Mapping[str, NDArray[np.float64]]
    missing: tuple[str, ...]


def read_test_csv(path: Path) -> dict[str, list[LeadRequest]]:
    """Read what is asked of each image id, images and leads in the order of the file.

    Columns may stand in any order, and others beside them. Raises InputNotFound and
    TestCsvMalformed, which names line and column.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")  # as read_text, which would change the ends of lines
    except FileNotFoundError as error:
        raise InputNotFound(str(path)) from error
    except (OSError, UnicodeDecodeError) as error:
        raise TestCsvMalformed(path, 1, "id", f"not readable as text: {error}") from error
    lines = _cells_of(path, text)
    _, header = next(lines, (1, []))
    header = [name.strip() for name in header]
    for column in COLUMNS:
        if column not in header:
            raise TestCsvMalformed(path, 1, column, "there is no such column")
    places = [header.index(column) for column in COLUMNS]
    questions: dict[str, list[LeadRequest]] = {}
    for line, cells in lines:
        if not any(cells):
            continue
        image, asked = _asked(path, line, [_cell(cells, i) for i in places])
        of_image = questions.setdefault(image, [])
        if any(other.lead == asked.lead for other in of_image):
            problem = f"lead {asked.lead} of {image} stands twice"
            raise TestCsvMalformed(path, line, "lead", problem)
        of_image.append(asked)
    if not questions:
        raise TestCsvMalformed(path, 2, "id", "there are no lines below the header")
    return questions


def values_for(result: Result, asked: Sequence[LeadRequest] | None) -> LeadValues:
    """Give the values of one page: what `asked` wants, or without it all leads at their own rate.

    A lead that is asked for and was not found is zeros, and so is every lead of a failed page.
    Without a question a failed page has no rows, and `missing` names the leads of the layout that
    were not found.
    """
    leads = {} if isinstance(result, Failed) else result.leads
    missing = tuple(missing_requests(result, asked))
    if asked is None:
        return LeadValues(
            {name: leads[name].mv.astype(np.float64) for name in LEADS if name in leads}, missing
        )
    from ecgdigit_rt.resample import resample  # scipy: only where a page is written

    values = {}
    for want in asked:
        lead = leads.get(want.lead)
        values[want.lead] = (
            np.zeros(want.rows)
            if lead is None or lead.mv.size == 0
            else resample(lead.mv, lead.rate_hz, want.rate_hz, want.rows)
        )
    return LeadValues(values, missing)


def missing_requests(result: Result, asked: Sequence[LeadRequest] | None) -> list[str]:
    """The leads that were asked for and not found; without a question those of the page's layout."""
    if asked is None:
        return missing_leads(result) if isinstance(result, Digitized) else []
    found = [] if isinstance(result, Failed) else lead_names(result)
    return [want.lead for want in asked if want.lead not in found]


def _cells_of(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    """Line number and cells of each line; an id in quotes may hold a line's end."""
    lines = csv.reader(io.StringIO(text, newline=""))
    try:
        for cells in lines:
            yield lines.line_num, cells
    except csv.Error as error:
        raise TestCsvMalformed(path, lines.line_num, "id", str(error)) from error


def _cell(cells: Sequence[str], place: int) -> str:
    return cells[place].strip() if place < len(cells) else ""


def _asked(path: Path, line: int, cells: Sequence[str]) -> tuple[str, LeadRequest]:
    image, lead, rate, rows = cells
    if not image:
        raise TestCsvMalformed(path, line, "id", "empty")
    if lead not in LEADS:
        problem = f"unknown lead {lead!r}; the leads are {' '.join(LEADS)}"
        raise TestCsvMalformed(path, line, "lead", problem)
    rate_hz = _number(rate)
    if not 0 < rate_hz <= MAX_RATE_HZ:
        raise TestCsvMalformed(path, line, "fs", f"{rate!r} is no sampling rate in Hz")
    count = _number(rows)
    if not (0 < count <= MAX_ROWS and count.is_integer()):
        problem = f"{rows!r} is no whole number above zero"
        raise TestCsvMalformed(path, line, "number_of_rows", problem)
    return image, LeadRequest(lead, rate_hz, int(count))


def _number(text: str) -> float:
    """The number, or NaN, which is in no range."""
    try:
        return float(text)
    except ValueError:
        return float("nan")
