"""`submission`: one CSV of `{image}_{row}_{lead},{millivolt}` lines, with what test.csv asks."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from ecgdigit_rt.formats.submission_csv import SubmissionWriter
from ecgdigit_rt.formats.test_csv import values_for
from ecgdigit_rt.formats.writer import OutputDestination
from ecgdigit_rt.results import Result


class SubmissionFile:
    """Without questions every lead of every page that was read; with them exactly what they ask."""

    def __init__(self, to: OutputDestination) -> None:
        self._questions = to.questions
        self._rows = SubmissionWriter(to.path, to.stream)

    def __enter__(self) -> Self:
        self._rows.__enter__()
        return self

    def write(self, page_id: str, result: Result) -> None:
        asked = None if self._questions is None else self._questions[page_id]
        for lead, mv in values_for(result, asked).values.items():
            self._rows.write(page_id, lead, mv)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._rows.__exit__(kind, error, trace)
