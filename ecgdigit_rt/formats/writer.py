"""Interface of an output format."""

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
    """Writer of the results of a run, page by page, as a context manager.

    It receives every page, failed pages too. Entering checks that the output can be written, before a page
    is processed. The output appears atomically: complete or not at all. Every method may raise
    OutputNotWritable.
    """

    def __enter__(self) -> Self:
        """Open the output."""

    def write(self, page_id: str, result: Result, /) -> None:
        """Write one page."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Publish the output, or discard it after an error."""


@dataclass(frozen=True, slots=True)
class OutputDestination:
    """Destination of a run's output.

    `stream` replaces the file at `path` if given. `requests` are the requests of test.csv by image id.
    """

    path: Path
    stream: TextIO | None = None
    requests: Mapping[str, Sequence[LeadRequest]] | None = None
