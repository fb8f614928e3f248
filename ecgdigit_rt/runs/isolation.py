"""Digitization in worker processes: if a process ends unexpectedly, only the page in progress fails.

A crash in native code or the system's out-of-memory killer ends a process without a Python exception. Each
worker is a `ProcessPoolExecutor` of one process. The standard library starts the process, passes pages and
results, and detects its end.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from multiprocessing.process import BaseProcess
from queue import SimpleQueue
from threading import Thread

from ecgdigit_rt.errors import PageCrashed, PageTimedOut, WorkerDied
from ecgdigit_rt.ordered_map import ordered_map
from ecgdigit_rt.results import PageRef, Result, failed_from_error

_MAX_STARTS = 3
"""Maximum number of attempts to start a process that ends before its first page, because memory may be short
temporarily. Hand-picked, not tuned."""

DigitizePage = Callable[[PageRef], Result]
OpenPageDigitizer = Callable[[int], DigitizePage]
"""Function that opens a page digitizer with a number of threads. It is pickled, so it must be importable."""


class IsolatedDigitizer:
    """Digitizer that runs every page in a worker process.

    The number of workers equals the number of pages that a `Digitizer` with the same `threads` digitizes in
    parallel. The results are the same. Satisfies `ecgdigit_rt.runs.jobs.PageDigitizer`.
    """

    def __init__(
        self, open_digitizer: OpenPageDigitizer, threads: int, timeout_s: float | None = None
    ) -> None:
        """`open_digitizer` is called once per process. `timeout_s` is the time limit per page."""
        self._open_digitizer, self._threads, self._timeout_s = open_digitizer, threads, timeout_s

    def digitize_many(self, pages: Iterable[PageRef], network_threads: int) -> Iterator[Result]:
        """Yield one result per page, in the same order. The result of a failed page is `Failed`.

        Raises WorkerDied if a process ends before its first page.
        """
        count = max(1, self._threads // network_threads)
        workers = [
            WorkerProcess(partial(self._open_digitizer, network_threads), self._timeout_s)
            for _ in range(count)
        ]
        idle: SimpleQueue[WorkerProcess] = SimpleQueue()
        for worker in workers:
            idle.put(worker)

        def digitize(page: PageRef) -> Result:
            worker = idle.get()
            try:
                return worker.digitize(page)
            finally:
                idle.put(worker)

        try:
            yield from ordered_map(digitize, pages, count)
        finally:
            for worker in workers:
                worker.close()


class WorkerProcess:
    """Process that digitizes one page at a time. Only one thread at a time may use it.

    The process is started for its first page, and started again after it has ended.
    """

    def __init__(self, open_digitizer: Callable[[], DigitizePage], timeout_s: float | None) -> None:
        self._open_digitizer, self._timeout_s = open_digitizer, timeout_s
        self._pool: ProcessPoolExecutor | None = None
        self._process: BaseProcess | None = None

    def digitize(self, page: PageRef) -> Result:
        """Return the result of a page, which is `Failed` after a crash or a timeout.

        Raises WorkerDied if the process repeatedly ends before it receives a page.
        """
        result = self._submit(page)
        try:
            return result.result(self._timeout_s)
        except TimeoutError:
            limit_s = self._timeout_s or 0.0
            self.close(kill=True)
            return failed_from_error(page, PageTimedOut(limit_s))
        except BrokenProcessPool:
            return failed_from_error(page, PageCrashed(self._exit_reason()))
        except MemoryError as error:  # the process had enough memory left to raise an exception
            return failed_from_error(page, error)

    def close(self, *, kill: bool = False) -> None:
        """End the process after its current page, or immediately if `kill`."""
        if kill and self._process is not None:
            self._process.kill()
        if self._pool is not None:
            self._pool.shutdown()
        self._pool = None

    def _submit(self, page: PageRef) -> Future[Result]:
        """Pass a page to the process, which is started if necessary."""
        if self._pool is not None:
            try:
                return self._pool.submit(_digitize, page)
            except BrokenProcessPool:  # the process ended between two pages, so no page has failed
                self.close()
        for _ in range(_MAX_STARTS):
            try:
                return self._start().submit(_digitize, page)
            except BrokenProcessPool:
                self.close()
        raise WorkerDied("isolated pages", f"{_MAX_STARTS} processes ended while loading the networks")

    def _start(self) -> ProcessPoolExecutor:
        """Start a process and wait until its digitizer is open. The time limit of a page excludes this."""
        self._pool = pool = ProcessPoolExecutor(
            1, multiprocessing.get_context("spawn"), initializer=_open, initargs=(self._open_digitizer,)
        )
        with _blocked_stop_signals():
            pid = pool.submit(os.getpid)
        children = {child.pid: child for child in multiprocessing.active_children()}
        self._process = children.get(pid.result())
        return pool

    def _exit_reason(self) -> str:
        """Clean up after the process has ended, and describe how it ended.

        The next page starts a new process.
        """
        self.close()
        if self._process is None:
            return "unknown reason"
        self._process.join()
        code = self._process.exitcode or 0
        return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


@contextmanager
def _blocked_stop_signals() -> Iterator[None]:
    """Block Ctrl-C and SIGTERM in processes that are started inside, so that they can finish their page."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_digitizer: list[DigitizePage] = []
"""Digitizer of this worker process, empty until it is open."""


def _open(open_digitizer: Callable[[], DigitizePage]) -> None:
    """Initialize a worker process."""
    Thread(target=_exit_with_parent, daemon=True).start()
    _digitizer.append(open_digitizer())


def _exit_with_parent() -> None:
    """Exit when the parent ends, so that a killed run leaves no process behind."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _digitize(page: PageRef) -> Result:
    """Digitize a page in a worker process."""
    return _digitizer[0](page)
