"""Encoded images in, results out: what a server's model does with the images that came."""

from __future__ import annotations

import dataclasses
import hashlib
import tempfile
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import groupby
from pathlib import Path

from ecgdigit_engine.runner import Runner
from ecgdigit_engine.selection import AUTO, select_backend
from ecgdigit_rt.digitizer import Digitizer, StageOpener
from ecgdigit_rt.errors import EcgDigitError, RequestMalformed
from ecgdigit_rt.models import graph_precisions
from ecgdigit_rt.results import Failed, PageRef, Result, failed_from_error

_KINDS_OF_PAGES = 8
"""Ways of being told about pages that are kept ready; each holds the models' files in memory."""


@dataclass(frozen=True, slots=True)
class Page:
    """What is told of an image: None where the page itself is to be asked."""

    layout: str | None = None
    speed_mm_s: float | None = None
    gain_mm_mv: float | None = None

    def check(self) -> None:
        """Raises RequestMalformed for numbers that no page has."""
        _check("speed_mm_s", self.speed_mm_s, 5, 200)
        _check("gain_mm_mv", self.gain_mm_mv, 1, 80)


def _check(name: str, value: float | None, low: float, high: float) -> None:
    if value is not None and not low <= value <= high:
        raise RequestMalformed(name, f"{value:g}", f"it must be from {low:g} to {high:g}")


@dataclass(frozen=True, slots=True)
class Image:
    """One encoded file and what is told of it. name: what messages and reports call it."""

    name: str
    data: bytes = field(repr=False)
    page: Page = field(default_factory=Page)


class CachedOpener:
    """Opens each stage once for as many threads, however many digitizers ask. Satisfies `StageOpener`."""

    def __init__(self, opener: StageOpener) -> None:
        self._opener = opener
        self._opened: dict[tuple[str, int, int], Runner] = {}
        self.graph_precision = opener.graph_precision
        self.notes = opener.notes
        self.is_accelerator = opener.is_accelerator

    def open_stage(
        self, graph: bytes, threads: int = 1, concurrency: int = 1, prefix_graph: bytes | None = None
    ) -> Runner:
        key = hashlib.sha256(graph + (prefix_graph or b"")).hexdigest(), threads, concurrency
        if key not in self._opened:
            self._opened[key] = self._opener.open_stage(graph, threads, concurrency, prefix_graph)
        return self._opened[key]

    def __str__(self) -> str:
        return str(self._opener)


class PageService:
    """Reads the images of requests with one family of models.

    threads: CPU threads. told: what holds for images that come without. opener: what opens the networks, in
    place of the choice by backend, device and precision. Raises as `Digitizer` does.
    """

    def __init__(
        self,
        models: str = "lite",
        threads: int | None = None,
        told: Page = Page(),
        *,
        backend: str = AUTO,
        device: str = AUTO,
        precision: str = AUTO,
        opener: StageOpener | None = None,
    ) -> None:
        self._told = told
        chosen = opener or select_backend(backend, device, precision, graph_precisions(models))
        shared = CachedOpener(chosen)

        @lru_cache(_KINDS_OF_PAGES)
        def digitizer(page: Page) -> Digitizer:
            page.check()
            return Digitizer(models, threads, opener=shared, **dataclasses.asdict(page))

        self._digitizer = digitizer
        self.about = f"{digitizer(told).models}, {digitizer(told).device}"

    def results(self, images: Sequence[Image]) -> Generator[Result]:
        """One result per image, in order. A page's failure is its result."""
        with tempfile.TemporaryDirectory(prefix="ecgdigit-") as folder:
            files = [Path(folder) / str(place) for place in range(len(images))]
            given = zip(images, files, strict=True)
            for page, alike in groupby(given, lambda one: self._filled(one[0].page)):
                yield from self._alike(page, list(alike))

    def _filled(self, page: Page) -> Page:
        """What is told of one page, with what holds for all of them."""
        told = self._told
        return Page(
            page.layout or told.layout,
            told.speed_mm_s if page.speed_mm_s is None else page.speed_mm_s,
            told.gain_mm_mv if page.gain_mm_mv is None else page.gain_mm_mv,
        )

    def _alike(self, page: Page, given: Sequence[tuple[Image, Path]]) -> Iterator[Result]:
        """Images of which the same is told, each with the file that it is to lie in meanwhile."""
        try:
            digitizer = self._digitizer(page)
        except EcgDigitError as error:
            for image, _ in given:
                yield failed_from_error(PageRef(Path(image.name)), error)
            return
        for image, file in given:
            file.write_bytes(image.data)
        results = digitizer.digitize_many(PageRef(file) for _, file in given)
        for (image, file), result in zip(given, results, strict=True):
            yield _named(result, image.name, file)


def _named(result: Result, name: str, file: Path) -> Result:
    """A result under the image's own name, not that of the file it lay in meanwhile."""
    source = PageRef(Path(name))
    if isinstance(result, Failed):
        message = result.message.replace(str(file), name)
        return dataclasses.replace(result, source=source, message=message)
    return dataclasses.replace(result, source=source)
