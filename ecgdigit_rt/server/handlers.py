"""Processing of a requested page in a worker thread: decode, digitize, write."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.digitizer import Digitizer
from ecgdigit_rt.drawing import DrawingNotUnderstood
from ecgdigit_rt.results import Digitized, PageRef
from ecgdigit_rt.server.decoders import Decoders, UploadedPage
from ecgdigit_rt.server.digitizers import Digitizers, RequestOptions
from ecgdigit_rt.server.downloads import Download, download_from_page, json_from_page
from ecgdigit_rt.server.metrics import Metrics
from ecgdigit_rt.server.pool import Slot
from ecgdigit_rt.server.previews import Preview, PreviewBuilder, image_preview, result_preview
from ecgdigit_rt.server.uploads import Upload
from ecgdigit_rt.steps import StepObserver
from ecgdigit_rt.vector.pipeline import VectorState

Emit = Callable[[str, str], None]
"""Function that receives the name of an event and its data as JSON. It is called in the worker thread."""


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Page to digitize. `page` counts from 1."""

    upload: Upload
    page: int
    options: RequestOptions

    @property
    def source(self) -> PageRef:
        """Page reference with the name of the upload."""
        return PageRef(Path(self.upload.name), self.page - 1)


class PageHandler:
    """Digitization of requested pages.

    The public methods run in a worker thread. They raise what the decoders, `Digitizer` and the writers
    raise. Between two steps they raise RequestCancelled if the request has been cancelled.
    """

    def __init__(self, digitizers: Digitizers, metrics: Metrics, decoders: Decoders) -> None:
        self._digitizers, self._metrics, self._decoders = digitizers, metrics, decoders

    def download(self, request: PageRequest, format_name: str, slot: Slot) -> Download:
        """Digitize the page and return it in the requested format."""
        digitizer = self._digitizers.get(request.options)
        started = time.perf_counter()
        decoded = self._decoded(digitizer, request, slot, needs_image=False)
        decoded_s = time.perf_counter() - started

        def observe(*_: object) -> None:
            slot.check()

        vector = _vector_state(digitizer, decoded, request, observe)
        if vector is None:
            image = self._image(decoded, request, slot)
            page = digitizer.digitize_steps(image, request.source, observe, lambda: decoded.words).page
        else:
            page = vector.page
        self._count(page, slot, decoded_s)
        started = time.perf_counter()
        download = download_from_page(page, format_name)
        self._metrics.observe_steps({"write": time.perf_counter() - started})
        return download

    def stream(self, request: PageRequest, slot: Slot, emit: Emit, has_previews: bool) -> None:
        """Emit a `step` for each completed step, the requested `preview` events, and finally the `result`."""
        digitizer = self._digitizers.get(request.options)
        progress = _Progress(emit, slot, has_previews)
        decoded = self._decoded(digitizer, request, slot, needs_image=True)
        image = self._image(decoded, request, slot)
        decode_s = progress.step("decode", {"pages": decoded.page_count})
        progress.preview("image", lambda: image_preview(image))

        def observe(step: str, value: object) -> None:
            progress.step(step, {})
            progress.step_preview(step, value)

        vector = _vector_state(digitizer, decoded, request, observe)
        if vector is None:
            state = digitizer.digitize_steps(image, request.source, observe, lambda: decoded.words)
            page, turns = state.page, state.located.quarter_turns
        else:
            page, turns = vector.page, 0
        self._count(page, slot, decode_s)
        size = (image.shape[1], image.shape[0])
        progress.preview("traces", lambda: result_preview(page, size, turns))
        emit("result", json_from_page(page))

    def _decoded(
        self, digitizer: Digitizer, request: PageRequest, slot: Slot, *, needs_image: bool
    ) -> UploadedPage:
        reads_drawing = digitizer.reads_drawings
        return self._decoders.decode(
            request.upload, request.page, slot.check, reads_drawing=reads_drawing, needs_image=needs_image
        )

    def _image(self, decoded: UploadedPage, request: PageRequest, slot: Slot) -> NDArray[np.uint8]:
        """Return the image of a page. It is decoded now if its lines were read first, and not understood."""
        if decoded.image.size:
            return decoded.image
        return self._decoders.decode(
            request.upload, request.page, slot.check, reads_drawing=False, needs_image=True
        ).image

    def _count(self, page: Digitized, slot: Slot, decode_s: float) -> None:
        self._metrics.observe_steps({"wait": slot.wait_s, "decode": decode_s, **page.seconds})
        self._metrics.count_page(page.status)
        self._metrics.count_doubts(page.doubts)


def _vector_state(
    digitizer: Digitizer, decoded: UploadedPage, request: PageRequest, observe: StepObserver
) -> VectorState | None:
    """Digitize the lines of a vector PDF. None means that the page is to be read as a picture."""
    if decoded.drawing is None:
        return None
    try:
        return digitizer.digitize_drawing(decoded.drawing, request.source, observe, lambda: decoded.words)
    except DrawingNotUnderstood:
        return None


class _Progress:
    """Emitter of `step` events with the duration of each step, and of `preview` events."""

    def __init__(self, emit: Emit, slot: Slot, has_previews: bool) -> None:
        self._emit, self._slot, self._has_previews = emit, slot, has_previews
        self._builder, self._step_started = PreviewBuilder(), time.perf_counter()

    def step(self, name: str, details: Preview) -> float:
        """Emit a completed step and return its duration in seconds.

        Raises RequestCancelled if the request has been cancelled.
        """
        self._slot.check()
        seconds = time.perf_counter() - self._step_started
        self._emit("step", json.dumps({"step": name, "seconds": round(seconds, 4), **details}))
        self._step_started = time.perf_counter()
        return seconds

    def step_preview(self, step: str, value: object) -> None:
        """Emit the preview for the value of a step, if there is one."""
        self.preview(step, lambda: self._builder.preview(value))

    def preview(self, kind: str, build: Callable[[], Preview]) -> None:
        """Build and emit a preview if previews are requested.

        The time spent on the preview is not part of the duration of any step.
        """
        if not self._has_previews:
            return
        preview = build()
        if preview:
            self._emit("preview", json.dumps({"kind": kind, **preview}))
        self._step_started = time.perf_counter()
