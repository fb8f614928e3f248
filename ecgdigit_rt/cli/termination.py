"""End of a command: exit codes, and the signals that stop a run."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread

BAD_ARGUMENTS = 1
SOME_FAILED = 2
SETUP_INCOMPLETE = 3
INTERRUPTED = 130
"""Exit codes. Errors have their own in `exit_code`; docs/cli.md lists all."""

_STDERR = 2  # the descriptor: the signal may have interrupted a write to Python's stream
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def stop_signals() -> Iterator[Callable[[], bool]]:
    """Return a function that is true after Ctrl-C or SIGTERM, so that a run can finish its current pages.

    A second signal ends the process at once. The pages in the journal stay done.
    """
    received: list[int] = []

    def on_signal(number: int, _: object) -> None:
        if received:
            os._exit(INTERRUPTED)
        received.append(number)
        os.write(_STDERR, b"stopping after the current pages. A second signal stops at once\n")

    if current_thread() is not main_thread():  # Python delivers signals to the main thread alone
        yield lambda: False
        return
    before = [signal.signal(number, on_signal) for number in _SIGNALS]
    try:
        yield lambda: bool(received)
    finally:
        for number, handler in zip(_SIGNALS, before, strict=True):
            signal.signal(number, handler)
