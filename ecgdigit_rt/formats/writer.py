"""Interface of an output format."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from ecgdigit_rt.results import Result


class PageWriter(Protocol):
    """Writer of the results of a run, page by page, as a context manager.

    The writer receives every page, including failed ones. Entering the context checks that the output can be
    written, before any page is processed. Each file appears atomically: complete or not at all. Every method
    may raise OutputNotWritable.
    """

    def __enter__(self) -> Self:
        """Open the output."""

    def write(self, page_id: str, result: Result, /) -> None:
        """Write one page."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Publish an output file, or discard it after an error. Files in an output folder already exist."""
