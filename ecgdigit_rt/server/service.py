"""Shared state of the service (worker pool, metrics, readiness), and handling of page requests."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from importlib.util import find_spec
from typing import Any

from fastapi import FastAPI, Request

from ecgdigit_rt import __version__
from ecgdigit_rt.decode.limits import MAX_PIXELS, MIN_SIDE_PX
from ecgdigit_rt.digitizer import Digitizer
from ecgdigit_rt.errors import DeviceLost, WorkerDied
from ecgdigit_rt.layout.catalog import LAYOUTS
from ecgdigit_rt.server.connections import mark_admitted
from ecgdigit_rt.server.decoders import Decoders
from ecgdigit_rt.server.digitizers import Digitizers
from ecgdigit_rt.server.downloads import Download, format_availability
from ecgdigit_rt.server.events import EventStream
from ecgdigit_rt.server.handlers import PageHandler, PageRequest
from ecgdigit_rt.server.metrics import Metrics
from ecgdigit_rt.server.pool import Slot, WorkerPool
from ecgdigit_rt.server.query import DownloadQuery, PageQuery, StreamQuery
from ecgdigit_rt.server.settings import Settings
from ecgdigit_rt.server.timeouts import count_failure, deadline, wait_or_disconnect
from ecgdigit_rt.server.uploads import upload_from_request

log = logging.getLogger("ecgdigit_rt.server")

_BASE_INPUTS = ("PNG", "JPEG", "TIFF", "BMP", "WebP", "GIF", "AVIF", "PDF")


class Service:
    """Shared state of the routes.

    `is_ready` is False until the models are loaded, and after a GPU has stopped working. `info` is the
    response of `/v1/about`.
    """

    def __init__(self, digitizers: Digitizers, settings: Settings) -> None:
        self.settings = settings
        self.pool = WorkerPool(settings.workers, settings.queue)
        self.info = service_info(digitizers.default, settings)
        provenance = {name: str(self.info[name]) for name in ("software", "models", "device")}
        self.metrics = Metrics(lambda: self.pool.in_flight, provenance)
        self._decoders = Decoders()
        self.handler = PageHandler(digitizers, self.metrics, self._decoders)
        self.is_ready = False
        self._load_models = digitizers.load_models

    @asynccontextmanager
    async def lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        """Load the models in the background.

        On shutdown, complete the pages in progress and cancel the waiting pages.
        """

        async def load() -> None:
            await asyncio.to_thread(self._decoders.start)
            await asyncio.to_thread(self._load_models)
            self.is_ready = True

        loading = asyncio.create_task(load())
        loading.add_done_callback(_log_failure)
        yield
        await asyncio.wait([loading])
        await asyncio.to_thread(self.pool.close)
        await asyncio.to_thread(self._decoders.close)

    async def download(self, request: Request, query: DownloadQuery) -> Download:
        """Digitize the page of a request and return it as a file in the requested format."""
        slot = self._admit(request)
        try:
            async with deadline(self.settings.timeout_s):
                page_request = await self._page_request(request, query)
                work = slot.start(partial(self.handler.download, page_request, query.format.value, slot))
                self._observe(work)
                return await wait_or_disconnect(work, request)
        finally:
            slot.cancel()

    async def stream(self, request: Request, query: StreamQuery) -> AsyncIterator[bytes]:
        """Return the server-sent events of a page.

        The upload is received before the response starts, so that an invalid upload is reported with
        an HTTP status.
        """
        slot = self._admit(request)
        events = EventStream(slot, self.settings.timeout_s)
        try:
            async with deadline(self.settings.timeout_s):
                page_request = await self._page_request(request, query)
        except BaseException:
            slot.cancel()
            raise
        work = slot.start(partial(self.handler.stream, page_request, slot, events.emit, query.previews))
        self._observe(work)
        return events.until_done(work)

    def _admit(self, request: Request) -> Slot:
        """Return a slot for a request. Raises ServiceBusy."""
        slot = self.pool.admit()
        mark_admitted(request.scope)
        return slot

    def _observe(self, work: asyncio.Future[Any]) -> None:
        """Count the page if its work fails. If the networks cannot be used any more, become not ready."""

        def check(done: asyncio.Future[Any]) -> None:
            if not done.cancelled() and isinstance(done.exception(), (DeviceLost, WorkerDied)):
                self.is_ready = False

        count_failure(work, self.metrics)
        work.add_done_callback(check)

    async def _page_request(self, request: Request, query: PageQuery) -> PageRequest:
        upload = await upload_from_request(request, self.settings.max_upload_bytes)
        return PageRequest(upload, query.page, query.options)


def service_info(digitizer: Digitizer, settings: Settings) -> dict[str, Any]:
    """Return software, models, device, input types, output formats, known layouts and limits."""
    heic = ("HEIC",) if find_spec("pillow_heif") is not None else ()
    dicom = ("DICOM",) if find_spec("pydicom") is not None else ()
    return {
        "software": f"ecgdigit-rt {__version__}",
        "models": digitizer.models,
        "device": digitizer.device,
        "inputs": [*_BASE_INPUTS, *heic, *dicom],
        "formats": format_availability(),
        "layouts": list(LAYOUTS),
        "limits": {
            "upload_mb": settings.max_upload_mb,
            "pixels": MAX_PIXELS,
            "side_px": MIN_SIDE_PX,
            "timeout_s": settings.timeout_s,
            "workers": settings.workers,
            "queue": settings.queue,
        },
    }


def _log_failure(loading: asyncio.Task[None]) -> None:
    """Log an error if loading failed. The service then continues to run but does not become ready."""
    error = None if loading.cancelled() else loading.exception()
    if error is not None:
        log.error("error    Cannot load the models: %s", error)
