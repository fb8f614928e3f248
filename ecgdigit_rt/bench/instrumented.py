"""Runners that count: how long a stage ran, and how many pixels it saw."""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass, field

from ecgdigit_engine.runner import Feeds, Fetches, Runner
from ecgdigit_engine.spec import StageSpec
from ecgdigit_rt.digitizer import StageOpener
from ecgdigit_rt.stages import PLACES_STEP


@dataclass(slots=True)
class Tally:
    """What one stage has done, over all threads. seconds: of the calls, side by side ones added up."""

    calls: int = 0
    seconds: float = 0.0
    flops: float = 0.0


@dataclass(slots=True)
class Tallies:
    """One tally per stage."""

    stages: dict[str, Tally] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, stage: str, seconds: float, flops: float) -> None:
        with self._lock:
            tally = self.stages.setdefault(stage, Tally())
            tally.calls += 1
            tally.seconds += seconds
            tally.flops += flops

    def clear(self) -> None:
        with self._lock:
            self.stages.clear()


class CountedRunner:
    """A runner that tells `tallies` of every call. Satisfies `Runner`."""

    def __init__(self, runner: Runner, tallies: Tallies) -> None:
        self._runner, self._tallies = runner, tallies
        self._flops_per_pixel = float(runner.spec.metadata.get("flops_per_pixel", "nan"))

    @property
    def spec(self) -> StageSpec:
        return self._runner.spec

    def run(self, feeds: Feeds, /) -> Fetches:
        started = time.perf_counter()
        found = self._runner.run(feeds)
        seconds = time.perf_counter() - started
        self._tallies.add(self.spec.stage, seconds, _pixels(feeds) * self._flops_per_pixel)
        return found


class Counting:
    """Opens stages as another opener does, and counts. Satisfies `StageOpener`."""

    def __init__(self, opener: StageOpener, tallies: Tallies) -> None:
        self._opener, self._tallies = opener, tallies

    @property
    def graph_precision(self) -> str:
        return self._opener.graph_precision

    @property
    def notes(self) -> tuple[str, ...]:
        return self._opener.notes

    def __str__(self) -> str:
        return str(self._opener)

    @property
    def is_accelerator(self) -> bool:
        return self._opener.is_accelerator

    def open_stage(
        self, graph: bytes, threads: int = 1, concurrency: int = 1, prefix_graph: bytes | None = None
    ) -> Runner:
        return CountedRunner(
            self._opener.open_stage(graph, threads, concurrency, prefix_graph), self._tallies
        )


def _pixels(feeds: Feeds) -> int:
    """Pixels of the pictures that a stage is given, (batch, height, width, 3) or by their places."""
    if "places" in feeds:
        batch, _, down, along = feeds["places"].shape
        return batch * (down - 2) * (along - 2) * PLACES_STEP**2
    return sum(math.prod(value.shape[:3]) for value in feeds.values())
