"""A digitizer for every set of things that are told of a page, all on the same networks."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from ecgdigit_engine.runner import Runner
from ecgdigit_rt.digitizer import Digitizer, StageOpener
from ecgdigit_rt.errors import PageError
from ecgdigit_rt.results import PageRef

_KEPT = 32
_BLANK_PX = 320


@dataclass(frozen=True, slots=True)
class RequestOptions:
    """What a request says of its page, each None where the page itself is asked."""

    layout: str | None = None
    speed_mm_s: float | None = None
    gain_mm_mv: float | None = None
    min_quality_db: float | None = None


class SharedStages:
    """Opens each network once, and gives the same runner to everyone who asks for it again."""

    def __init__(self, opener: StageOpener, concurrency: int) -> None:
        self._opener, self._callers = opener, concurrency
        self._open: dict[tuple[bytes, int, bytes | None], Runner] = {}
        self._lock = threading.Lock()

    @property
    def graph_precision(self) -> str:
        return self._opener.graph_precision

    @property
    def notes(self) -> tuple[str, ...]:
        return self._opener.notes

    @property
    def is_accelerator(self) -> bool:
        return self._opener.is_accelerator

    def open_stage(
        self, graph: bytes, threads: int = 1, concurrency: int = 1, prefix_graph: bytes | None = None
    ) -> Runner:
        with self._lock:
            key = (graph, threads, prefix_graph)
            if key not in self._open:
                most = max(concurrency, self._callers)
                self._open[key] = self._opener.open_stage(graph, threads, most, prefix_graph)
            return self._open[key]

    def __str__(self) -> str:
        return str(self._opener)


class Digitizers:
    """Digitizers by what is told, the latest `_KEPT` of them kept; networks are shared by all.

    Raises what `Digitizer` raises: the first is made at once.
    """

    def __init__(self, opener: StageOpener, models: str, threads: int) -> None:
        self._models, self._threads, self._opener = models, threads, opener
        self.of: Callable[[RequestOptions], Digitizer] = lru_cache(_KEPT)(self._made)
        self.plain = self.of(RequestOptions())

    def _made(self, told: RequestOptions) -> Digitizer:
        return Digitizer(
            self._models,
            self._threads,
            layout=told.layout,
            speed_mm_s=told.speed_mm_s,
            gain_mm_mv=told.gain_mm_mv,
            min_quality_db=told.min_quality_db,
            opener=self._opener,
        )

    def warm(self) -> None:
        """Open the networks, so that the first page need not wait for them."""
        blank = np.full((_BLANK_PX, _BLANK_PX, 3), 255, np.uint8)
        try:
            self.plain.digitize_image(blank, PageRef(Path("blank")))
        except PageError:
            return
