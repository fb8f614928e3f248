"""Batching of concurrent calls.

Calls that arrive while the device is busy must wait. Waiting calls of equal shape are then run together as
one batch. No call is delayed to fill a batch. On a GPU, a batch of four strips is expected to take little
longer than one strip. On a CPU, batching has no benefit, so CPU runners are called directly.
"""

from __future__ import annotations

import atexit
import threading
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass
from weakref import WeakSet

import numpy as np

from ecgdigit_engine.errors import OutOfDeviceMemory, WorkerDied
from ecgdigit_engine.runner import Feed, Feeds, Fetches, Runner, SharedInput, close_runner
from ecgdigit_engine.spec import StageSpec
from ecgdigit_engine.tensorrt.profile import BATCH

# If the first waiting call has at least this number of pixels, it is run alone. Hand-picked, not tuned.
_LARGE_PX = 4_000_000

_EXIT_S = 10.0  # maximum time to wait for each call in progress when the interpreter ends

BatchKey = tuple[tuple[str, object], ...]
"""Properties that all calls of a batch have in common.

For each input, the key contains the name and a description. The description of a shared input is the input
itself. That of an array is its type and its shape without the batch axis.
"""


@dataclass(frozen=True, slots=True, eq=False)
class _Call:
    feeds: Feeds
    key: BatchKey
    size: int
    is_large: bool
    result: Future[Fetches]


def _call_from_feeds(feeds: Feeds) -> _Call:
    names = sorted(feeds)
    key = tuple((name, _input_key(feeds[name])) for name in names)
    batched = [value for value in feeds.values() if isinstance(value, np.ndarray)]
    is_large = max(value.size for value in batched) // 3 >= _LARGE_PX
    return _Call(feeds, key, batched[0].shape[0], is_large, Future())


def _input_key(value: Feed) -> object:
    return value if isinstance(value, SharedInput) else (value.shape[1:], value.dtype.str)


def _memory_key(key: BatchKey) -> BatchKey:
    """Return the key with shared inputs replaced with their shape and type."""
    return tuple(
        (name, (item.shape, item.dtype.str) if isinstance(item, SharedInput) else item) for name, item in key
    )


_open_runners: WeakSet[BatchingRunner] = WeakSet()


@atexit.register
def _close_open_runners() -> None:
    """End the worker threads before the interpreter ends. A thread that is then in a call cannot clean up."""
    for runner in list(_open_runners):
        runner.close(timeout_s=_EXIT_S)


class BatchingRunner:
    """Runner that joins waiting calls of equal shape along the batch axis. Satisfies `Runner`.

    All calls of a batch have the same shared inputs. `max_batch` limits the size of a batch of several calls.
    A single call that exceeds the maximum of the stage's batch axis is run in chunks.

    If the device runs out of memory, the maximum batch size for calls of this shape is halved permanently,
    and the batch is run again. OutOfDeviceMemory is raised only if a single image does not fit. If a batch
    fails, all calls of the batch raise its error. If an error ends the worker thread, all pending and later
    calls raise WorkerDied, so that no caller waits forever.
    """

    def __init__(self, runner: Runner, max_batch: int = 4) -> None:
        self._runner = runner
        self._memory_limits: dict[BatchKey, int] = {}
        axis = runner.spec.axis(BATCH)
        self._max_batch = min(max_batch, axis.high) if axis else max_batch
        self._max_call = axis.high if axis else None
        self._waiting: deque[_Call] = deque()
        self._current: list[_Call] = []
        self._changed = threading.Condition()
        self._fatal_error: BaseException | None = None
        self._closed = False
        self._worker = threading.Thread(target=self._work, name=f"batch {runner.spec.stage}", daemon=True)
        self._worker.start()
        _open_runners.add(self)

    @property
    def spec(self) -> StageSpec:
        """Specification of the stage."""
        return self._runner.spec

    def run(self, feeds: Feeds, /) -> Fetches:
        """Enqueue a call, wait for it and return its outputs.

        Raises the error of the batch, or WorkerDied if the worker thread has ended or the runner is closed.
        """
        call = _call_from_feeds(feeds)
        with self._changed:
            if self._fatal_error is not None or self._closed:
                reason = str(self._fatal_error or "the runner was closed")
                raise WorkerDied(f"The worker thread of {self.spec.stage}", reason) from self._fatal_error
            self._waiting.append(call)
            self._changed.notify()
        return call.result.result()

    def close(self, timeout_s: float | None = None) -> None:
        """Complete all waiting calls, end the worker thread and close the runner. Wait up to `timeout_s`."""
        _open_runners.discard(self)
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._worker.join(timeout_s)

    def _work(self) -> None:
        try:
            while batch := self._next_batch():
                self._run_batch(batch)
            close_runner(self._runner)  # in this thread, which owns the memory on the device
        except BaseException as error:  # noqa: BLE001 waiting callers must always be released
            with self._changed:
                self._fatal_error = error
                for call in (*self._current, *self._waiting):
                    if not call.result.done():
                        died = WorkerDied(f"The worker thread of {self.spec.stage}", str(error))
                        call.result.set_exception(died)
                self._waiting.clear()

    def _next_batch(self) -> list[_Call]:
        """Wait for a call, and return it with the waiting calls that can be batched with it.

        After `close`, return an empty list as soon as no call is waiting.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            if not self._waiting:
                return []
            first = self._waiting.popleft()
            batch = self._current = [first]
            free = self._memory_limits.get(_memory_key(first.key), self._max_batch) - first.size
            if not first.is_large:
                for call in list(self._waiting):
                    if call.key == first.key and call.size <= free:
                        self._waiting.remove(call)
                        batch.append(call)
                        free -= call.size
            return batch

    def _run_batch(self, batch: list[_Call]) -> None:
        try:
            joined = {name: _concatenate([call.feeds[name] for call in batch]) for name in batch[0].feeds}
            outputs = self._run_in_chunks(joined, _memory_key(batch[0].key))
        except Exception as error:  # noqa: BLE001 raised again in the threads of the callers
            for call in batch:
                call.result.set_exception(error)
            return
        start = 0
        for call in batch:
            own = slice(start, start + call.size)
            call.result.set_result({name: value[own] for name, value in outputs.items()})
            start += call.size

    def _run_in_chunks(self, feeds: Feeds, key: BatchKey) -> Fetches:
        """Run a batch in chunks and join the outputs.

        If memory is too small, halve the size of the chunks and start again.
        """
        size = next(value.shape[0] for value in feeds.values() if not isinstance(value, SharedInput))
        chunk = min(size, self._memory_limits.get(key, self._max_call or size))
        try:
            parts = [
                self._runner.run({name: _chunk(value, k, chunk) for name, value in feeds.items()})
                for k in range(0, size, chunk)
            ]
        except OutOfDeviceMemory:
            if chunk == 1:
                raise
            self._memory_limits[key] = chunk // 2
            return self._run_in_chunks(feeds, key)
        if len(parts) == 1:
            return parts[0]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _concatenate(values: list[Feed]) -> Feed:
    """Join arrays along the batch axis, or return the shared input that is the same in all calls."""
    batched = [value for value in values if isinstance(value, np.ndarray)]
    return np.concatenate(batched) if len(batched) > 1 else values[0]


def _chunk(value: Feed, first: int, size: int) -> Feed:
    return value[first : first + size] if isinstance(value, np.ndarray) else value
