"""What a format is to a run: something that takes page after page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self, TextIO

if TYPE_CHECKING:
    from ecgdigit_rt.formats.test_csv import LeadRequest
    from ecgdigit_rt.results import Result


class PageWriter(Protocol):
    """Takes every page of a run, those that failed too, and what it writes appears whole or not at all.

    Entering finds out what would keep it from writing, before a page is read. Entering, writing and
    leaving raise OutputNotWritable.
    """

    def __enter__(self) -> Self: ...

    def write(self, page_id: str, result: Result, /) -> None: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class OutputDestination:
    """Where the pages of a run go.

    stream: what is written to in the path's place. questions: what test.csv asks, by image id.
    """

    path: Path
    stream: TextIO | None = None
    questions: Mapping[str, Sequence[LeadRequest]] | None = None
