"""The whole way of one page: locate, rectify, read the layout, trace, assemble."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ecgdigit_engine.runner import Runner
from ecgdigit_rt.errors import NoGridFound, QualityTooLow
from ecgdigit_rt.geometry.deskew import straightened
from ecgdigit_rt.geometry.grid_stage import GridPhase, grid_phase, mesh_from_grid
from ecgdigit_rt.geometry.locate_stage import Located, locate
from ecgdigit_rt.geometry.mesh import Mesh
from ecgdigit_rt.geometry.minor_grid import with_fine_lines
from ecgdigit_rt.layout.match import NOTHING_TOLD, Reading, Told, read_layout
from ecgdigit_rt.layout.paper_heatmap import PaperHeat, paper_heat
from ecgdigit_rt.layout.text_closeup import looked_closer
from ecgdigit_rt.results import Digitized, Layout, Maker, PageRef
from ecgdigit_rt.tracing.assemble import spread_layout, stretches_from_traces, turned_points
from ecgdigit_rt.tracing.beat_prior import with_likely_beats
from ecgdigit_rt.tracing.ecg_check import check_marks, seen_leads
from ecgdigit_rt.tracing.lead_relations import blended, repeats_mv
from ecgdigit_rt.tracing.lead_trace import SeenStrip, Trace
from ecgdigit_rt.tracing.mesh_from_rows import mesh_from_rows
from ecgdigit_rt.tracing.record_extent import ends_in_picture, on_drawn_step, record_extent_mm
from ecgdigit_rt.tracing.row_traces import ends_of, page_traces, seen_rows
from ecgdigit_rt.tracing.strip_inference import Look, page_look
from ecgdigit_rt.tracing.tta import TTA

T = TypeVar("T")

Watcher = Callable[[str, object], None]
"""Is told a step's name and value as soon as it is done: what was seen, a later error does not lose."""


class _Clock:
    """Seconds by step, and who is told what each gave."""

    def __init__(self, watcher: Watcher | None) -> None:
        self.seconds: dict[str, float] = {}
        self._watcher = watcher

    def timed(self, name: str, step: Callable[[], T]) -> T:
        started = time.perf_counter()
        try:
            value = step()
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started
        if self._watcher is not None:
            self._watcher(name, value)
        return value


@dataclass(frozen=True, slots=True)
class PageSteps:
    """One page's way, each step's value. strips and traces: by row of the page's layout."""

    located: Located
    phase: GridPhase
    mesh: Mesh
    heat: PaperHeat
    reading: Reading
    strips: Sequence[SeenStrip]
    traces: Sequence[Sequence[Trace]]
    page: Digitized


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How pages are to be read.

    tta: a name in `ecgdigit_rt.tracing.tta.TTA`. blend: leads that nearly obey Einthoven's law are made to.
    told: what need not be read off the page. least_db: pages of less expected quality are refused.
    seen_only: where a curve is in doubt, the other leads of the same beat are not asked.
    """

    tta: str = "none"
    blend: bool = False
    told: Told = field(default_factory=Told)
    least_db: float | None = None
    seen_only: bool = False


class PageReader:
    """Reads pages with the three stages' runners; several threads may use one reader.

    runners: by name, with `SAMPLED_TRACE` where strips are to be cut out on the device. maker: what the
    pages say that read them.
    """

    def __init__(
        self,
        runners: Mapping[str, Runner],
        options: ReadOptions = ReadOptions(),
        maker: Maker | None = None,
    ) -> None:
        self._runners, self._options, self._maker = runners, options, maker
        self._views = TTA[options.tta]

    def read(self, image: NDArray[np.uint8], source: PageRef) -> Digitized:
        """Read one page. image: (height, width, 3) uint8 RGB. Raises a PageError that names what is wrong."""
        return self.steps(image, source).page

    def steps(self, image: NDArray[np.uint8], source: PageRef, watcher: Watcher | None = None) -> PageSteps:
        """Read one page and keep what every step gave; `watcher` is told as they go.

        Raises as `read` does.
        """
        clock, told = _Clock(watcher), self._options.told
        located = clock.timed("locate", lambda: locate(self._runners["locate"], image))
        phase = clock.timed("grid", lambda: grid_phase(self._runners["grid"], located))
        mesh = clock.timed("rectify", lambda: page_mesh(self._runners, located, phase, told))
        heat = clock.timed("closer", lambda: self._heat(located, mesh))
        reading = clock.timed("layout", lambda: read_layout(heat, told))
        if told.plan is None:
            check_marks(reading)
        look = page_look(self._runners, located.image, mesh, self._views)
        strips = clock.timed("trace", lambda: seen_rows(look, reading.layout))
        size = (located.image.shape[1], located.image.shape[0])
        seen = [ends_of(strip) for strip in strips]
        ends = ends_in_picture(seen, reading.layout, mesh, size)
        start, end = record_extent_mm(ends, reading.layout, reading.pulse_side, is_cut=ends != seen)
        drawn = on_drawn_step(start, mesh)
        layout = spread_layout(reading.layout, drawn, drawn + end - start)
        traces = clock.timed("trace", lambda: self._traces(look, strips, layout))
        stretches = clock.timed("assemble", lambda: stretches_from_traces(layout, traces, mesh, size))
        leads = seen_leads(stretches)
        leads = blended(leads) if self._options.blend else leads
        leads = {
            name: dataclasses.replace(
                lead, curve_px=turned_points(lead.curve_px, size, located.quarter_turns)
            )
            for name, lead in leads.items()
        }
        residual_px = None if np.isnan(mesh.residual_px) else mesh.residual_px
        repeats = repeats_mv(stretches)
        page = Digitized(
            source, leads, layout, residual_px, clock.seconds, repeats, self._maker, reading.notes
        )
        if self._options.least_db is not None and not page.expected_db >= self._options.least_db:
            raise QualityTooLow(page.expected_db, self._options.least_db)
        return PageSteps(located, phase, mesh, heat, reading, strips, traces, page)

    def _traces(self, look: Look, strips: Sequence[SeenStrip], layout: Layout) -> list[list[Trace]]:
        """What the strips show, and where that is in doubt, what the leads of a beat make likely."""
        traces = page_traces(look, strips, layout)
        return traces if self._options.seen_only else with_likely_beats(traces, layout)

    def _heat(self, located: Located, mesh: Mesh) -> PaperHeat:
        """What stage 0 saw, laid on the paper, with its text read a second time."""
        heat = paper_heat(located, mesh)
        return looked_closer(self._runners["locate"], located.image, mesh, heat)


def page_mesh(
    runners: Mapping[str, Runner], located: Located, phase: GridPhase, told: Told = NOTHING_TOLD
) -> Mesh:
    """The grid's mesh, or where that cannot be told the rows' own, made exact by finer lines.

    Raises NoGridFound.
    """
    try:
        return straightened(runners["grid"], located.image, mesh_from_grid(phase))
    except NoGridFound as error:
        mesh = mesh_from_rows(located, runners, told)
        if mesh is None:
            raise NoGridFound(error.reason) from error
        return with_fine_lines(mesh, located.image)
