"""One request's page in a worker's thread: decode, read step by step, write what was asked for."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ecgdigit_rt.formats.metadata import missing_leads
from ecgdigit_rt.pipeline import PageSteps
from ecgdigit_rt.results import Digitized, PageRef
from ecgdigit_rt.server.digitizers import Digitizers, RequestOptions
from ecgdigit_rt.server.downloads import Download, download_from_page, json_from_page
from ecgdigit_rt.server.metrics import Metrics
from ecgdigit_rt.server.pool import Slot
from ecgdigit_rt.server.previews import Preview, PreviewBuilder, picture, result_sketch
from ecgdigit_rt.server.uploads import Upload, picture_from_upload

Tell = Callable[[str, str], None]
"""Is told an event's name and its JSON, from the worker's thread."""


@dataclass(frozen=True, slots=True)
class PageRequest:
    """What a request wants of its upload. page: counted from 1."""

    upload: Upload
    page: int
    told: RequestOptions


class PageHandler:
    """Reads the pages of requests. Every call runs in a worker's thread, and raises what `Digitizer` does,
    and GivenUp between two steps where nobody waits any more."""

    def __init__(self, digitizers: Digitizers, metrics: Metrics) -> None:
        self._digitizers, self._metrics = digitizers, metrics

    def download(self, order: PageRequest, form: str, place: Slot) -> Download:
        """The page in one of the formats."""
        digitizer = self._digitizers.of(order.told)
        started = time.perf_counter()
        image, _ = picture_from_upload(order.upload, order.page)
        decode_s = time.perf_counter() - started
        steps = digitizer.steps(image, _source(order), lambda *_: place.check())
        self._count(steps.page, place, decode_s)
        started = time.perf_counter()
        download = download_from_page(steps.page, form)
        self._metrics.steps({"write": time.perf_counter() - started})
        return download

    def stream(self, order: PageRequest, place: Slot, tell: Tell, has_sketches: bool) -> None:
        """The page step by step: a `step` as soon as it is done, with `sketch`es of it, and the `result`."""
        digitizer = self._digitizers.of(order.told)
        teller = _Teller(tell, place, has_sketches)
        image, count = picture_from_upload(order.upload, order.page)
        decode_s = teller.step("decode", {"pages": count})
        teller.sketch("picture", lambda: picture(image))

        def watch(step: str, value: object) -> None:
            teller.step(step, {})
            teller.drawn(step, value)

        steps = digitizer.steps(image, _source(order), watch)
        self._count(steps.page, place, decode_s)
        teller.sketch("traces", lambda: _traces(steps, image.shape))
        tell("result", json_from_page(steps.page))

    def _count(self, page: Digitized, place: Slot, decode_s: float) -> None:
        self._metrics.steps({"wait": place.wait_s, "decode": decode_s, **page.seconds})
        self._metrics.page("partial" if missing_leads(page) else "digitized")


class _Teller:
    """Tells of steps, each with the seconds since the one before."""

    def __init__(self, tell: Tell, place: Slot, has_sketches: bool) -> None:
        self._tell, self._place, self._has_sketches = tell, place, has_sketches
        self._sketcher, self._since = PreviewBuilder(), time.perf_counter()

    def step(self, name: str, facts: Preview) -> float:
        self._place.check()
        seconds = time.perf_counter() - self._since
        self._tell("step", json.dumps({"step": name, "seconds": round(seconds, 4), **facts}))
        self._since = time.perf_counter()
        return seconds

    def drawn(self, step: str, value: object) -> None:
        self.sketch(step, lambda: self._sketcher.of_step(value))

    def sketch(self, name: str, made: Callable[[], Preview]) -> None:
        if not self._has_sketches:
            return
        found = made()
        if found:
            self._tell("sketch", json.dumps({"of": name, **found}))
        self._since = time.perf_counter()


def _traces(steps: PageSteps, shape: tuple[int, ...]) -> Preview:
    return result_sketch(steps, (shape[1], shape[0]))


def _source(order: PageRequest) -> PageRef:
    return PageRef(Path(order.upload.name), order.page - 1)
