"""Child process that calls one function, and that is replaced after a crash, a hang or a shortage of memory.

A crash in native code or the system's out-of-memory killer ends a process without a Python exception. Code
that hangs can only be stopped by ending its process. The process is managed by a `ProcessPoolExecutor` with a
single process. The executor starts the process, transfers arguments and results, and reports when the process
has ended.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from threading import Thread
from typing import Any

from ecgdigit_rt.decode.memory_limit import has_grown
from ecgdigit_rt.errors import PageCrashed, PageTimedOut, WorkerDied

_MAX_STARTS = 3
"""Maximum number of attempts to start a process. It is more than one, because a memory shortage may be
temporary. Hand-picked, not tuned."""

_POLL_S = 0.25
"""Interval in seconds in which a caller that waits for a result checks whether to go on. Hand-picked, not
tuned."""

_WORN = "process_is_worn"  # attribute of an exception after which its process should be replaced

Call = Callable[[Any], Any]
"""Function that the child process calls. Its argument and its result must be picklable."""


def _always() -> None:
    """Go on waiting."""


class ChildProcess:
    """Process that answers one call at a time. Only one thread at a time may use this object.

    The process is started for the first call. If the process has ended, a new one is started for the next
    call.
    """

    def __init__(self, open_call: Callable[[], Call]) -> None:
        """`open_call` is called in each new process, and returns the function that answers the calls."""
        self._open_call = open_call
        self._pool: ProcessPoolExecutor | None = None
        self._process: BaseProcess | None = None

    def call(
        self, argument: object, timeout_s: float | None = None, check: Callable[[], None] = _always
    ) -> Any:  # noqa: ANN401 whatever the function returns
        """Return the result of the function for `argument`.

        `check` is called several times per second. If it raises an exception, the process is ended, and the
        exception is raised. The time limit `timeout_s` does not include the start of the process. Raises
        PageTimedOut, PageCrashed if the process ends, WorkerDied if it repeatedly fails to start, and what
        the function raises.
        """
        future = self._submit(argument)
        try:
            self._wait(future, timeout_s, check)
        except BaseException:
            self.close(kill=True)
            raise
        try:
            result, is_worn = future.result()
        except BrokenProcessPool as error:
            raise PageCrashed(self._clean_up_after_crash()) from error
        except Exception as error:
            if isinstance(error, MemoryError) or getattr(error, _WORN, False):
                self.close()
            raise
        if is_worn:
            self.close()
        return result

    def start(self) -> None:
        """Start the process before its first call. Raises WorkerDied."""
        if self._pool is None:
            self._start_repeatedly()

    def close(self, *, kill: bool = False) -> None:
        """End the process after its current call, or immediately if `kill` is true. Wait for its end."""
        if kill and self._process is not None:
            self._process.kill()
        if self._pool is not None:
            self._pool.shutdown()
        self._pool = None

    def _wait(self, future: Future[Any], timeout_s: float | None, check: Callable[[], None]) -> None:
        end = None if timeout_s is None else time.monotonic() + timeout_s
        while not future.done():
            check()
            left_s = _POLL_S if end is None else end - time.monotonic()
            if left_s <= 0:
                raise PageTimedOut(timeout_s or 0.0)
            wait([future], min(left_s, _POLL_S))

    def _submit(self, argument: object) -> Future[Any]:
        """Start the process if necessary, and submit a call. Raises WorkerDied."""
        if self._pool is not None:
            try:
                return self._pool.submit(_call, argument)
            except BrokenProcessPool:  # the process ended between two calls, so no call has failed
                self.close()
        return self._start_repeatedly().submit(_call, argument)

    def _start_repeatedly(self) -> ProcessPoolExecutor:
        for _ in range(_MAX_STARTS):
            try:
                return self._start()
            except BrokenProcessPool:
                self.close()
        raise WorkerDied("The worker process", f"it ended {_MAX_STARTS} times while it was starting")

    def _start(self) -> ProcessPoolExecutor:
        """Start a process and wait until its function is open. Raises BrokenProcessPool."""
        self._pool = pool = ProcessPoolExecutor(
            1, multiprocessing.get_context("spawn"), initializer=_open, initargs=(self._open_call,)
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


_open_calls: list[Call] = []
"""Contains the function of this child process. Empty until the function is open."""


def _open(open_call: Callable[[], Call]) -> None:
    """Initialize a child process: open its function."""
    Thread(target=_exit_with_parent, daemon=True).start()
    _open_calls.append(open_call())


def _exit_with_parent() -> None:
    """Exit when the parent process ends, so that a killed run leaves no child process behind."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _call(argument: object) -> tuple[Any, bool]:
    """Return the result of the function, and whether this process should be replaced. In a child process."""
    try:
        return _open_calls[0](argument), has_grown()
    except Exception as error:
        setattr(error, _WORN, has_grown())
        raise
