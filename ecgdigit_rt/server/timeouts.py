"""How long a request is waited for, and what its end is called."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect, Request

from ecgdigit_rt.errors import EcgDigitError, InternalError, PageTookTooLong
from ecgdigit_rt.server.metrics import Metrics
from ecgdigit_rt.server.pool import RequestCancelled

T = TypeVar("T")
log = logging.getLogger("ecgdigit_rt.server")


@asynccontextmanager
async def deadline(seconds: float) -> AsyncIterator[None]:
    """Raises PageTookTooLong where the block takes longer."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        raise PageTookTooLong(seconds) from error


async def answered(work: asyncio.Future[T], request: Request) -> T:
    """What the work gives, unless the client leaves before. Raises what it raises, and ClientDisconnect."""
    leaving = asyncio.create_task(_left(request))
    try:
        await asyncio.wait((work, leaving), return_when=asyncio.FIRST_COMPLETED)
    finally:
        leaving.cancel()
    if not work.done():
        raise ClientDisconnect
    error = work.exception()
    if error is not None:
        raise named(error) from error
    return work.result()


def counting(work: asyncio.Future[Any], metrics: Metrics) -> None:
    """Count a page that fails or is given up; one that is read counts itself."""

    def count(done: asyncio.Future[Any]) -> None:
        error = None if done.cancelled() else done.exception()
        if done.cancelled() or isinstance(error, RequestCancelled):
            metrics.page("given_up")
        elif error is not None:
            metrics.page("failed", named(error).id)
            _log_unforeseen(error)

    work.add_done_callback(count)


def named(error: BaseException) -> EcgDigitError:
    """The error itself, or an InternalError."""
    return error if isinstance(error, EcgDigitError) else InternalError(error)


def _log_unforeseen(error: BaseException) -> None:
    """Where it happened, not what it says: that may quote the page."""
    if not isinstance(error, EcgDigitError):
        places = "".join(traceback.format_tb(error.__traceback__)).rstrip()
        log.error("%s\n%s", type(error).__name__, places)


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
