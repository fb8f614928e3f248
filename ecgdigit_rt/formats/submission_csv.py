"""submission.csv, written page by page and read back.

One line per sample: `{image}_{row}_{lead},{millivolt}`, row from 0 within each lead.
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
from ecgdigit_rt.formats.metadata import printable
from ecgdigit_rt.formats.test_csv import MAX_ROWS

HEADER = "id,value\n"
_MOST_FOLDS = 256  # the longest name of a file, all line ends

Submission = dict[str, dict[str, NDArray[np.float64]]]
"""Image id → lead → (rows,) millivolt, NaN where a row is absent."""


def rows_text(image: str, lead: str, mv: NDArray[np.floating[Any]]) -> str:
    """The lines of one lead, at 5 decimals (10 nanovolt).

    Tens of thousands of lines a page: one formatting operation over a template, no loop.
    Raises ValueError for a value that is not finite.
    """
    if not np.isfinite(mv).all():
        raise ValueError(f"lead {lead} of {image} has values that are not finite")
    template = _template(lead, mv.size)
    image = printable(image)
    rounded = np.round(mv.astype(np.float64), 5) + 0.0  # + 0.0 turns −0.0 into 0.0
    if any(c in image for c in ',"\n\r'):
        template = template.replace("\0", '"\0').replace(",", '",')
        image = image.replace('"', '""')
    return template.replace("\0", image.replace("%", "%%")) % tuple(rounded.tolist())


@lru_cache(maxsize=64)
def _template(lead: str, count: int) -> str:
    return "".join(f"\0_{row}_{lead},%.5f\n" for row in range(count))


class SubmissionWriter:
    """Writes beside the target and takes its place at the end, or leaves no trace after an error.

    A target that is no regular file (a pipe, /dev/stdout) is written to directly; so is `stream`.
    """

    def __init__(self, path: Path, stream: TextIO | None = None) -> None:
        self._path = path
        self._stream = stream
        self._open = ExitStack()
        self._text: TextIO | None = None

    def __enter__(self) -> Self:
        with ExitStack() as opened:
            self._text = opened.enter_context(atomic_text_file(self._path, self._stream))
            with reraise_as_output_error(self._path):
                self._text.write(HEADER)
            self._open = opened.pop_all()
        return self

    def write(self, image: str, lead: str, mv: NDArray[np.floating[Any]]) -> None:
        """Append one lead of one image. Raises OutputNotWritable."""
        if self._text is None:
            raise RuntimeError("the writer is not open")
        text = rows_text(image, lead, mv)
        with reraise_as_output_error(self._path):
            self._text.write(text)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.__exit__(kind, error, trace)


def read_submission(path: Path) -> Submission:
    """Read a submission. Lines may stand in any order; each row of a lead stands once.

    Raises InputNotFound and SubmissionMalformed, which names the line.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            if next(stream, "").strip() != HEADER.strip():
                raise SubmissionMalformed(path, 1, "the header is not id,value")
            return _signals(path, _runs(path, stream))
    except (FileNotFoundError, IsADirectoryError) as error:
        raise InputNotFound(str(path)) from error
    except UnicodeDecodeError as error:
        raise SubmissionMalformed(path, 1, "it is no text") from error


Run = tuple[int, str, str, list[int], list[float]]
"""Line it starts at, image, lead, row numbers, values: consecutive lines of one lead."""


def _runs(path: Path, lines: Iterable[str]) -> Iterator[Run]:
    run: Run | None = None
    for number, line in _unfolded(lines):
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
            raise SubmissionMalformed(path, number, f"cannot read {text[:60]!r}") from error
        if not 0 <= index < MAX_ROWS:
            raise SubmissionMalformed(path, number, f"row number {index} is out of range")
        if run is None or run[1] != image or run[2] != lead:
            if run is not None:
                yield run
            run = (number, image, lead, [], [])
        run[3].append(index)
        run[4].append(mv)
    if run is not None:
        yield run


def _unfolded(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Numbered lines; one whose quotes are open goes on in the next, since an id may hold a line's end."""
    start, parts = 2, list[str]()
    for number, line in enumerate(lines, start=2):
        if not parts:
            if line[0] != '"' or line.count('"') % 2 == 0:
                yield number, line
                continue
            start = number
        parts.append(line)
        if len(parts) == _MOST_FOLDS or (len(parts) > 1 and line.count('"') % 2):
            yield start, "".join(parts)
            parts = []
    if parts:
        yield start, "".join(parts)


def _signals(path: Path, runs: Iterable[Run]) -> Submission:
    parts: dict[tuple[str, str], list[tuple[int, NDArray[np.int64], NDArray[np.float64]]]] = {}
    for start, image, lead, rows, values in runs:
        part = (start, np.array(rows, np.int64), np.array(values, np.float64))
        parts.setdefault((image, lead), []).append(part)
    submission: Submission = {}
    for (image, lead), of_lead in parts.items():
        rows_all = np.concatenate([rows for _, rows, _ in of_lead])
        counts = np.bincount(rows_all)
        if counts.max() > 1:
            twice = int(np.argmax(counts > 1))
            problem = f"row {twice} of {image} {lead} stands twice"
            raise SubmissionMalformed(path, of_lead[-1][0], problem)
        signal = np.full(counts.size, np.nan)
        signal[rows_all] = np.concatenate([values for _, _, values in of_lead])
        submission.setdefault(image, {})[lead] = signal
    return submission
