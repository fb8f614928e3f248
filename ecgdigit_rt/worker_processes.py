"""Digitization in worker processes: all cores are busy, and a crash affects only the page in progress.

Threads of one process wait for each other, because Python code runs in only one of them at a time. Processes
do not. A crash in native code or the system's out-of-memory killer ends a process without a Python exception.
Each worker process is managed by a `ProcessPoolExecutor` with a single process. The executor starts the
process, transfers pages and results, and reports when the process has ended.
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
from typing import TYPE_CHECKING, Any

from ecgdigit_engine.memory import available_memory
from ecgdigit_rt.errors import DeviceLost, PageCrashed, PageTimedOut, WorkerDied
from ecgdigit_rt.ordered_map import ordered_map
from ecgdigit_rt.results import PageRef, Result, failed_from_error

if TYPE_CHECKING:
    from ecgdigit_rt.digitizer import Digitizer

_MAX_STARTS = 3
"""Maximum number of attempts to start a worker process. It is more than one, because a memory shortage may be
temporary. Hand-picked, not tuned."""

_MIN_WORKERS = 3
"""Minimum number of workers by default. A page holds the interpreter lock for about a fifth of its time.
Two threads hardly wait for it: on two cores, threads of one process digitize 3.2 pages per second, and two
processes 3.6, with 0.4 GB more memory."""
_MIN_PAGES_PER_WORKER = 10
"""Minimum number of pages per worker from which a run uses worker processes by default, because a process
takes one to two seconds to start."""
_WORKER_BYTES = 6e8  # memory of a worker that digitizes scans of A4

DigitizePage = Callable[[Any], Result]
"""Page digitizer: a function that digitizes one page, such as a `PageRef`. Pages are sent to worker
processes, so they must be picklable."""
OpenPageDigitizer = Callable[[int], DigitizePage]
"""Function that returns a page digitizer with the given number of threads. It is sent to worker processes, so
it must be picklable."""


def worker_count(requested: int | None, digitizer: Digitizer, pages: int, *, isolate: bool) -> int:
    """Return the number of worker processes of a run, or 0 if its pages are digitized in this process.

    `requested` is the number that the user specified, if any. With `isolate` there is at least one. By
    default, long runs on a CPU with several cores use one process per thread, or fewer if there is too little
    memory. A GPU is fed by the threads of one process.
    """
    if requested is not None:
        count = min(requested, pages)
        return count if count > 1 else int(isolate)
    parallel = digitizer.threads // digitizer.network_threads(pages)
    memory = available_memory()
    if memory is not None:
        parallel = min(parallel, int(memory / _WORKER_BYTES))
    if isolate:
        return max(1, parallel)
    is_worth_it = parallel >= _MIN_WORKERS and pages >= _MIN_PAGES_PER_WORKER * parallel
    return parallel if is_worth_it and not digitizer.is_accelerated else 0


class ProcessDigitizer:
    """Digitizer that digitizes pages in `workers` processes.

    The results equal those of `Digitizer`, except that a page whose process crashes or exceeds the time limit
    gives `Failed`. Satisfies `ecgdigit_rt.runs.jobs.PageDigitizer`.
    """

    def __init__(
        self, open_digitizer: OpenPageDigitizer, workers: int, timeout_s: float | None = None
    ) -> None:
        """`open_digitizer` is called in each process. `timeout_s` is the time limit per page, if any."""
        self._open_digitizer, self._workers, self._timeout_s = open_digitizer, workers, timeout_s

    def digitize_many(self, pages: Iterable[PageRef], network_threads: int) -> Iterator[Result]:
        """Yield one result per page, in the same order. The result of a failed page is `Failed`.

        Raises WorkerDied if a worker process repeatedly fails to start, or SetupError if it opens no network.
        """
        return self.digitize_all(((page, page) for page in pages), network_threads)

    def digitize_all(self, pages: Iterable[tuple[PageRef, Any]], network_threads: int) -> Iterator[Result]:
        """Yield one result per page as `digitize_many` does. A page is its reference and what is sent."""
        workers = [
            WorkerProcess(partial(self._open_digitizer, network_threads), self._timeout_s)
            for _ in range(self._workers)
        ]
        idle: SimpleQueue[WorkerProcess] = SimpleQueue()
        for worker in workers:
            idle.put(worker)

        def digitize(page: tuple[PageRef, Any]) -> Result:
            worker = idle.get()
            try:
                return worker.digitize(*page)
            finally:
                idle.put(worker)

        try:
            yield from ordered_map(digitize, pages, self._workers)
        finally:
            for worker in workers:
                worker.close()


class WorkerProcess:
    """Worker process that digitizes one page at a time. Only one thread at a time may use this object.

    The process is started for the first page. If the process has ended, a new one is started for the next
    page.
    """

    def __init__(self, open_digitizer: Callable[[], DigitizePage], timeout_s: float | None) -> None:
        self._open_digitizer, self._timeout_s = open_digitizer, timeout_s
        self._pool: ProcessPoolExecutor | None = None
        self._process: BaseProcess | None = None

    def digitize(self, page: PageRef, sent: object = None) -> Result:
        """Return the result of a page. `sent` is passed to the page digitizer, by default the page itself.

        The result is `Failed` after a crash or timeout, if memory runs out, or if a GPU stops working. Raises
        WorkerDied if the process repeatedly fails to start.
        """
        result = self._submit(page if sent is None else sent)
        try:
            return result.result(self._timeout_s)
        except TimeoutError:
            limit_s = self._timeout_s or 0.0
            self.close(kill=True)
            return failed_from_error(page, PageTimedOut(limit_s))
        except BrokenProcessPool:
            return failed_from_error(page, PageCrashed(self._clean_up_after_crash()))
        except MemoryError as error:  # the process had enough memory left to raise an exception
            return failed_from_error(page, error)
        except DeviceLost as error:  # a new process can use the GPU again
            self.close()
            return failed_from_error(page, error)

    def close(self, *, kill: bool = False) -> None:
        """End the process after its current page, or immediately if `kill` is true. Wait for its end."""
        if kill and self._process is not None:
            self._process.kill()
        if self._pool is not None:
            self._pool.shutdown()
        self._pool = None

    def _submit(self, page: object) -> Future[Result]:
        """Start the process if necessary, and submit a page to it. Raises WorkerDied."""
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
        raise WorkerDied("The worker process", f"it ended {_MAX_STARTS} times while loading the networks")

    def _start(self) -> ProcessPoolExecutor:
        """Start a process and wait until its digitizer is open.

        The start does not count towards the time limit of the page. Raises BrokenProcessPool.
        """
        self._pool = pool = ProcessPoolExecutor(
            1, multiprocessing.get_context("spawn"), initializer=_open, initargs=(self._open_digitizer,)
        )
        with _blocked_stop_signals():
            pid = pool.submit(os.getpid)
        children = {child.pid: child for child in multiprocessing.active_children()}
        self._process = children.get(pid.result())
        return pool

    def _clean_up_after_crash(self) -> str:
        """Close the pool of a process that has crashed, and return its signal or exit code as text."""
        self.close()
        if self._process is None:
            return "unknown reason"
        self._process.join()
        code = self._process.exitcode or 0
        return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


@contextmanager
def _blocked_stop_signals() -> Iterator[None]:
    """Block SIGINT and SIGTERM while a process is started.

    The new process inherits the signal mask. These signals therefore do not end it, and it can finish its
    page when the user stops the run.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_open_digitizers: list[DigitizePage] = []
"""Contains the page digitizer of this worker process. Empty until the digitizer is open."""


def _open(open_digitizer: Callable[[], DigitizePage]) -> None:
    """Initialize a worker process: open its page digitizer."""
    Thread(target=_exit_with_parent, daemon=True).start()
    _open_digitizers.append(open_digitizer())


def _exit_with_parent() -> None:
    """Exit when the parent process ends, so that a killed run leaves no worker process behind."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _digitize(page: object) -> Result:
    """Digitize a page. Called in a worker process."""
    return _open_digitizers[0](page)
