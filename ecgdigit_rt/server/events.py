"""Stream of server-sent events from a worker thread to the client."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

from ecgdigit_rt.errors import EcgDigitError, RequestTimedOut, named_error
from ecgdigit_rt.server.pool import Slot
from ecgdigit_rt.server.problems import problem_from_error

_KEEP_ALIVE_S = 10.0
"""Seconds without an event after which a comment is sent to detect a closed connection. Hand-picked, not
tuned."""

_KEEP_ALIVE = b": waiting\n\n"


class EventStream:
    """Queue of events between two threads.

    The worker thread adds events with `emit`. The event loop yields them with `until_done`.
    """

    def __init__(self, slot: Slot, timeout_s: float) -> None:
        self._slot, self._timeout_s = slot, timeout_s
        self._end = time.monotonic() + timeout_s
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue()

    def emit(self, name: str, data: str) -> None:
        """Add an event. `data` is JSON on one line. Thread-safe."""
        self._loop.call_soon_threadsafe(self._queue.put_nowait, _event(name, data))

    async def until_done(self, work: asyncio.Future[Any]) -> AsyncIterator[bytes]:
        """Yield the event `waiting`, and then the added events until the work is done.

        If the work fails or exceeds the time limit, the last event is `problem`. While no event is added, a
        comment is sent every few seconds to detect a client that has disconnected. If the iteration ends
        early, the work is cancelled.
        """
        work.add_done_callback(lambda _: self._queue.put_nowait(None))
        yield _event("waiting", "{}")
        try:
            while True:
                left_s = self._end - time.monotonic()
                if left_s <= 0:
                    yield _problem(RequestTimedOut(self._timeout_s))
                    return
                try:
                    event = await asyncio.wait_for(self._queue.get(), min(_KEEP_ALIVE_S, left_s))
                except TimeoutError:
                    yield _KEEP_ALIVE
                    continue
                if event is None:
                    break
                yield event
            error = work.exception()
            if error is not None:
                yield _problem(named_error(error))
        finally:
            self._slot.cancel()


def _event(name: str, data: str) -> bytes:
    return f"event: {name}\ndata: {data}\n\n".encode()


def _problem(error: EcgDigitError) -> bytes:
    return _event("problem", problem_from_error(error).model_dump_json(exclude_none=True))
