"""Opening of stage networks: the request, the opener, and runners that several callers share."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from ecgdigit_engine.runner import Runner


@dataclass(frozen=True, slots=True)
class StageRequest:
    """One stage to open.

    `graph` is its ONNX file, typed as the opener's `graph_precision` says. `threads` is the number of CPU
    threads of one call, `concurrency` the number of threads that call the runner. `prefix_graph` is the graph
    of a stage whose outputs are this one's inputs; the runner then executes both.
    """

    graph: bytes = field(repr=False)
    threads: int = 1
    concurrency: int = 1
    prefix_graph: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class StageOpener:
    """A function that opens stages, with what a pipeline must know of it.

    `graph_precision` names the variant of the graphs to pass. `notes` are sentences for the user.
    `is_accelerator` is true if inputs must be copied to the memory of a device. `description` names backend,
    version, device and precision, for reports.
    """

    open: Callable[[StageRequest], Runner]
    description: str
    graph_precision: str = "fp32"
    notes: tuple[str, ...] = ()
    is_accelerator: bool = False

    def __str__(self) -> str:
        return self.description


def share_runners(opener: StageOpener, concurrency: int = 1) -> StageOpener:
    """Return an opener that opens equal requests once and returns the same runner afterwards.

    `concurrency` is the minimum number of threads for which each runner is opened. Thread-safe.
    """
    runners: dict[StageRequest, Runner] = {}
    lock = threading.Lock()

    def open_once(request: StageRequest) -> Runner:
        request = replace(request, concurrency=max(request.concurrency, concurrency))
        with lock:
            if request not in runners:
                runners[request] = opener.open(request)
            return runners[request]

    return replace(opener, open=open_once)
