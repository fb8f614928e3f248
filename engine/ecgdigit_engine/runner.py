"""The one thing that the pipeline asks of a backend."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from numpy.typing import NDArray

from ecgdigit_engine.spec import StageSpec

Feeds = Mapping[str, NDArray[Any]]
Fetches = dict[str, NDArray[Any]]


class Runner(Protocol):
    """Runs one stage. Safe to call from several threads at once; what it returns is the caller's."""

    @property
    def spec(self) -> StageSpec: ...

    def run(self, feeds: Feeds, /) -> Fetches:
        """Outputs by name for inputs by name. Raises ShapeOutsideProfile."""
        ...
