"""The service's routes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response, StreamingResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from ecgdigit_rt import __version__
from ecgdigit_rt.errors import EcgDigitError, FormMalformed
from ecgdigit_rt.server import openapi
from ecgdigit_rt.server.assets import add_assets
from ecgdigit_rt.server.digitizers import Digitizers
from ecgdigit_rt.server.downloads import Download
from ecgdigit_rt.server.events import Events
from ecgdigit_rt.server.handlers import PageHandler, PageRequest
from ecgdigit_rt.server.info import service_info
from ecgdigit_rt.server.metrics import MEDIA_TYPE, Metrics
from ecgdigit_rt.server.pool import WorkerPool
from ecgdigit_rt.server.problems import problem_of_status, response_from_error, response_from_problem
from ecgdigit_rt.server.query import DownloadQuery, PageQuery, StreamQuery
from ecgdigit_rt.server.security import LEFT, Guard
from ecgdigit_rt.server.settings import Settings
from ecgdigit_rt.server.timeouts import answered, counting, deadline
from ecgdigit_rt.server.uploads import upload_from_request

log = logging.getLogger("ecgdigit_rt.server")


class Service:
    """What is behind the routes: who reads pages, who counts them, and whether the networks are open."""

    def __init__(self, digitizers: Digitizers, settings: Settings) -> None:
        self.settings = settings
        self.crew = WorkerPool(settings.workers, settings.queue)
        self.about = service_info(digitizers.plain, settings)
        made_by = {name: str(self.about[name]) for name in ("software", "models", "device")}
        self.metrics = Metrics(lambda: self.crew.taken, made_by)
        self.desk = PageHandler(digitizers, self.metrics)
        self.is_ready = False
        self._warm = digitizers.warm

    @asynccontextmanager
    async def life(self, _: FastAPI) -> AsyncIterator[None]:
        """Networks open while the service already answers; pages in work are finished at the end."""

        async def open_networks() -> None:
            await asyncio.to_thread(self._warm)
            self.is_ready = True

        opening = asyncio.create_task(open_networks())
        opening.add_done_callback(_tell_of_failure)
        yield
        await asyncio.wait([opening])
        await asyncio.to_thread(self.crew.close)

    async def download(self, request: Request, wish: DownloadQuery) -> Download:
        place = self.crew.place()
        try:
            async with deadline(self.settings.timeout_s):
                order = await self._order(request, wish)
                work = place.start(partial(self.desk.download, order, wish.format.value, place))
                counting(work, self.metrics)
                return await answered(work, request)
        finally:
            place.leave()

    async def events(self, request: Request, wish: StreamQuery) -> AsyncIterator[bytes]:
        """The page is received before the answer begins: what is wrong with it is told by its status."""
        place = self.crew.place()
        events = Events(place, self.settings.timeout_s)
        try:
            async with deadline(self.settings.timeout_s):
                order = await self._order(request, wish)
        except BaseException:
            place.leave()
            raise
        work = place.start(partial(self.desk.stream, order, place, events.tell, wish.sketches))
        counting(work, self.metrics)
        return events.until(work)

    async def _order(self, request: Request, wish: PageQuery) -> PageRequest:
        upload = await upload_from_request(request, self.settings.max_upload_bytes)
        return PageRequest(upload, wish.page, wish.told)


def _tell_of_failure(opening: asyncio.Task[None]) -> None:
    """The service stays alive and never becomes ready: every page says the same."""
    error = None if opening.cancelled() else opening.exception()
    if error is not None:
        log.error("error    the networks cannot be opened: %s", error)


def create_app(digitizers: Digitizers, settings: Settings) -> FastAPI:
    """The application. Its networks open when it starts."""
    service = Service(digitizers, settings)
    app = FastAPI(
        title="ecgdigit-rt",
        version=__version__,
        description=openapi.DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        lifespan=service.life,
    )
    _add_problems(app)
    _add_pages(app, service)
    _add_state(app, service)
    add_assets(app)
    app.openapi = openapi.schema_maker(app, settings.token is not None)  # type: ignore[method-assign]
    app.add_middleware(Guard, settings=settings, metrics=service.metrics)
    return app


def _add_pages(app: FastAPI, service: Service) -> None:
    @app.post("/v1/digitize", **openapi.DIGITIZE)
    async def digitize(request: Request, wish: Annotated[DownloadQuery, Query()]) -> Response:
        """Read one page and answer with its signals, in the format that is asked for."""
        download = await service.download(request, wish)
        quoted = f"attachment; filename*=UTF-8''{quote(download.name)}"
        headers = {"content-disposition": quoted, "cache-control": "no-store"}
        return Response(download.data, media_type=download.media_type, headers=headers)

    @app.post("/v1/digitize/stream", **openapi.STREAM)
    async def digitize_stream(request: Request, wish: Annotated[StreamQuery, Query()]) -> Response:
        """Read one page and tell of every step as soon as it is done, as server-sent events.

        `waiting`, then a `step` each, then `result`, the object that `/v1/digitize` answers with, or
        `problem`.
        """
        events = await service.events(request, wish)
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(events, media_type="text/event-stream", headers=headers)

    @app.get("/v1/about", **openapi.ABOUT)
    async def tell_about() -> dict[str, Any]:
        """What reads the pages, the formats that are ready, the layouts that are known, and the limits."""
        return service.about


def _add_state(app: FastAPI, service: Service) -> None:
    @app.get("/health/live", **openapi.HEALTH)
    async def live() -> dict[str, str]:
        """The process runs."""
        return {"status": "live"}

    @app.get("/health/ready", **openapi.READY)
    async def ready() -> Response:
        """The networks are open, and there is room for a page."""
        if not service.is_ready:
            return response_from_problem(problem_of_status(503, "the networks are still being opened"))
        if service.crew.is_full:
            return response_from_problem(problem_of_status(503, "every place is taken"))
        return JSONResponse({"status": "ready"})

    @app.get("/metrics", **openapi.METRICS)
    async def metrics() -> Response:
        """For Prometheus: requests, pages by outcome, seconds by step, pages in flight."""
        return Response(service.metrics.text(), media_type=MEDIA_TYPE)


def _add_problems(app: FastAPI) -> None:
    """Whatever is answered with an error is RFC 9457's problem+json."""

    def known(_: Request, error: Exception) -> Response:
        if not isinstance(error, EcgDigitError):
            raise error
        return response_from_error(error)

    def invalid(_: Request, error: Exception) -> Response:
        if not isinstance(error, RequestValidationError):
            raise error
        found = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
        return response_from_error(FormMalformed("; ".join(found)))

    def of_http(_: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            raise error
        problem = problem_of_status(error.status_code, error.detail)
        return response_from_problem(problem, dict(error.headers or {}))

    def left(_request: Request, _error: Exception) -> Response:
        return Response(status_code=LEFT)  # no one reads it

    handlers: dict[type[Exception], Callable[[Request, Exception], Response]] = {
        EcgDigitError: known,
        RequestValidationError: invalid,
        HTTPException: of_http,
        ClientDisconnect: left,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)
