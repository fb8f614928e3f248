"""Digitization in worker processes: all cores are busy, and a crash affects only the page in progress.

Threads of one process wait for each other, because Python code runs in only one of them at a time. Processes
do not. The memory for decoding a page is limited in worker processes (`Digitizer`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from ecgdigit_engine.memory import available_memory
from ecgdigit_rt.child_process import ChildProcess
from ecgdigit_rt.errors import DeviceLost, PageCrashed, PageTimedOut
from ecgdigit_rt.ordered_map import ordered_map
from ecgdigit_rt.results import PageRef, Result, failed_from_error

if TYPE_CHECKING:
    from ecgdigit_rt.digitizer import Digitizer

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
        self._process, self._timeout_s = ChildProcess(open_digitizer), timeout_s

    def digitize(self, page: PageRef, sent: object = None) -> Result:
        """Return the result of a page. `sent` is passed to the page digitizer, by default the page itself.

        The result is `Failed` after a crash or timeout, if memory runs out, or if a GPU stops working. Raises
        WorkerDied if the process repeatedly fails to start.
        """
        try:
            result: Result = self._process.call(page if sent is None else sent, self._timeout_s)
        except (PageTimedOut, PageCrashed, MemoryError) as error:
            return failed_from_error(page, error)
        except DeviceLost as error:  # a new process can use the GPU again
            self._process.close()
            return failed_from_error(page, error)
        return result

    def close(self) -> None:
        """End the process after its current page. Wait for its end."""
        self._process.close()
