"""Many pages with one family of models: which threads do what."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from hashlib import sha256
from itertools import chain, islice
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_engine.errors import UnknownChoice
from ecgdigit_engine.runner import Runner
from ecgdigit_engine.selection import AUTO, select_backend
from ecgdigit_engine.threads import usable_cpus
from ecgdigit_rt import __version__
from ecgdigit_rt.classical.pipeline import ClassicalPipeline
from ecgdigit_rt.decode.limits import MAX_PIXELS
from ecgdigit_rt.decode.sources import DecodablePage, Source, page_from_source, pages_from_sources
from ecgdigit_rt.layout.catalog import plan_from_text
from ecgdigit_rt.layout.match import LayoutOverrides
from ecgdigit_rt.models import STAGES, graph_precisions, load_models, load_sampler
from ecgdigit_rt.ordered_map import ordered_map
from ecgdigit_rt.pipeline import PagePipeline, PageSteps, ReadOptions, StepObserver
from ecgdigit_rt.results import Digitized, PageRef, Provenance, Result, failed_from_error
from ecgdigit_rt.stages import SAMPLED_TRACE
from ecgdigit_rt.warmup import start_warmup

_PAGES_FOR_ALL = 3
"""Pages per thread, from which each thread takes pages of its own. The last pages leave threads idle."""


NETWORKS, CLASSICAL = METHODS = ("networks", "classical")
"""How pages are read: with the family's three networks, or without any."""

_UNNAMED = {"models": "lite", "tta": "none"}
_NO_NETWORKS = "none (classical)"
_READS_NO_TEXT = "no text is read: rows and pulses tell the layout, the speed and the gain, or you do"


class Reader(Protocol):
    """What reads a page: a `PagePipeline` or a `ClassicalPipeline`."""

    def read(self, image: NDArray[np.uint8], source: PageRef) -> Digitized:
        """Read one page. image: (height, width, 3) uint8 RGB. Raises a PageError."""
        ...


class StageOpener(Protocol):
    """What opens the networks: `ecgdigit_engine.selection.BackendSelection`, or what a benchmark puts in its place."""

    @property
    def graph_precision(self) -> str: ...

    @property
    def notes(self) -> tuple[str, ...]: ...

    @property
    def is_accelerator(self) -> bool: ...

    def open_stage(
        self, graph: bytes, threads: int = 1, concurrency: int = 1, prefix_graph: bytes | None = None
    ) -> Runner: ...


class Digitizer:
    """Reads pages with one family of models, or without any.

    method: networks, or classical, which runs none: then nothing that runs or changes them can be named.
    models: a family of the package, or a folder that `ecgdigit-rt export` wrote. threads: CPU threads; all
    that this process may use without it. tta: none, flip, photometric or full, how every strip is seen
    (`ecgdigit_rt.tracing.tta`). blend: make leads that nearly obey Einthoven's law obey it
    (`ecgdigit_rt.tracing.lead_relations`). seen_only: where a curve is in doubt, no other lead of the same beat
    is asked (`ecgdigit_rt.tracing.beat_prior`).
    layout: a known layout or one spelled out (`ecgdigit_rt.layout.catalog.plan_from_text`), speed_mm_s,
    gain_mm_mv: where the page itself should not be asked. min_quality_db: pages whose expected
    signal-to-noise ratio is lower are refused. max_pixels: larger pages are refused, before they are decoded.
    backend, device, precision: what runs the networks, where and in which type
    (`ecgdigit_engine.selection.select_backend`); what is named is used or refused. opener: what opens the networks in
    their place. `device` and `models` say in words what was chosen, `notes` what to know of it, `identity`
    what of it decides the results.
    Few pages share all threads, page by page; many pages go one to a thread, since a network on one thread
    wastes nothing on waiting for others.
    Raises UnknownChoice, LayoutNotUnderstood, BackendUnusable, EngineMissing, ModelMissing, ModelCorrupt.
    """

    def __init__(
        self,
        models: str = "lite",
        threads: int | None = None,
        tta: str = "none",
        enforce_einthoven: bool = False,
        *,
        no_beat_prior: bool = False,
        layout: str | None = None,
        speed_mm_s: float | None = None,
        gain_mm_mv: float | None = None,
        min_quality_db: float | None = None,
        backend: str = AUTO,
        device: str = AUTO,
        precision: str = AUTO,
        opener: StageOpener | None = None,
        method: str = NETWORKS,
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        self._max_pixels = max_pixels
        told = LayoutOverrides(None if layout is None else plan_from_text(layout), speed_mm_s, gain_mm_mv)
        self._options = ReadOptions(tta, enforce_einthoven, told, min_quality_db, no_beat_prior)
        start_warmup()
        self.threads = threads or usable_cpus()
        counted = f"{self.threads} thread{'s' if self.threads > 1 else ''}"
        self._classical: ClassicalPipeline | None = None
        self._readers: dict[int, PagePipeline] = {}
        if method != NETWORKS:
            named = {
                "models": models,
                "tta": tta,
                "backend": backend,
                "device": device,
                "precision": precision,
            }
            _check_classical(method, named)
            self.device, self.models = f"{_NO_NETWORKS}, {counted}", "none"
            self.notes: tuple[str, ...] = (_READS_NO_TEXT,)
            provenance = Provenance(f"ecgdigit-rt {__version__}", "none", _NO_NETWORKS)
            self.identity: Mapping[str, str] = {"software": provenance.software, "models": "none"}
            self._classical = ClassicalPipeline(told, enforce_einthoven, min_quality_db, provenance)
            return
        self._opener = opener or select_backend(backend, device, precision, graph_precisions(models))
        self._family = load_models(models, precision=self._opener.graph_precision)
        self.device = f"{self._opener}, {counted}"
        self.notes = self._opener.notes
        size_mb = sum(len(graph) for graph in self._family.graphs.values()) / 1e6
        self.models = f"{self._family} ({size_mb:.1f} MB)"
        self._provenance = Provenance(f"ecgdigit-rt {__version__}", str(self._family), str(self._opener))
        weights = sha256(b"".join(self._family.graphs[stage] for stage in STAGES)).hexdigest()
        self.identity = {
            "software": self._provenance.software,
            "models": f"{self._family} (SHA-256 {weights[:16]})",
            "device": self._provenance.device,
        }

    def _reader(self, threads: int) -> Reader:
        """The reader whose networks, if it has any, run on so many threads."""
        return self._classical or self._page_reader(threads)

    def _page_reader(self, threads: int) -> PagePipeline:
        if threads not in self._readers:
            concurrency = 1 if threads == self.threads else self.threads
            graphs = self._family.graphs
            opened = partial(self._opener.open_stage, threads=threads, concurrency=concurrency)
            runners = {stage: opened(graphs[stage]) for stage in STAGES}
            if self._opener.is_accelerator:
                runners[SAMPLED_TRACE] = opened(
                    graphs["trace"], prefix_graph=load_sampler(str(self._family.root))
                )
            self._readers[threads] = PagePipeline(runners, self._options, self._provenance)
        return self._readers[threads]

    def digitize(self, source: Source) -> Digitized:
        """Read one page: a file (its first page), a `PageRef`, or an image array.

        Raises an InputError or a PageError that names what is wrong.
        """
        picture = page_from_source(source, max_pixels=self._max_pixels)
        return self.digitize_image(picture.pixels(), picture.page)

    def digitize_image(self, image: NDArray[np.uint8], source: PageRef) -> Digitized:
        """Read one page. image: (height, width, 3) uint8 RGB. Raises a PageError that names what is wrong."""
        return self._reader(self.threads).read(image, source)

    def steps(
        self, image: NDArray[np.uint8], source: PageRef, watcher: StepObserver | None = None
    ) -> PageSteps:
        """Read one page and keep what every step gave, see `PagePipeline.steps`.

        Raises ValueError with the classical method, whose steps are others.
        """
        if self._classical is not None:
            raise ValueError("the classical method has none of the networks' steps")
        return self._page_reader(self.threads).steps(image, source, watcher)

    def network_threads(self, pages: int) -> int:
        """Threads that each network gets in a run of so many pages: all of them, or one, with many pages."""
        return 1 if pages >= _PAGES_FOR_ALL * self.threads else self.threads

    def digitize_many(
        self, sources: Iterable[Source], network_threads: int | None = None
    ) -> Iterator[Result]:
        """Read every page of files, folders, globs, `PageRef`s and arrays, in order.

        The next pages are read meanwhile. A page's failure is its result. network_threads: 1 or `threads`;
        without it as many as suit the number of pages. It decides in which order numbers are summed, and so
        a signal's last digits.
        """
        pictures = pages_from_sources(sources, self._max_pixels)
        if network_threads is None:
            first = list(islice(pictures, _PAGES_FOR_ALL * self.threads))
            network_threads, pictures = self.network_threads(len(first)), chain(first, pictures)
        if network_threads < self.threads:
            yield from self._one_to_a_thread(pictures)
        else:
            yield from self._one_by_one(pictures)

    def _one_by_one(self, pictures: Iterator[DecodablePage]) -> Iterator[Result]:
        """All threads on one page; the next one is decoded meanwhile."""
        reader = self._reader(self.threads)
        with ThreadPoolExecutor(1) as decoder:
            coming = deque((one.page, decoder.submit(one.pixels)) for one in islice(pictures, 1))
            while coming:
                coming.extend((one.page, decoder.submit(one.pixels)) for one in islice(pictures, 1))
                page, image = coming.popleft()
                yield _result(reader, page, image.result)

    def _one_to_a_thread(self, pictures: Iterable[DecodablePage]) -> Iterator[Result]:
        reader = self._reader(1)
        inner = cv2.getNumThreads()
        cv2.setNumThreads(1)
        try:
            yield from ordered_map(lambda one: _result(reader, one.page, one.pixels), pictures, self.threads)
        finally:
            cv2.setNumThreads(inner)


def _check_classical(method: str, named: Mapping[str, str]) -> None:
    """Raises UnknownChoice for an unknown method, and where something is named that is about networks."""
    if method not in METHODS:
        raise UnknownChoice("method", method, METHODS)
    for what, value in named.items():
        if value != _UNNAMED.get(what, AUTO):
            raise UnknownChoice(f"classical {what}", value, (_UNNAMED.get(what, AUTO),))


def _result(reader: Reader, page: PageRef, image: Callable[[], NDArray[np.uint8]]) -> Result:
    try:
        return reader.read(image(), page)
    except Exception as error:  # noqa: BLE001 the page's boundary: one bad page costs itself only
        return failed_from_error(page, error)
