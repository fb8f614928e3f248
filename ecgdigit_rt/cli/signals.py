"""Ctrl-C and SIGTERM ask a run to stop: once, and it ends with the pages in work; twice, and at once."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread

INTERRUPTED = 130
_STDERR = 2  # itself: what a signal interrupts may be a write to Python's stream
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def stop_signals() -> Iterator[Callable[[], bool]]:
    """Give a function that says whether the run is to stop.

    A second signal ends the process where it stands, as any kill may: what was noted stays.
    """
    asked: list[int] = []

    def note(number: int, _: object) -> None:
        if asked:
            os._exit(INTERRUPTED)
        asked.append(number)
        os.write(_STDERR, b"stopping with the pages in work; once more ends at once\n")

    if current_thread() is not main_thread():  # where Python takes no signals
        yield lambda: False
        return
    before = [signal.signal(number, note) for number in _SIGNALS]
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in zip(_SIGNALS, before, strict=True):
            signal.signal(number, handler)
