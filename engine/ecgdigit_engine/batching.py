"""Calls of many threads as few calls of the device: what waits while it is busy goes together next.

No call is held back to wait for company: a batch is what has gathered meanwhile. On a card four strips cost
little more than one; on a CPU nothing is gained, so there the runners are used as they are.
"""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass

import numpy as np

from ecgdigit_engine.errors import OutOfDeviceMemory, WorkerDied
from ecgdigit_engine.runner import Feed, Feeds, Fetches, Runner, SharedInput
from ecgdigit_engine.spec import StageSpec
from ecgdigit_engine.tensorrt.profile import BATCH

_LARGE_PX = 4_000_000  # inputs from here on go alone

Bucket = tuple[tuple[str, object], ...]
"""What inputs must have in common to go together: names, shapes less the batch and types, and the very
value where that is kept."""


@dataclass(frozen=True, slots=True, eq=False)
class _Call:
    feeds: Feeds
    bucket: Bucket
    size: int
    is_large: bool
    answer: Future[Fetches]


def _call(feeds: Feeds) -> _Call:
    names = sorted(feeds)
    bucket = tuple((name, _alike(feeds[name])) for name in names)
    apart = [value for value in feeds.values() if isinstance(value, np.ndarray)]
    large = max(value.size for value in apart) // 3 >= _LARGE_PX
    return _Call(feeds, bucket, apart[0].shape[0], large, Future())


def _alike(value: Feed) -> object:
    return value if isinstance(value, SharedInput) else (value.shape[1:], value.dtype.str)


def _sizes(bucket: Bucket) -> Bucket:
    """What of a bucket decides how much memory it takes; a kept value itself is not held on to."""
    return tuple(
        (name, (of.shape, of.dtype.str) if isinstance(of, SharedInput) else of) for name, of in bucket
    )


class BatchingRunner:
    """A runner whose waiting calls of one shape are joined along the batch axis. Satisfies `Runner`.

    Values that are kept are for all of a batch. most: pictures of a batch of several calls; one call with
    more goes in parts where its stage's batch axis asks for it. When the device runs out of memory the batch
    is halved, for that shape and from then on, and the work goes on; a single picture that is too much is
    OutOfDeviceMemory. An error of a joint call reaches all whose call it was. If the worker itself ends, all
    who wait and all who come get WorkerDied: nobody hangs.
    """

    def __init__(self, runner: Runner, most: int = 4) -> None:
        self._runner = runner
        self._most: dict[Bucket, int] = {}
        axis = runner.spec.axis(BATCH)
        self._usual_most = min(most, axis.high) if axis else most
        self._largest_call = axis.high if axis else None
        self._waiting: deque[_Call] = deque()
        self._in_hand: list[_Call] = []
        self._changed = threading.Condition()
        self._end: BaseException | None = None
        self._closed = False
        self._worker = threading.Thread(target=self._work, name=f"batch {runner.spec.stage}", daemon=True)
        self._worker.start()

    @property
    def spec(self) -> StageSpec:
        return self._runner.spec

    def run(self, feeds: Feeds, /) -> Fetches:
        call = _call(feeds)
        with self._changed:
            if self._end is not None or self._closed:
                raise WorkerDied(self.spec.stage, str(self._end or "it was closed")) from self._end
            self._waiting.append(call)
            self._changed.notify()
        return call.answer.result()

    def close(self) -> None:
        """End the worker when what waits is done."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._worker.join()

    def _work(self) -> None:
        try:
            while batch := self._next():
                self._answer(batch)
        except BaseException as error:  # noqa: BLE001 whatever ends the worker, those who wait must hear of it
            with self._changed:
                self._end = error
                for call in (*self._in_hand, *self._waiting):
                    if not call.answer.done():
                        call.answer.set_exception(WorkerDied(self.spec.stage, str(error)))
                self._waiting.clear()

    def _next(self) -> list[_Call]:
        """The call that has waited longest and those that can go with it; none when closed and done."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            if not self._waiting:
                return []
            first = self._waiting.popleft()
            batch = self._in_hand = [first]
            room = self._room(first) - first.size
            if not first.is_large:
                for call in list(self._waiting):
                    if call.bucket == first.bucket and call.size <= room:
                        self._waiting.remove(call)
                        batch.append(call)
                        room -= call.size
            return batch

    def _room(self, call: _Call) -> int:
        return self._most.get(_sizes(call.bucket), self._usual_most)

    def _answer(self, batch: list[_Call]) -> None:
        joined = {name: _joined([call.feeds[name] for call in batch]) for name in batch[0].feeds}
        try:
            found = self._in_parts(joined, _sizes(batch[0].bucket))
        except Exception as error:  # noqa: BLE001 it belongs to those who called, in their threads
            for call in batch:
                call.answer.set_exception(error)
            return
        start = 0
        for call in batch:
            own = slice(start, start + call.size)
            call.answer.set_result({name: value[own].copy() for name, value in found.items()})
            start += call.size

    def _in_parts(self, feeds: Feeds, bucket: Bucket) -> Fetches:
        """Run, in halves as often as memory asks for it."""
        size = next(value.shape[0] for value in feeds.values() if not isinstance(value, SharedInput))
        most = min(size, self._most.get(bucket, self._largest_call or size))
        try:
            parts = [
                self._runner.run({name: _part(value, k, most) for name, value in feeds.items()})
                for k in range(0, size, most)
            ]
        except OutOfDeviceMemory:
            if most == 1:
                raise
            self._most[bucket] = most // 2
            return self._in_parts(feeds, bucket)
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _joined(values: list[Feed]) -> Feed:
    """Along the batch axis; what is kept is the same in all."""
    apart = [value for value in values if isinstance(value, np.ndarray)]
    return np.concatenate(apart) if apart else values[0]


def _part(value: Feed, first: int, most: int) -> Feed:
    return value[first : first + most] if isinstance(value, np.ndarray) else value
