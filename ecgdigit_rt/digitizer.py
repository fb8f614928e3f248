"""The whole way of a page: decode, locate, rectify, read the layout, trace, assemble."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from importlib.metadata import version
from itertools import islice
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ecgdigit_engine.onnxruntime_runner import OnnxRuntimeRunner
from ecgdigit_engine.runner import Runner
from ecgdigit_rt.assemble import leads_from_traces, spread_layout, turned_points
from ecgdigit_rt.batch import failed_from_error
from ecgdigit_rt.decode import rgb_from_page
from ecgdigit_rt.errors import NoGridFound
from ecgdigit_rt.grid import GridPhase, grid_phase, mesh_from_grid
from ecgdigit_rt.gridless import mesh_from_rows
from ecgdigit_rt.layout import read_layout
from ecgdigit_rt.locate import Located, locate
from ecgdigit_rt.mesh import Mesh
from ecgdigit_rt.models import STAGES, load_models
from ecgdigit_rt.record import Digitized, PageRef, Result
from ecgdigit_rt.rows import record_extent_mm, row_ends, row_traces, settled_extent_mm

T = TypeVar("T")


class _Clock:
    """Seconds by step."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def timed(self, name: str, step: Callable[[], T]) -> T:
        started = time.perf_counter()
        try:
            return step()
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started


class Digitizer:
    """Reads pages with one family of models on the CPU.

    threads: CPU threads for the networks; all that this process may use without it. `device` and
    `models` say in words what was chosen.
    """

    def __init__(self, models: str = "lite", threads: int | None = None) -> None:
        self.threads = threads or len(os.sched_getaffinity(0))
        family = load_models(models)
        self.device = f"onnxruntime {version('onnxruntime')} (CPU, {self.threads} threads)"
        size_mb = sum(len(graph) for graph in family.graphs.values()) / 1e6
        self.models = f"{family.name} {family.version} ({size_mb:.1f} MB)"
        self._runners: dict[str, Runner] = {
            stage: OnnxRuntimeRunner(family.graphs[stage], self.threads) for stage in STAGES
        }

    def digitize_image(self, image: NDArray[np.uint8], source: PageRef) -> Digitized:
        """Read one page. image: (height, width, 3) uint8 RGB. Raises a PageError that names what is wrong."""
        clock = _Clock()
        located = clock.timed("locate", lambda: locate(self._runners["locate"], image))
        phase = clock.timed("grid", lambda: grid_phase(self._runners["grid"], located))
        mesh = clock.timed("rectify", lambda: self._mesh(located, phase))
        reading = clock.timed("layout", lambda: read_layout(located, mesh))
        view = (self._runners["trace"], located.image, mesh, reading.layout)
        ends = clock.timed("ends", lambda: row_ends(*view))
        extent = record_extent_mm(ends, reading.layout, reading.pulse_side)
        traces = clock.timed("trace", lambda: row_traces(*view, extent))
        layout = spread_layout(reading.layout, *settled_extent_mm(traces, extent, reading.pulse_side))
        leads = clock.timed("assemble", lambda: leads_from_traces(layout, traces, mesh))
        size = (located.image.shape[1], located.image.shape[0])
        leads = {
            name: dataclasses.replace(
                lead, curve_px=turned_points(lead.curve_px, size, located.quarter_turns)
            )
            for name, lead in leads.items()
        }
        return Digitized(source, leads, layout, mesh.residual_px, clock.seconds)

    def _mesh(self, located: Located, phase: GridPhase) -> Mesh:
        """The grid's mesh, or where no grid can be told the rows' own."""
        try:
            return mesh_from_grid(phase)
        except NoGridFound as error:
            mesh = mesh_from_rows(located, self._runners["trace"])
            if mesh is None:
                raise NoGridFound(error.reason) from error
            return mesh

    def digitize_many(self, pages: Iterable[PageRef]) -> Iterator[Result]:
        """Read pages in order; the next ones are decoded meanwhile. A page's failure is its result."""
        with ThreadPoolExecutor(1) as decoder:
            waiting: list[tuple[PageRef, Future[NDArray[np.uint8]]]] = []
            pages = iter(pages)
            while True:
                waiting += [
                    (page, decoder.submit(rgb_from_page, page)) for page in islice(pages, 2 - len(waiting))
                ]
                if not waiting:
                    return
                page, image = waiting.pop(0)
                yield self._result(page, image)

    def _result(self, page: PageRef, image: Future[NDArray[np.uint8]]) -> Result:
        try:
            return self.digitize_image(image.result(), page)
        except Exception as error:  # noqa: BLE001 the page's boundary: one bad page costs itself only
            return failed_from_error(page, error)
