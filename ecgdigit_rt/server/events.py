"""Server-sent events of one page, from a worker's thread to its client."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

from ecgdigit_rt.errors import EcgDigitError, PageTookTooLong
from ecgdigit_rt.server.pool import Slot
from ecgdigit_rt.server.problems import problem_from_error
from ecgdigit_rt.server.timeouts import named

_ALIVE_S = 10.0
_ALIVE = b": waiting\n\n"


class Events:
    """A queue that a thread fills (`tell`) and the event loop empties (`until`)."""

    def __init__(self, place: Slot, timeout_s: float) -> None:
        self._place, self._timeout_s = place, timeout_s
        self._end = time.monotonic() + timeout_s
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue()

    def tell(self, name: str, data: str) -> None:
        """Called from any thread. data: JSON in one line."""
        self._loop.call_soon_threadsafe(self._queue.put_nowait, _event(name, data))

    async def until(self, work: asyncio.Future[Any]) -> AsyncIterator[bytes]:
        """Events until the work is done, and its `problem` where it failed or took too long.

        A comment now and then finds out whether the client is still there; where it is not, the work ends.
        """
        work.add_done_callback(lambda _: self._queue.put_nowait(None))
        yield _event("waiting", "{}")
        try:
            while True:
                left_s = self._end - time.monotonic()
                if left_s <= 0:
                    yield _problem(PageTookTooLong(self._timeout_s))
                    return
                try:
                    event = await asyncio.wait_for(self._queue.get(), min(_ALIVE_S, left_s))
                except TimeoutError:
                    yield _ALIVE
                    continue
                if event is None:
                    break
                yield event
            error = work.exception()
            if error is not None:
                yield _problem(named(error))
        finally:
            self._place.leave()


def _event(name: str, data: str) -> bytes:
    return f"event: {name}\ndata: {data}\n\n".encode()


def _problem(error: EcgDigitError) -> bytes:
    return _event("problem", problem_from_error(error).model_dump_json(exclude_none=True))
