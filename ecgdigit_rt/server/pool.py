"""Pool of worker threads with a bounded queue."""

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
    """Raised by `Slot.check` after a request was cancelled.

    A request is cancelled if its client disconnects or its time limit passes.
    """


class Slot:
    """Capacity of the pool that one admitted request occupies.

    The slot is released when the work of the request ends, or when the request is cancelled before its work
    starts.

    `wait_s` is the time in seconds from the call of `start` until a thread begins the work.
    """

    def __init__(self, executor: ThreadPoolExecutor, release: Callable[[], None]) -> None:
        self._executor, self._release_slot = executor, release
        self._cancelled = threading.Event()
        self._work: Future[Any] | None = None
        self._is_released = False
        self.wait_s = 0.0

    def start(self, work: Callable[[], T]) -> asyncio.Future[T]:
        """Submit the work to the pool and return its result as a future.

        The slot is released when the work ends.
        """
        loop, submitted = asyncio.get_running_loop(), time.perf_counter()

        def run() -> T:
            self.wait_s = time.perf_counter() - submitted
            self.check()
            return work()

        future = self._executor.submit(run)
        self._work = future
        future.add_done_callback(lambda _: loop.call_soon_threadsafe(self._release))
        result = asyncio.wrap_future(future)
        result.add_done_callback(_retrieve_exception)
        return result

    def check(self) -> None:
        """Raise RequestCancelled if the request has been cancelled. The work calls this between steps."""
        if self._cancelled.is_set():
            raise RequestCancelled

    def cancel(self) -> None:
        """Cancel the request. Work in progress ends at its next `check`. Work that still waits never starts.

        After the work has ended, this has no effect.
        """
        self._cancelled.set()
        if self._work is None:
            self._release()
        else:
            self._work.cancel()

    def _release(self) -> None:
        if not self._is_released:
            self._is_released = True
            self._release_slot()


def _retrieve_exception(result: asyncio.Future[Any]) -> None:
    """Mark the exception of the work as retrieved.

    Otherwise asyncio would log the message of the exception, which may contain text from the page.
    """
    if not result.cancelled():
        result.exception()


class WorkerPool:
    """Pool of `workers` threads that admits up to `workers + queue` requests.

    All calls of `admit` must come from the same event loop.
    """

    def __init__(self, workers: int, queue: int) -> None:
        self.workers, self._capacity = workers, workers + queue
        self._executor = ThreadPoolExecutor(workers, thread_name_prefix="page")
        self._in_flight = 0

    @property
    def in_flight(self) -> int:
        """Number of occupied slots: requests in progress, waiting, or still sending their page."""
        return self._in_flight

    @property
    def is_full(self) -> bool:
        """True if the next request would be rejected."""
        return self._in_flight >= self._capacity

    def admit(self) -> Slot:
        """Return a slot for a request whose page has not been received yet. Raises ServiceBusy."""
        if self.is_full:
            raise ServiceBusy(self._capacity)
        self._in_flight += 1
        return Slot(self._executor, self._release)

    def _release(self) -> None:
        self._in_flight -= 1

    def close(self) -> None:
        """Cancel work that has not started, and wait for work in progress."""
        self._executor.shutdown(wait=True, cancel_futures=True)
