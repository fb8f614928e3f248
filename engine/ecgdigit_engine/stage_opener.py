"""Opening of stages: requests, openers, and the sharing of runners between callers."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from ecgdigit_engine.runner import Runner, close_runner


@dataclass(frozen=True, slots=True)
class StageRequest:
    """Request to open one stage.

    `graph` is the content of the stage's ONNX file, in the opener's `graph_precision`. `threads` is the
    number of CPU threads of one call. `concurrency` is the number of threads that call the runner.
    `prefix_graph`, if specified, is the graph of a preceding stage whose outputs are the inputs of this
    stage. The runner then executes both.
    """

    graph: bytes = field(repr=False)
    threads: int = 1
    concurrency: int = 1
    prefix_graph: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class StageOpener:
    """A function that opens stages, and the properties of its backend.

    `description` identifies the backend in reports, where known with its version, device and precision.
    `graph_precision` is the precision of the graphs to pass in requests. `notes` are sentences for the user.
    `is_accelerator` is true if the stages run on a device with its own memory. `close` releases the runners
    that the opener keeps, if any.
    """

    open: Callable[[StageRequest], Runner]
    description: str
    graph_precision: str = "fp32"
    notes: tuple[str, ...] = ()
    is_accelerator: bool = False
    close: Callable[[], None] = lambda: None

    def __str__(self) -> str:
        return self.description


def share_runners(opener: StageOpener, concurrency: int = 1) -> StageOpener:
    """Return an opener that opens each distinct request once and returns the same runner for equal requests.

    Each runner is opened for at least `concurrency` calling threads. The opener is thread-safe. Its `close`
    closes all runners.
    """
    runners: dict[StageRequest, Runner] = {}
    lock = threading.Lock()

    def open_once(request: StageRequest) -> Runner:
        request = replace(request, concurrency=max(request.concurrency, concurrency))
        with lock:
            if request not in runners:
                runners[request] = opener.open(request)
            return runners[request]

    def close() -> None:
        with lock:
            while runners:
                close_runner(runners.popitem()[1])
        opener.close()

    return replace(opener, open=open_once, close=close)
