"""Log filter for messages that clients can cause as often as they like."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

_INTERVAL_S = 3600.0
"""Seconds in which a message is logged once. Hand-picked, not tuned."""

_MAX_MESSAGES = 200
"""Maximum number of different messages per interval. Hand-picked, not tuned: messages may contain numbers."""

_LOGGERS = ("asyncio", "uvicorn.error", "ecgdigit_rt.server.connections")
"""Loggers whose messages are filtered: those of the libraries, and those on connections."""


class RareLogFilter(logging.Filter):
    """Filter that passes each message once an hour, with the number of repetitions since the last time.

    Messages of one kind have the same first line, and their exceptions the same class and line of code.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._logged: dict[tuple[object, ...], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to log the record. Add the number of repetitions to its message."""
        if record.name not in _LOGGERS:
            return True
        key, now = _kind(record), self._clock()
        logged_at, repetitions = self._logged.get(key, (float("-inf"), 0))
        if now - logged_at < _INTERVAL_S:
            self._logged[key] = logged_at, repetitions + 1
            return False
        if key not in self._logged and len(self._logged) >= _MAX_MESSAGES:
            self._logged = {k: v for k, v in self._logged.items() if now - v[0] < _INTERVAL_S}
            if len(self._logged) >= _MAX_MESSAGES:
                return False
        self._logged[key] = now, 0
        more = f", {repetitions} more since the last message" if repetitions else ""
        record.msg, record.args = f"{record.getMessage().rstrip()}{more} (logged at most once an hour)", None
        return True


def _kind(record: logging.LogRecord) -> tuple[object, ...]:
    """Return what identifies messages of one kind."""
    kind, _, trace = record.exc_info or (None, None, None)
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = None if trace is None else (trace.tb_frame.f_code.co_filename, trace.tb_lineno)
    return record.name, record.getMessage().partition("\n")[0], kind, place
