"""Routes of the service."""

from __future__ import annotations

from collections.abc import Callable
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
from ecgdigit_rt.server.metrics import MEDIA_TYPE
from ecgdigit_rt.server.problems import problem_from_status, response_from_error, response_from_problem
from ecgdigit_rt.server.query import DownloadQuery, StreamQuery
from ecgdigit_rt.server.security import CLIENT_CLOSED_REQUEST, SecurityMiddleware
from ecgdigit_rt.server.service import Service
from ecgdigit_rt.server.settings import Settings


def create_app(digitizers: Digitizers, settings: Settings) -> FastAPI:
    """Return the application. It loads the models in the background when it starts."""
    service = Service(digitizers, settings)
    app = FastAPI(
        title="ecgdigit-rt",
        version=__version__,
        description=openapi.DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        lifespan=service.lifespan,
    )
    _add_error_handlers(app)
    _add_page_routes(app, service)
    _add_status_routes(app, service)
    add_assets(app)
    app.openapi = openapi.schema_factory(app, settings.token is not None)  # type: ignore[method-assign]
    app.add_middleware(SecurityMiddleware, settings=settings, metrics=service.metrics)
    return app


def _add_page_routes(app: FastAPI, service: Service) -> None:
    @app.post("/v1/digitize", **openapi.DIGITIZE)
    async def digitize(request: Request, query: Annotated[DownloadQuery, Query()]) -> Response:
        """Digitize one page and return its signals in the requested format."""
        download = await service.download(request, query)
        disposition = f"attachment; filename*=UTF-8''{quote(download.name)}"
        headers = {"content-disposition": disposition, "cache-control": "no-store"}
        return Response(download.data, media_type=download.media_type, headers=headers)

    @app.post("/v1/digitize/stream", **openapi.STREAM)
    async def digitize_stream(request: Request, query: Annotated[StreamQuery, Query()]) -> Response:
        """Digitize one page and report each completed step as a server-sent event.

        The first event is `waiting`. Each completed step sends a `step`, and a `preview` if `previews` is set
        and the step has one. The last event is `problem`, or `result` with the JSON that `/v1/digitize`
        returns.
        """
        events = await service.stream(request, query)
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(events, media_type="text/event-stream", headers=headers)

    @app.get("/v1/about", **openapi.ABOUT)
    async def about() -> dict[str, Any]:
        """Return software, models, device, input types, output formats, known layouts and limits."""
        return service.info


def _add_status_routes(app: FastAPI, service: Service) -> None:
    @app.get("/health/live", **openapi.HEALTH)
    async def live() -> dict[str, str]:
        """Report that the process is running."""
        return {"status": "live"}

    @app.get("/health/ready", **openapi.READY)
    async def ready() -> Response:
        """Report whether the models are loaded and the queue has room for another request."""
        if not service.is_ready:
            return response_from_problem(problem_from_status(503, "The models are still loading"))
        if service.pool.is_full:
            return response_from_problem(problem_from_status(503, "The queue is full"))
        return JSONResponse({"status": "ready"})

    @app.get("/metrics", **openapi.METRICS)
    async def metrics() -> Response:
        """Return Prometheus metrics: requests, page outcomes, doubts, step durations, requests in flight."""
        return Response(service.metrics.exposition(), media_type=MEDIA_TYPE)


def _add_error_handlers(app: FastAPI) -> None:
    """Add handlers that respond to known errors with `application/problem+json` (RFC 9457)."""

    def handle_known_error(_: Request, error: Exception) -> Response:
        if not isinstance(error, EcgDigitError):
            raise error
        return response_from_error(error)

    def handle_invalid_query(_: Request, error: Exception) -> Response:
        if not isinstance(error, RequestValidationError):
            raise error
        problems = [f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()]
        return response_from_error(FormMalformed("; ".join(problems)))

    def handle_http_exception(_: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            raise error
        problem = problem_from_status(error.status_code, error.detail)
        return response_from_problem(problem, dict(error.headers or {}))

    def handle_disconnect(_request: Request, _error: Exception) -> Response:
        # The client has disconnected and does not receive this response.
        return Response(status_code=CLIENT_CLOSED_REQUEST)

    handlers: dict[type[Exception], Callable[[Request, Exception], Response]] = {
        EcgDigitError: handle_known_error,
        RequestValidationError: handle_invalid_query,
        HTTPException: handle_http_exception,
        ClientDisconnect: handle_disconnect,
    }
    for error_class, handler in handlers.items():
        app.add_exception_handler(error_class, handler)
