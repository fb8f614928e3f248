"""Child processes: crashes, hangs, time limits and errors affect one call."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from ecgdigit_rt.child_process import Call, ChildProcess
from ecgdigit_rt.errors import PageCrashed, PageTimedOut, UnreadableImage, WorkerDied
from ecgdigit_rt.server.pool import RequestCancelled

HANG_S = 600.0


def _perform(action: str) -> int:
    """Perform an action in the child process, and return the id of the process."""
    if action == "crash":
        os.kill(os.getpid(), signal.SIGABRT)
    if action == "hang":
        time.sleep(HANG_S)
    if action == "raise":
        raise UnreadableImage(Path("a.png"), "it is damaged")
    return os.getpid()


def _open() -> Call:
    return _perform


def _fail_to_open() -> Call:
    os._exit(3)


def test_errors_crashes_and_hangs_affect_one_call() -> None:
    process = ChildProcess(_open)
    first = process.call("")
    with pytest.raises(UnreadableImage, match=r"a\.png"):
        process.call("raise")
    assert process.call("") == first != os.getpid()
    with pytest.raises(PageCrashed, match="SIGABRT"):
        process.call("crash")
    second = process.call("")
    with pytest.raises(PageTimedOut, match=r"0\.2 s"):
        process.call("hang", timeout_s=0.2)
    third = process.call("")
    assert len({first, second, third}) == 3

    def check() -> None:
        raise RequestCancelled

    with pytest.raises(RequestCancelled):
        process.call("hang", check=check)
    process.close()
    for ended in (first, second, third):
        with pytest.raises(ProcessLookupError):
            os.kill(ended, 0)


def test_a_process_that_cannot_start_is_reported() -> None:
    process = ChildProcess(_fail_to_open)
    with pytest.raises(WorkerDied, match="ended 3 times while it was starting"):
        process.start()
