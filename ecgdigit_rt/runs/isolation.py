"""Pages read in processes of their own: what ends one of them costs the page that was in it.

A crash in native code or the system's memory killer ends a process, and no `except` sees it. Each worker
is a pool of one process, which the standard library starts, feeds and buries.
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

_STARTS = 3
"""So often a process is started that ends before it has a page: memory may be short for a moment."""

ReadPage = Callable[[PageRef], Result]
OpenReader = Callable[[int], ReadPage]
"""Gives what reads pages with so many threads. It is sent to a process, so it stands in a module."""


class IsolatedPages:
    """Reads as many pages at the same time as a `Digitizer` with so many threads, and as that does.

    open_reader: called once in each process. timeout_s: a page that takes longer is given up.
    Satisfies `ecgdigit_rt.runs.jobs.PageDigitizer`. Raises WorkerDied where a process ends before it has a page.
    """

    def __init__(self, open_reader: OpenReader, threads: int, timeout_s: float | None = None) -> None:
        self._open_reader, self._threads, self._timeout_s = open_reader, threads, timeout_s

    def digitize_many(self, pages: Iterable[PageRef], network_threads: int) -> Iterator[Result]:
        """One result per page, in the same order. A page's failure is its result."""
        count = max(1, self._threads // network_threads)
        workers = [
            PageProcess(partial(self._open_reader, network_threads), self._timeout_s) for _ in range(count)
        ]
        idle: SimpleQueue[PageProcess] = SimpleQueue()
        for worker in workers:
            idle.put(worker)

        def read(page: PageRef) -> Result:
            worker = idle.get()
            try:
                return worker.read(page)
            finally:
                idle.put(worker)

        try:
            yield from ordered_map(read, pages, count)
        finally:
            for worker in workers:
                worker.close()


class PageProcess:
    """One process, started with its first page and again after it ended.

    Used by one thread at a time. Raises WorkerDied where it ends before it has a page.
    """

    def __init__(self, open_reader: Callable[[], ReadPage], timeout_s: float | None) -> None:
        self._open_reader, self._timeout_s = open_reader, timeout_s
        self._pool: ProcessPoolExecutor | None = None
        self._process: BaseProcess | None = None

    def read(self, page: PageRef) -> Result:
        result = self._begun(page)
        try:
            return result.result(self._timeout_s)
        except TimeoutError:
            limit_s = self._timeout_s or 0.0
            self.close(kill=True)
            return failed_from_error(page, PageTimedOut(limit_s))
        except BrokenProcessPool:
            return failed_from_error(page, PageCrashed(self._ending()))
        except MemoryError as error:  # where the process had room to say so
            return failed_from_error(page, error)

    def close(self, *, kill: bool = False) -> None:
        if kill and self._process is not None:
            self._process.kill()
        if self._pool is not None:
            self._pool.shutdown()
        self._pool = None

    def _begun(self, page: PageRef) -> Future[Result]:
        if self._pool is not None:
            try:
                return self._pool.submit(_read, page)
            except BrokenProcessPool:  # it ended between two pages, which is no page's fault
                self.close()
        for _ in range(_STARTS):
            try:
                return self._started().submit(_read, page)
            except BrokenProcessPool:
                self.close()
        raise WorkerDied("isolated pages", f"{_STARTS} processes ended while they loaded the networks")

    def _started(self) -> ProcessPoolExecutor:
        """A process that has opened its reader, so that a page's time is its own."""
        self._pool = pool = ProcessPoolExecutor(
            1, multiprocessing.get_context("spawn"), initializer=_open, initargs=(self._open_reader,)
        )
        with _signals_for_us_alone():
            number = pool.submit(os.getpid)
        children = {child.pid: child for child in multiprocessing.active_children()}
        self._process = children.get(number.result())
        return pool

    def _ending(self) -> str:
        """How the process ended, in words; the next page gets a new one."""
        self.close()
        if self._process is None:
            return "it ended"
        self._process.join()
        code = self._process.exitcode or 0
        return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


@contextmanager
def _signals_for_us_alone() -> Iterator[None]:
    """A process started inside never sees Ctrl-C and SIGTERM: it reads its page to the end."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_reader: list[ReadPage] = []
"""This worker's reader: the one thing that a process keeps from page to page."""


def _open(open_reader: Callable[[], ReadPage]) -> None:
    Thread(target=_end_with_parent, daemon=True).start()
    _reader.append(open_reader())


def _end_with_parent() -> None:
    """A run that was killed leaves no process behind."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _read(page: PageRef) -> Result:
    return _reader[0](page)
