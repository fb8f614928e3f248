"""Who works on pages: a fixed number of threads, and a fixed number of places to wait."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from ecgdigit_rt.errors import ServiceBusy

T = TypeVar("T")


class RequestCancelled(Exception):
    """The client left or the time is over: raised between two steps of a page."""


class Slot:
    """One request's place, from its admission until nothing works for it any more."""

    def __init__(self, pool: ThreadPoolExecutor, free: Callable[[], None]) -> None:
        self._pool, self._free = pool, free
        self._left = threading.Event()
        self._work: Future[Any] | None = None
        self._is_free = False
        self.wait_s = 0.0

    def start(self, work: Callable[[], T]) -> asyncio.Future[T]:
        """Hand the work to the next free thread. The place is free again when the work has ended."""
        loop, admitted = asyncio.get_running_loop(), time.perf_counter()

        def begun() -> T:
            self.wait_s = time.perf_counter() - admitted
            self.check()
            return work()

        future = self._pool.submit(begun)
        self._work = future
        future.add_done_callback(lambda _: loop.call_soon_threadsafe(self._release))
        answer = asyncio.wrap_future(future)
        answer.add_done_callback(_heard)
        return answer

    def check(self) -> None:
        """Called from the work, between steps. Raises GivenUp where nobody waits for it any more."""
        if self._left.is_set():
            raise RequestCancelled

    def leave(self) -> None:
        """Nobody waits any more. Work that has not begun never will; work in progress ends at a step."""
        self._left.set()
        if self._work is None:
            self._release()
        else:
            self._work.cancel()

    def _release(self) -> None:
        if not self._is_free:
            self._is_free = True
            self._free()


def _heard(answer: asyncio.Future[Any]) -> None:
    """asyncio would log, with its text, an error that nobody waits for any more."""
    if not answer.cancelled():
        answer.exception()


class WorkerPool:
    """`workers` threads and `queue` places to wait. Belongs to one event loop."""

    def __init__(self, workers: int, queue: int) -> None:
        self.workers, self._places = workers, workers + queue
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="page")
        self._taken = 0

    @property
    def taken(self) -> int:
        """Requests that have a place: in work, waiting, or still sending their page."""
        return self._taken

    @property
    def is_full(self) -> bool:
        return self._taken >= self._places

    def place(self) -> Slot:
        """A place for one request, taken before its page is received. Raises ServiceBusy."""
        if self.is_full:
            raise ServiceBusy(self._places)
        self._taken += 1
        return Slot(self._pool, self._free)

    def _free(self) -> None:
        self._taken -= 1

    def close(self) -> None:
        """Wait for the pages in work."""
        self._pool.shutdown(wait=True, cancel_futures=True)
