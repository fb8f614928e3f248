"""Speed of a folder run whose networks take no CPU time, as with a fast GPU.

    python benchmarks/simulated_gpu.py PAGE... [--result RESULT.json] [--pages 100] [--wait-ms 5]
        [--threads 1 2 4]

The outputs of the networks are recorded once for each page, and then returned after a wait that releases
Python's lock. Without a wait, only decoding and the other work on the CPU remain, which is the limit of the
machine. The script prints the speed with and without the wait by number of page threads.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
import zlib
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from ecgdigit_engine.runner import Feeds, Fetches, Runner, host_arrays
from ecgdigit_engine.selection import select_backend
from ecgdigit_engine.stage_opener import StageOpener, StageRequest
from ecgdigit_rt.bench.provenance import write_result
from ecgdigit_rt.decode.page_list import pages_from_inputs
from ecgdigit_rt.digitizer import Digitizer
from ecgdigit_rt.results import Digitized, PageRef

_SAMPLED_BYTES = 4096  # bytes of an input that identify it


@dataclass
class Recording:
    """Outputs of the networks by their inputs. `wait_s` is None while they are recorded."""

    outputs: dict[Hashable, Fetches] = field(default_factory=dict)
    wait_s: float | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def opener(self) -> StageOpener:
        """Return an opener of recorded networks."""
        real = select_backend(device="cpu").opener()

        def open_stage(request: StageRequest) -> Runner:
            return RecordedRunner(real.open(request), self)

        return replace(real, open=open_stage, description="recorded networks")


class RecordedRunner:
    """Runner that returns the recorded outputs of a network."""

    def __init__(self, runner: Runner, recording: Recording) -> None:
        self._runner, self._recording = runner, recording
        self.spec = runner.spec

    def run(self, feeds: Feeds, /) -> Fetches:
        """Return the outputs after the wait, or compute and record them."""
        key = (self.spec.stage, *(_key(value) for _, value in sorted(host_arrays(feeds).items())))
        if self._recording.wait_s is None:
            outputs = self._runner.run(feeds)
            with self._recording.lock:
                self._recording.outputs[key] = outputs
            return outputs
        if self._recording.wait_s:
            time.sleep(self._recording.wait_s)
        return self._recording.outputs[key]


def _key(value: np.ndarray) -> Hashable:
    """Return a key of an array: its shape, and a checksum of bytes that are spread over it."""
    flat = np.ascontiguousarray(value).view(np.uint8).ravel()
    step = max(flat.size // _SAMPLED_BYTES, 1) | 1
    return value.shape, zlib.crc32(flat[::step].tobytes())


def pages_per_second(recording: Recording, pages: Sequence[PageRef], threads: int) -> float:
    """Return the speed of a folder run with recorded networks. Raises SystemExit if a page fails."""
    with Digitizer(threads=threads, opener=recording.opener(), ocr=False) as digitizer:
        list(digitizer.digitize_many(pages[:threads], network_threads=1))  # warm-up
        started = time.perf_counter()
        for result in digitizer.digitize_many(pages, network_threads=1):
            if not isinstance(result, Digitized):
                raise SystemExit(f"{result.source}: {result.message}")
        return len(pages) / (time.perf_counter() - started)


def main() -> None:
    """Parse the arguments, record, measure in turns, print and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("page", nargs="+")
    parser.add_argument("--result", type=Path)
    parser.add_argument("--pages", type=int, default=100)
    parser.add_argument("--wait-ms", type=float, default=5.0)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2, 4])
    arguments = parser.parse_args()
    recording = Recording()
    with Digitizer(threads=1, opener=recording.opener(), ocr=False) as digitizer:
        found = list(pages_from_inputs(arguments.page))
        results = zip(found, digitizer.digitize_many(found, network_threads=1), strict=True)
        usable = [page for page, result in results if isinstance(result, Digitized)]
    pages = [usable[k % len(usable)] for k in range(arguments.pages)]
    figures: dict[str, dict[str, float]] = {}
    for threads in arguments.threads:
        speeds = {}
        for name, wait_s in (("host work alone", 0.0), ("with the wait", arguments.wait_ms / 1000)):
            recording.wait_s = wait_s
            speeds[name] = round(pages_per_second(recording, pages, threads), 2)
        figures[f"{threads} threads"] = speeds
        sys.stdout.write(f"{threads} threads: {speeds} pages/s\n")
    if arguments.result is not None:
        facts = {"pages": arguments.pages, "wait_ms": arguments.wait_ms, "pages_per_s": figures}
        write_result(arguments.result, "simulated_gpu", max(arguments.threads), facts)


if __name__ == "__main__":
    main()
