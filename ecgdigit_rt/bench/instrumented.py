"""Instrumented runners, which count the calls, seconds and floating-point operations of each stage."""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass, field, replace

from ecgdigit_engine.runner import Feeds, Fetches, Runner
from ecgdigit_engine.spec import StageSpec
from ecgdigit_engine.stage_opener import StageOpener
from ecgdigit_rt.stages import PLACES_STEP


@dataclass(slots=True)
class StageCounter:
    """Totals of one stage over all threads. The seconds of concurrent calls are added."""

    calls: int = 0
    seconds: float = 0.0
    flops: float = 0.0


@dataclass(slots=True)
class StageCounters:
    """Counters by stage. Thread-safe."""

    stages: dict[str, StageCounter] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, stage: str, seconds: float, flops: float) -> None:
        """Add one call of a stage."""
        with self._lock:
            counter = self.stages.setdefault(stage, StageCounter())
            counter.calls += 1
            counter.seconds += seconds
            counter.flops += flops

    def clear(self) -> None:
        """Remove all counters."""
        with self._lock:
            self.stages.clear()


class CountingRunner:
    """Runner that adds every call to `counters`. It implements the protocol `Runner`."""

    def __init__(self, runner: Runner, counters: StageCounters) -> None:
        self._runner, self._counters = runner, counters
        self._flops_per_pixel = float(runner.spec.metadata.get("flops_per_pixel", "nan"))

    @property
    def spec(self) -> StageSpec:
        """Specification of the stage."""
        return self._runner.spec

    def run(self, feeds: Feeds, /) -> Fetches:
        """Run the stage and count the call."""
        started = time.perf_counter()
        fetches = self._runner.run(feeds)
        seconds = time.perf_counter() - started
        self._counters.add(self.spec.stage, seconds, _pixels(feeds) * self._flops_per_pixel)
        return fetches


def count_calls(opener: StageOpener, counters: StageCounters) -> StageOpener:
    """Return an opener whose runners add every call to `counters`."""
    return replace(opener, open=lambda request: CountingRunner(opener.open(request), counters))


def _pixels(feeds: Feeds) -> int:
    """Return the number of input pixels of a call.

    The input of most runners is pixels (batch, height, width, 3). The input of the sampler contains `places`,
    a grid of image positions with a margin of one position. The network then has PLACES_STEP × PLACES_STEP
    pixels per inner position.
    """
    if "places" in feeds:
        batch, _, height, width = feeds["places"].shape
        return batch * (height - 2) * (width - 2) * PLACES_STEP**2
    return sum(math.prod(value.shape[:3]) for value in feeds.values())
