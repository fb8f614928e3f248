"""Format `submission`: a writer and a reader of one CSV file with a line per sample.

A line is `{image}_{row}_{lead},{millivolts}`, where `row` is the index of the sample within the lead, from 0.
If a test.csv is passed, the file contains exactly the samples that it requests. Otherwise the file contains
every digitized lead of every page.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.atomic_files import atomic_text_file, reraise_as_output_error
from ecgdigit_rt.errors import InputNotFound, SubmissionMalformed
from ecgdigit_rt.formats.metadata import escape_surrogates
from ecgdigit_rt.formats.registry import OutputDestination
from ecgdigit_rt.formats.test_csv import MAX_ROWS, values_for
from ecgdigit_rt.results import Result

HEADER = "id,value\n"

_MAX_PHYSICAL_LINES = 256
"""Maximum number of physical lines that a CSV row with a quoted id may span.

A file name has at most 255 bytes, all of which may be line breaks.
"""

Submission = dict[str, dict[str, NDArray[np.float64]]]
"""Signals by image id and lead, float64 (rows,) in millivolts. Rows that are absent from the file are NaN."""


def open_writer(destination: OutputDestination) -> SubmissionPageWriter:
    """Return the page writer of this format."""
    return SubmissionPageWriter(destination)


class SubmissionPageWriter:
    """Page writer of a submission. Without requests it writes every digitized lead."""

    def __init__(self, destination: OutputDestination) -> None:
        self._requests = destination.requests
        self._writer = SubmissionLeadWriter(destination.path, destination.stream)

    def __enter__(self) -> Self:
        self._writer.__enter__()
        return self

    def write(self, page_id: str, result: Result) -> None:
        """Write the samples of one page. Raises OutputNotWritable."""
        requests = None if self._requests is None else self._requests[page_id]
        for lead, mv in values_for(result, requests).values.items():
            self._writer.write(page_id, lead, mv)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.__exit__(kind, error, trace)


def rows_text(image: str, lead: str, mv: NDArray[np.floating[Any]]) -> str:
    """Return the lines of one lead as text, with 5 decimals (10 nV).

    A page has tens of thousands of lines, so the lines of a lead are formatted with a single template
    instead of one by one. Raises ValueError if a value is not finite.
    """
    if not np.isfinite(mv).all():
        raise ValueError(f"lead {lead} of {image} contains values that are not finite")
    template = _template(lead, mv.size)
    image = escape_surrogates(image)
    rounded = np.round(mv.astype(np.float64), 5) + 0.0  # + 0.0 turns −0.0 into 0.0
    if any(c in image for c in ',"\n\r'):
        template = template.replace("\0", '"\0').replace(",", '",')
        image = image.replace('"', '""')
    return template.replace("\0", image.replace("%", "%%")) % tuple(rounded.tolist())


@lru_cache(maxsize=64)
def _template(lead: str, count: int) -> str:
    """Return a template of the lines of one lead for `%`. A NUL character stands for the image id."""
    return "".join(f"\0_{row}_{lead},%.5f\n" for row in range(count))


class SubmissionLeadWriter:
    """Writer that appends one lead at a time to a submission.

    The new file replaces `path` when the writer is closed. After an error the new file is discarded and
    `path` remains unchanged. If `stream` is not None, the lines are written to `stream`. If `path` is not a
    regular file (a pipe, /dev/stdout), the lines are written to it directly.
    """

    def __init__(self, path: Path, stream: TextIO | None = None) -> None:
        self._path = path
        self._stream = stream
        self._resources = ExitStack()
        self._text: TextIO | None = None

    def __enter__(self) -> Self:
        with ExitStack() as opened:
            self._text = opened.enter_context(atomic_text_file(self._path, self._stream))
            with reraise_as_output_error(self._path):
                self._text.write(HEADER)
            self._resources = opened.pop_all()
        return self

    def write(self, image: str, lead: str, mv: NDArray[np.floating[Any]]) -> None:
        """Append one lead of one image. Raises OutputNotWritable."""
        if self._text is None:
            raise RuntimeError("the writer is not open")
        text = rows_text(image, lead, mv)
        with reraise_as_output_error(self._path):
            self._text.write(text)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._resources.__exit__(kind, error, trace)


def read_submission(path: Path) -> Submission:
    """Read a submission. Lines may be in any order, but no row may occur twice.

    Raises InputNotFound or SubmissionMalformed. If a row of a lead is duplicate, the error contains the
    number of the line at which the last block of consecutive lines of this lead begins.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            if next(stream, "").strip() != HEADER.strip():
                raise SubmissionMalformed(path, 1, "the header is not id,value")
            return _submission_from_blocks(path, _lead_blocks(path, stream))
    except (FileNotFoundError, IsADirectoryError) as error:
        raise InputNotFound(str(path)) from error
    except UnicodeDecodeError as error:
        raise SubmissionMalformed(path, 1, "not a UTF-8 text file") from error


_LeadBlock = tuple[int, str, str, list[int], list[float]]
"""Consecutive lines of one lead: number of the first line, image, lead, row numbers, values."""


def _lead_blocks(path: Path, lines: Iterable[str]) -> Iterator[_LeadBlock]:
    block: _LeadBlock | None = None
    for number, line in _logical_lines(lines):
        text = line.rstrip("\r\n")
        if not text:
            continue
        try:
            if text[0] == '"':
                key, value = next(csv.reader(io.StringIO(text, newline=""), strict=True))
            else:
                key, value = text.split(",")
            image, row, lead = key.rsplit("_", 2)
            index, mv = int(row), float(value)
        except (ValueError, csv.Error) as error:
            raise SubmissionMalformed(path, number, f"cannot parse {text[:60]!r}") from error
        if not 0 <= index < MAX_ROWS:
            raise SubmissionMalformed(path, number, f"row number {index} is out of range")
        if block is None or block[1] != image or block[2] != lead:
            if block is not None:
                yield block
            block = (number, image, lead, [], [])
        block[3].append(index)
        block[4].append(mv)
    if block is not None:
        yield block


def _logical_lines(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Yield logical lines, each with the number of its first physical line.

    A quoted id may contain line breaks, so a line with an open quote is joined with the following lines, up
    to `_MAX_PHYSICAL_LINES` in total.
    """
    start, parts = 2, list[str]()
    for number, line in enumerate(lines, start=2):
        if not parts:
            if line[0] != '"' or line.count('"') % 2 == 0:
                yield number, line
                continue
            start = number
        parts.append(line)
        if len(parts) == _MAX_PHYSICAL_LINES or (len(parts) > 1 and line.count('"') % 2):
            yield start, "".join(parts)
            parts = []
    if parts:
        yield start, "".join(parts)


def _submission_from_blocks(path: Path, blocks: Iterable[_LeadBlock]) -> Submission:
    parts: dict[tuple[str, str], list[tuple[int, NDArray[np.int64], NDArray[np.float64]]]] = {}
    for start, image, lead, rows, values in blocks:
        part = (start, np.array(rows, np.int64), np.array(values, np.float64))
        parts.setdefault((image, lead), []).append(part)
    submission: Submission = {}
    for (image, lead), lead_parts in parts.items():
        rows_all = np.concatenate([rows for _, rows, _ in lead_parts])
        counts = np.bincount(rows_all)
        if counts.max() > 1:
            duplicate = int(np.argmax(counts > 1))
            problem = f"duplicate row {duplicate} of {image} {lead}"
            raise SubmissionMalformed(path, lead_parts[-1][0], problem)
        signal = np.full(counts.size, np.nan)
        signal[rows_all] = np.concatenate([values for _, _, values in lead_parts])
        submission.setdefault(image, {})[lead] = signal
    return submission
