"""Public entry point of the runtime: `Digitizer` digitizes pages, and distributes many pages to threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, islice
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ecgdigit_engine.cpu import usable_cpus
from ecgdigit_engine.errors import DeviceLost, UnknownChoice, WorkerDied
from ecgdigit_engine.selection import AUTO, select_backend
from ecgdigit_engine.stage_opener import StageOpener
from ecgdigit_rt.decode.limits import MAX_PIXELS, decode_bytes
from ecgdigit_rt.decode.sources import DecodablePage, Source, page_from_source, pages_from_sources
from ecgdigit_rt.drawing import Drawing, DrawingNotUnderstood
from ecgdigit_rt.layout.catalog import plan_from_text
from ecgdigit_rt.layout.match import LayoutOverrides
from ecgdigit_rt.library_threads import limit_library_threads, single_library_threads
from ecgdigit_rt.methods import ClassicalMethod, Method, NeuralMethod, PageReader, vector_pipeline
from ecgdigit_rt.models import graph_precisions
from ecgdigit_rt.ordered_map import ordered_map
from ecgdigit_rt.pipeline import PageState, PipelineOptions
from ecgdigit_rt.results import Digitized, PageRef, Result, failed_from_error
from ecgdigit_rt.steps import StepObserver
from ecgdigit_rt.tracing.assemble import AssemblyOptions
from ecgdigit_rt.tracing.tta import TTA
from ecgdigit_rt.vector.pipeline import VectorPipeline, VectorState
from ecgdigit_rt.warmup import start_warmup
from ecgdigit_rt.words import WordSource, no_words
from ecgdigit_rt.worker_processes import ProcessDigitizer, worker_count

_PARALLEL_PAGES_PER_THREAD = 3
"""Minimum number of pages per thread from which pages are digitized in parallel.

With fewer pages, threads would be idle for a large part of the run. Hand-picked, not tuned.
"""

NETWORKS, CLASSICAL = METHODS = ("networks", "classical")
"""Values of `method`: the three networks of a model family, or the classical pipeline without networks."""

_NEURAL_DEFAULTS = {"models": "lite", "tta": "none", "backend": AUTO, "device": AUTO, "precision": AUTO}
"""Options that apply only to networks, with the default values, which mean "not specified"."""


@dataclass(frozen=True, slots=True, eq=False)
class _Prepared:
    """Page whose lines were digitized, or its picture (height, width, 3) with a note on the lines."""

    image: NDArray[np.uint8] = field(default_factory=lambda: np.zeros((0, 0, 3), np.uint8))
    digitized: Digitized | None = None
    note: str = ""


class Digitizer:
    """Digitizer of ECG pages, with the networks of one model family or with the classical method.

    In a run with fewer than three pages per thread, pages are digitized one after another, each with all
    threads. In a larger run, pages are digitized in parallel, one per thread, because a network that uses one
    thread never waits for another thread. Use the digitizer as a context manager, or call `close`, to release
    networks and threads early.

    Parameters
    ----------
    models : str
        Name of a shipped model family, or path of a folder that `ecgdigit-rt export` wrote.
    threads : int, optional
        Number of CPU threads. Default: the number of CPUs that this process may use.
    tta : {"none", "flip", "photometric", "full"}
        Test-time augmentation of the trace stage.
    enforce_einthoven : bool
        Correct limb leads that nearly satisfy Einthoven's law. Samples that clearly violate the law do not
        change.
    no_beat_prior : bool
        Leave columns of the trace with low confidence as predicted. By default, they are corrected from the
        same lead in another row, and from the other leads of the same beat.
    layout : str, optional
        Layout of all pages: a name, or a list of rows such as ``"I,II,III/aVR,aVL,aVF"``. By default, the
        layout of each page is detected.
    speed_mm_s, gain_mm_mv : float, optional
        Paper speed in mm/s and gain in mm/mV. They override the values that are printed on the page.
    min_quality_db : float, optional
        Reject pages whose expected signal-to-noise ratio in dB is lower than this or unknown.
    strict : bool
        Reject pages with doubts. By default, they are digitized with the status `doubtful`.
    vector : bool
        Read the lines of vector PDFs directly, without networks. If False, all pages are read as pictures.
    ocr : bool
        Recognize the text of pages on which the networks do not read speed or gain, if the extra `ocr` is
        installed.
    backend, device, precision : str
        Runtime, device and numeric type of the networks. A specified value that is not available is rejected,
        and never replaced with another value.
    opener : StageOpener, optional
        Object that opens the networks. If it is specified, `backend`, `device` and `precision` are ignored.
        The opened networks may be shared with other callers, so `close` leaves them open.
    method : {"networks", "classical"}
        The classical method runs no network. It rejects values of `models`, `tta`, `backend`, `device` and
        `precision` other than the defaults, and ignores `no_beat_prior` and `opener`.
    max_pixels : int
        Reject images that have more pixels than this. Image files are rejected before they are decoded.

    Attributes
    ----------
    threads : int
        Number of CPU threads.
    device, models : str
        Descriptions for display. `device` describes backend, device, precision and threads. `models`
        describes model family, version and size.
    notes : tuple of str
        Remarks about the selected method and backend, for display.
    identity : mapping of str to str
        Descriptions of the software, the models and the device, which together affect the results.

    Raises
    ------
    UnknownChoice
        If `method`, `tta`, `backend`, `device` or `precision` is unknown, or if an option that applies only
        to networks is specified for the classical method.
    InvalidLayout
        If `layout` is neither a known name nor a list of rows.
    BackendUnusable
        If a specified backend, device or precision is not available, or if no backend is available.
    ModelMissing, ModelCorrupt
        If a file of the model family does not exist, or does not match its manifest.

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
        strict: bool = False,
        ocr: bool = True,
        vector: bool = True,
        backend: str = AUTO,
        device: str = AUTO,
        precision: str = AUTO,
        opener: StageOpener | None = None,
        method: str = NETWORKS,
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        self._arguments = {
            "models": models,
            "tta": tta,
            "enforce_einthoven": enforce_einthoven,
            "no_beat_prior": no_beat_prior,
            "layout": layout,
            "speed_mm_s": speed_mm_s,
            "gain_mm_mv": gain_mm_mv,
            "min_quality_db": min_quality_db,
            "strict": strict,
            "ocr": ocr,
            "vector": vector,
            "backend": backend,
            "device": device,
            "precision": precision,
            "method": method,
            "max_pixels": max_pixels,
        }
        self._has_opener = opener is not None
        self.threads = threads or usable_cpus()
        self._max_pixels = max_pixels
        self._is_closed = False
        self._vector: VectorPipeline | None = None
        plan = None if layout is None else plan_from_text(layout)
        overrides = LayoutOverrides(plan, speed_mm_s, gain_mm_mv)
        assembly = AssemblyOptions(enforce_einthoven, min_quality_db, strict)
        start_warmup()
        self._method: Method
        if method == NETWORKS:
            if tta not in TTA:
                raise UnknownChoice("tta", tta, tuple(TTA))
            selected = opener or select_backend(backend, device, precision, graph_precisions(models)).opener()
            options = PipelineOptions(tta, overrides, ocr, no_beat_prior, assembly)
            owns = opener is None
            self._method = NeuralMethod(models, selected, self.threads, options, owns_runners=owns)
            self._vector = vector_pipeline(overrides, assembly) if vector else None
        else:
            options_of_networks = {
                "models": models,
                "tta": tta,
                "backend": backend,
                "device": device,
                "precision": precision,
            }
            _check_classical(method, options_of_networks)
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
        """Release networks and threads. Digitizing a page with a closed digitizer raises ValueError."""
        self._is_closed = True
        self._method.close()

    def digitize(self, source: Source) -> Digitized:
        """Digitize one page.

        Parameters
        ----------
        source : str, Path, PageRef or ndarray
            Page to digitize: the first page of a file, a specified page of a file, or an image array. The
            shape of an array is (height, width) or (height, width, 1, 3 or 4). Its channels are in RGB or
            RGBA order.

        Returns
        -------
        Digitized
            Leads, layout and quality of the page.

        Raises
        ------
        InputError
            If the source cannot be read.
        PageError
            If no ECG can be digitized from the page, or if `min_quality_db` rejects it.
        SetupError
            If a network cannot be opened, or if the package that decodes the format is not installed.
        ValueError
            If the digitizer is closed.
        """
        page = page_from_source(source, max_pixels=self._max_pixels)
        self._check_open()
        return self._finished(page, self._prepared(page), self.threads)

    def digitize_image(
        self, image: NDArray[np.uint8], source: PageRef, words: WordSource = no_words
    ) -> Digitized:
        """Digitize one decoded page.

        Parameters
        ----------
        image : ndarray of uint8, (height, width, 3)
            RGB image.
        source : PageRef
            Page that the image shows. It is stored with the result and not read.
        words : callable, optional
            Function that returns the words that the file contains, with boxes in pixels of the image.

        Returns
        -------
        Digitized
            Leads, layout and quality of the page.

        Raises
        ------
        PageError
            If no ECG can be digitized from the image, or if `min_quality_db` rejects it.
        SetupError
            If a network cannot be opened.
        ValueError
            If the digitizer is closed.
        """
        return self._reader(self.threads).read(image, source, words)

    def digitize_drawing(
        self,
        drawing: Drawing,
        source: PageRef,
        observer: StepObserver | None = None,
        words: WordSource = no_words,
    ) -> VectorState:
        """Digitize the line drawing of one page and return the values of all steps. No network is used.

        Parameters
        ----------
        drawing : Drawing
            Line drawing of the page.
        source : PageRef
            Page that the drawing shows. It is stored with the result and not read.
        observer : callable, optional
            Called with the name and the value of each step as soon as the step is complete.
        words : callable, optional
            Function that returns the words that the file contains.

        Returns
        -------
        VectorState
            Drawing, options, and the values of all steps.

        Raises
        ------
        DrawingNotUnderstood
            If the lines cannot be read as an ECG. The picture of the page may still be readable.
        PageError
            If `strict` or `min_quality_db` rejects the page.
        ValueError
            If the digitizer is closed, or if it reads all pages as pictures.
        """
        self._check_open()
        if self._vector is None:
            raise ValueError("digitize_drawing requires method='networks' and vector=True")
        return self._vector.run(drawing, words(), source, observer)

    @property
    def reads_drawings(self) -> bool:
        """True if the lines of vector files are read directly."""
        return self._vector is not None

    def digitize_steps(
        self,
        image: NDArray[np.uint8],
        source: PageRef,
        observer: StepObserver | None = None,
        words: WordSource = no_words,
    ) -> PageState:
        """Digitize one decoded page and return the values of all steps.

        Parameters
        ----------
        image : ndarray of uint8, (height, width, 3)
            RGB image.
        source : PageRef
            Page that the image shows. It is stored with the result and not read.
        observer : callable, optional
            Called with the name and the value of each step as soon as the step is complete.
        words : callable, optional
            Function that returns the words that the file contains, with boxes in pixels of the image.

        Returns
        -------
        PageState
            Image, options, and the values of all steps.

        Raises
        ------
        PageError
            If no ECG can be digitized from the image, or if `min_quality_db` rejects it.
        SetupError
            If a network cannot be opened.
        ValueError
            If the digitizer is closed, or if its method is classical, which has other steps.
        """
        self._check_open()
        if not isinstance(self._method, NeuralMethod):
            raise ValueError("digitize_steps requires method='networks'")  # noqa: TRY004
        return self._method.reader(self.threads).run(image, source, observer, words)

    @property
    def is_accelerated(self) -> bool:
        """True if the networks run on a device with its own memory, such as a GPU."""
        return self._method.is_accelerated

    def network_threads(self, pages: int) -> int:
        """Return the number of CPU threads that each network uses in a run of `pages` pages.

        Parameters
        ----------
        pages : int
            Number of pages of the run.

        Returns
        -------
        int
            1 if there are enough pages to digitize them in parallel, otherwise `threads`.
        """
        return 1 if pages >= _PARALLEL_PAGES_PER_THREAD * self.threads else self.threads

    def digitize_many(
        self, sources: Iterable[Source], network_threads: int | None = None, workers: int | None = 1
    ) -> Iterator[Result]:
        """Digitize all pages of files, folders, globs, `PageRef`s and image arrays.

        Parameters
        ----------
        sources : iterable of str, Path, PageRef or ndarray
            Files, folders, globs, pages of files, and image arrays. While pages are digitized one after
            another, the next page is already decoded.
        network_threads : int, optional
            Number of CPU threads that each network uses, either 1 or `threads`. By default, it is
            the result of the method `network_threads`. The number of threads affects the order of
            floating-point sums, and therefore the last digits of the signals.
        workers : int, optional
            Number of processes that digitize pages. With 1, the default, the threads of this process do. With
            None, the number is chosen as by `ecgdigit-rt run`: one process per thread for many pages and
            three or more threads. A script that uses processes must guard its main code with
            `if __name__ == "__main__":`. A crash in native code affects only the page in progress.

        Yields
        ------
        Digitized or Failed
            One result per page, in input order. An exception of a page, or of a source that cannot be read,
            becomes a `Failed`.

        Raises
        ------
        SetupError
            If a network cannot be opened, or a GPU stops working (DeviceLost).
        WorkerDied
            If the thread that feeds a GPU has ended, or if a process cannot be started.
        ValueError
            If the digitizer is closed, or if a digitizer with an `opener` is to use processes.
        """
        self._check_open()
        pages = pages_from_sources(sources, self._max_pixels)
        if workers is None:
            listed = list(pages)
            pages = iter(listed)
            workers = 1 if self._has_opener else worker_count(None, self, len(listed), isolate=False)
        if network_threads is None:
            first = list(islice(pages, _PARALLEL_PAGES_PER_THREAD * self.threads))
            network_threads, pages = self.network_threads(len(first)), chain(first, pages)
        if workers > 1:
            yield from self._in_processes(pages, workers, network_threads)
        else:
            yield from self._in_this_process(pages, network_threads)

    def _in_processes(self, pages: Iterator[DecodablePage], workers: int, threads: int) -> Iterator[Result]:
        if self._has_opener:
            raise ValueError("a digitizer with an opener cannot use worker processes")
        digitizer = ProcessDigitizer(partial(open_page_digitizer, self._arguments), workers)
        return digitizer.digitize_all(((page.page, page) for page in pages), threads)

    def _in_this_process(self, pages: Iterator[DecodablePage], network_threads: int) -> Iterator[Result]:
        if network_threads < self.threads:
            yield from self._in_parallel(pages)
        else:
            yield from self._in_sequence(pages)

    def _digitize_page(self, page: PageRef | DecodablePage, threads: int) -> Result:
        """Digitize one page as `digitize_many` does, with `threads` threads. For worker processes.

        The memory for decoding is limited.
        """
        if isinstance(page, PageRef):
            page = page_from_source(page, max_pixels=self._max_pixels)
        page = page.with_memory_limit(decode_bytes(self._max_pixels))
        return next(self._in_this_process(iter([page]), threads))

    def _in_sequence(self, pages: Iterator[DecodablePage]) -> Iterator[Result]:
        """Digitize one page after another with all threads, and decode the next page meanwhile."""
        self._check_open()
        with ThreadPoolExecutor(1) as decoder:
            pending = deque((page, decoder.submit(self._prepared, page)) for page in islice(pages, 1))
            while pending:
                pending.extend((page, decoder.submit(self._prepared, page)) for page in islice(pages, 1))
                page, prepared = pending.popleft()
                yield self._result(page, prepared.result, self.threads)

    def _in_parallel(self, pages: Iterable[DecodablePage]) -> Iterator[Result]:
        self._check_open()
        with single_library_threads():
            yield from ordered_map(
                lambda page: self._result(page, partial(self._prepared, page), 1), pages, self.threads
            )

    def _prepared(self, page: DecodablePage) -> _Prepared:
        """Digitize the lines of a page, or decode its picture. Raises InputError, SetupError or PageError."""
        note = ""
        drawing = page.drawing() if self._vector is not None else None
        if self._vector is not None and drawing is not None:
            try:
                return _Prepared(digitized=self._vector.read(drawing, page.words(), page.page))
            except DrawingNotUnderstood as error:
                note = f"the page was read as a picture: {error}"
        return _Prepared(page.pixels(), note=note)

    def _finished(self, page: DecodablePage, prepared: _Prepared, threads: int) -> Digitized:
        """Return the digitized page. Raises PageError or SetupError."""
        if prepared.digitized is not None:
            return prepared.digitized
        result = self._reader(threads).read(prepared.image, page.page, page.words)
        return replace(result, notes=(prepared.note, *result.notes)) if prepared.note else result

    def _result(self, page: DecodablePage, prepare: Callable[[], _Prepared], threads: int) -> Result:
        """Return the result of a page, or its failure.

        Raises SetupError if a network cannot be opened, DeviceLost or WorkerDied.
        """
        try:
            prepared = prepare()
        except Exception as error:  # noqa: BLE001 an error of one page must not stop the other pages
            return failed_from_error(page.page, error)
        if prepared.digitized is None:
            self._reader(threads)
        try:
            return self._finished(page, prepared, threads)
        except (DeviceLost, WorkerDied):
            raise  # all later pages would fail as well
        except Exception as error:  # noqa: BLE001 the same
            return failed_from_error(page.page, error)

    def _reader(self, threads: int) -> PageReader:
        self._check_open()
        return self._method.reader(threads)

    def _check_open(self) -> None:
        if self._is_closed:
            raise ValueError("the digitizer is closed")


def open_page_digitizer(
    arguments: Mapping[str, Any], threads: int
) -> Callable[[PageRef | DecodablePage], Result]:
    """Return a function that digitizes one page. To be called in a worker process.

    `arguments` are those of `Digitizer`, except `threads`. The results of the function equal those of
    `Digitizer.digitize_many` with `network_threads=threads`. If `threads` is 1, numerical libraries are
    limited to one thread in the whole process. Raises the same errors as `Digitizer`.
    """
    if threads == 1:
        limit_library_threads()
    digitizer = Digitizer(threads=threads, **arguments)
    return partial(digitizer._digitize_page, threads=threads)


def _check_classical(method: str, options: Mapping[str, str]) -> None:
    """Raise UnknownChoice for an unknown `method`, or for an option with another value than its default."""
    if method not in METHODS:
        raise UnknownChoice("method", method, METHODS)
    for option, value in options.items():
        default = _NEURAL_DEFAULTS[option]
        if value != default:
            raise UnknownChoice(f"classical {option}", value, (default,))
