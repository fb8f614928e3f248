"""Time limits, detection of disconnected clients, and counting of failed pages."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect, Request

from ecgdigit_rt.errors import EcgDigitError, InternalError, RequestTimedOut, named_error
from ecgdigit_rt.server.metrics import Metrics
from ecgdigit_rt.server.pool import RequestCancelled

T = TypeVar("T")
log = logging.getLogger("ecgdigit_rt.server")


@asynccontextmanager
async def deadline(seconds: float) -> AsyncIterator[None]:
    """Raise RequestTimedOut if the block takes longer than `seconds`."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except EcgDigitError:  # some of them are also TimeoutErrors
        raise
    except TimeoutError as error:
        raise RequestTimedOut(seconds) from error


async def wait_or_disconnect(work: asyncio.Future[T], request: Request) -> T:
    """Return the result of the work. Raises ClientDisconnect if the client disconnects first.

    If the work fails, its exception is raised as an error with an id.
    """
    disconnect = asyncio.create_task(_wait_for_disconnect(request))
    try:
        await asyncio.wait((work, disconnect), return_when=asyncio.FIRST_COMPLETED)
    finally:
        disconnect.cancel()
    if not work.done():
        raise ClientDisconnect
    error = work.exception()
    if error is not None:
        raise named_error(error) from error
    return work.result()


def count_failure(work: asyncio.Future[Any], metrics: Metrics) -> None:
    """Count the page when its work fails or is cancelled. `PageHandler` counts the pages that succeed."""

    def count(done: asyncio.Future[Any]) -> None:
        error = None if done.cancelled() else done.exception()
        if done.cancelled() or isinstance(error, RequestCancelled):
            metrics.count_page("cancelled")
        elif error is not None:
            metrics.count_page("failed", named_error(error).id)
            _log_unexpected(error)

    work.add_done_callback(count)


def _log_unexpected(error: BaseException) -> None:
    """Log the class and traceback of an unexpected error.

    The message is not logged, because it may contain text from the page.
    """
    if isinstance(named_error(error), InternalError):
        frames = "".join(traceback.format_tb(error.__traceback__)).rstrip()
        log.error("%s\n%s", type(error).__name__, frames)


async def _wait_for_disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
