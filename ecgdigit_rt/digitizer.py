"""Public entry point of the runtime: `Digitizer` reads pages and distributes them over threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, islice
from types import TracebackType
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_engine.cpu import usable_cpus
from ecgdigit_engine.errors import UnknownChoice
from ecgdigit_engine.selection import AUTO, select_backend
from ecgdigit_engine.stage_opener import StageOpener
from ecgdigit_rt.decode.limits import MAX_PIXELS
from ecgdigit_rt.decode.sources import DecodablePage, Source, page_from_source, pages_from_sources
from ecgdigit_rt.layout.catalog import plan_from_text
from ecgdigit_rt.layout.match import LayoutOverrides
from ecgdigit_rt.methods import ClassicalMethod, Method, NeuralMethod, PageReader
from ecgdigit_rt.models import graph_precisions
from ecgdigit_rt.ordered_map import ordered_map
from ecgdigit_rt.pipeline import PageState, PipelineOptions
from ecgdigit_rt.results import Digitized, PageRef, Result, failed_from_error
from ecgdigit_rt.steps import StepObserver
from ecgdigit_rt.tracing.assemble import AssemblyOptions
from ecgdigit_rt.warmup import start_warmup

_PARALLEL_PAGES_PER_THREAD = 3
"""Minimum pages per thread for reading pages in parallel. With fewer, threads would idle on the last pages.
Chosen, not tuned."""

NETWORKS, CLASSICAL = METHODS = ("networks", "classical")
"""Values of `method`: the three networks of a family, or no network."""

_NEURAL_DEFAULTS = {"models": "lite", "tta": "none", "backend": AUTO, "device": AUTO, "precision": AUTO}
"""Options that only apply to networks, with the values that mean "not specified"."""


class Digitizer:
    """Digitizer of ECG pages, with the networks of one family or with the classical method.

    A few pages share all threads, one page after another. Many pages are read in parallel, one per thread,
    since a network on one thread never waits for another thread. Use it as a context manager, or call
    `close`, to release networks and threads early.

    Parameters
    ----------
    models : str
        Family of the package, or a folder that `ecgdigit-rt export` wrote.
    threads : int, optional
        CPU threads. By default all that this process may use.
    tta : {"none", "flip", "photometric", "full"}
        Test-time augmentation of the trace stage.
    enforce_einthoven : bool
        Correct limb leads that nearly satisfy Einthoven's law so that they satisfy it.
    no_beat_prior : bool
        Leave low-confidence columns as predicted. By default the other leads of the same beat correct them.
    layout : str, optional
        Layout of all pages: a name, or rows spelled out such as ``"I,II,III/aVR,aVL,aVF"``.
    speed_mm_s, gain_mm_mv : float, optional
        Paper speed in mm/s and gain in mm/mV, in place of the printed ones.
    min_quality_db : float, optional
        Refuse pages whose expected signal-to-noise ratio is lower.
    backend, device, precision : str
        Runtime, device and numeric type of the networks. A named one is used or refused, never replaced.
    opener : StageOpener, optional
        Opener of the networks, in place of `backend`, `device` and `precision`. Its runners may be shared,
        so `close` leaves them open.
    method : {"networks", "classical"}
        The classical method runs no network and accepts none of their options.
    max_pixels : int
        Refuse larger images before they are decoded.

    Attributes
    ----------
    device, models : str
        Backend with device and precision, and family with version, for people.
    notes : tuple of str
        Remarks about the selection, for people.
    identity : mapping of str to str
        Everything about software, models and device that affects results.

    Raises
    ------
    UnknownChoice, InvalidLayout, BackendUnusable, EngineMissing, ModelMissing, ModelCorrupt

    Examples
    --------
    >>> with Digitizer() as digitizer:
    ...     page = digitizer.digitize("scan.png")
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
        self.threads = threads or usable_cpus()
        self._max_pixels = max_pixels
        self._is_closed = False
        plan = None if layout is None else plan_from_text(layout)
        overrides = LayoutOverrides(plan, speed_mm_s, gain_mm_mv)
        assembly = AssemblyOptions(enforce_einthoven, min_quality_db)
        start_warmup()
        self._method: Method
        if method == NETWORKS:
            selected = opener or select_backend(backend, device, precision, graph_precisions(models)).opener()
            options = PipelineOptions(tta, overrides, no_beat_prior, assembly)
            owns = opener is None
            self._method = NeuralMethod(models, selected, self.threads, options, owns_runners=owns)
        else:
            given = {
                "models": models,
                "tta": tta,
                "backend": backend,
                "device": device,
                "precision": precision,
            }
            _check_classical(method, given)
            self._method = ClassicalMethod(overrides, assembly)
        self.device = f"{self._method.device}, {self.threads} thread{'s' if self.threads > 1 else ''}"
        self.models = self._method.models
        self.notes: tuple[str, ...] = self._method.notes
        self.identity: Mapping[str, str] = self._method.identity

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release networks and threads. A closed digitizer reads no further page."""
        self._is_closed = True
        self._method.close()

    def digitize(self, source: Source) -> Digitized:
        """Digitize one page.

        Parameters
        ----------
        source : str, Path, PageRef or ndarray
            A file (its first page), a page of a file, or an image array, (height, width) or
            (height, width, 3 or 4), RGB.

        Returns
        -------
        Digitized

        Raises
        ------
        InputError
            If the source cannot be read.
        PageError
            If no ECG can be digitized from it.
        """
        page = page_from_source(source, max_pixels=self._max_pixels)
        return self.digitize_image(page.pixels(), page.page)

    def digitize_image(self, image: NDArray[np.uint8], source: PageRef) -> Digitized:
        """Digitize one decoded page.

        Parameters
        ----------
        image : ndarray of uint8, (height, width, 3)
            RGB.
        source : PageRef
            Source of the image, stored with the result.

        Returns
        -------
        Digitized

        Raises
        ------
        PageError
            If no ECG can be digitized from it.
        """
        return self._reader(self.threads).read(image, source)

    def digitize_steps(
        self, image: NDArray[np.uint8], source: PageRef, observer: StepObserver | None = None
    ) -> PageState:
        """Digitize one decoded page and return the values of all steps.

        Parameters
        ----------
        image : ndarray of uint8, (height, width, 3)
            RGB.
        source : PageRef
            Source of the image, stored with the result.
        observer : callable, optional
            Called with the name and the value of each step as soon as it is complete.

        Returns
        -------
        PageState

        Raises
        ------
        PageError
            If no ECG can be digitized from it.
        ValueError
            With the classical method, which has other steps.
        """
        self._check_open()
        if not isinstance(self._method, NeuralMethod):
            raise ValueError("the classical method has none of the networks' steps")  # noqa: TRY004
        return self._method.reader(self.threads).run(image, source, observer)

    def network_threads(self, pages: int) -> int:
        """Return the number of threads of each network in a run.

        Parameters
        ----------
        pages : int
            Number of pages of the run.

        Returns
        -------
        int
            All threads, or one if there are enough pages to read them in parallel.
        """
        return 1 if pages >= _PARALLEL_PAGES_PER_THREAD * self.threads else self.threads

    def digitize_many(
        self, sources: Iterable[Source], network_threads: int | None = None
    ) -> Iterator[Result]:
        """Digitize every page of files, folders, globs, `PageRef`s and arrays.

        Parameters
        ----------
        sources : iterable
            Paths, globs, `PageRef`s and image arrays. The following pages are decoded ahead.
        network_threads : int, optional
            Threads of each network, 1 or `threads`. By default chosen by the number of pages. It determines
            the order of floating-point sums and therefore the last digits of the signals.

        Yields
        ------
        Digitized or Failed
            One result per page, in input order. An error of a page is its result.
        """
        pages = pages_from_sources(sources, self._max_pixels)
        if network_threads is None:
            first = list(islice(pages, _PARALLEL_PAGES_PER_THREAD * self.threads))
            network_threads, pages = self.network_threads(len(first)), chain(first, pages)
        if network_threads < self.threads:
            yield from self._in_parallel(pages)
        else:
            yield from self._in_sequence(pages)

    def _in_sequence(self, pages: Iterator[DecodablePage]) -> Iterator[Result]:
        """Read one page after another with all threads, and decode the next one meanwhile."""
        reader = self._reader(self.threads)
        with ThreadPoolExecutor(1) as decoder:
            pending = deque((one.page, decoder.submit(one.pixels)) for one in islice(pages, 1))
            while pending:
                pending.extend((one.page, decoder.submit(one.pixels)) for one in islice(pages, 1))
                page, image = pending.popleft()
                yield _result(reader, page, image.result)

    def _in_parallel(self, pages: Iterable[DecodablePage]) -> Iterator[Result]:
        reader = self._reader(1)
        previous = cv2.getNumThreads()
        cv2.setNumThreads(1)
        try:
            yield from ordered_map(lambda one: _result(reader, one.page, one.pixels), pages, self.threads)
        finally:
            cv2.setNumThreads(previous)

    def _reader(self, threads: int) -> PageReader:
        self._check_open()
        return self._method.reader(threads)

    def _check_open(self) -> None:
        if self._is_closed:
            raise ValueError("the digitizer is closed")


def _check_classical(method: str, given: Mapping[str, str]) -> None:
    """Raise UnknownChoice if `method` is unknown, or if an option that only applies to networks is given."""
    if method not in METHODS:
        raise UnknownChoice("method", method, METHODS)
    for option, value in given.items():
        default = _NEURAL_DEFAULTS[option]
        if value != default:
            raise UnknownChoice(f"classical {option}", value, (default,))


def _result(reader: PageReader, page: PageRef, image: Callable[[], NDArray[np.uint8]]) -> Result:
    try:
        return reader.read(image(), page)
    except Exception as error:  # noqa: BLE001 the page's boundary: an error of one page is its result
        return failed_from_error(page, error)
