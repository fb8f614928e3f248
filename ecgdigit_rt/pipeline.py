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
from ecgdigit_rt.geometry.deskew import deskew
from ecgdigit_rt.geometry.grid_stage import GridPhase, grid_phase, mesh_from_grid
from ecgdigit_rt.geometry.locate_stage import Located, locate
from ecgdigit_rt.geometry.mesh import Mesh
from ecgdigit_rt.geometry.minor_grid import refine_with_minor_lines
from ecgdigit_rt.layout.match import NO_OVERRIDES, LayoutOverrides, LayoutReading, read_layout
from ecgdigit_rt.layout.paper_heatmap import PaperHeatmap, paper_heatmap
from ecgdigit_rt.layout.text_closeup import refine_text_heatmaps
from ecgdigit_rt.results import Digitized, Layout, PageRef, Provenance
from ecgdigit_rt.tracing.assemble import rotate_points, segments_from_traces, spread_layout
from ecgdigit_rt.tracing.beat_prior import apply_beat_prior
from ecgdigit_rt.tracing.ecg_check import check_marks, confident_leads
from ecgdigit_rt.tracing.lead_relations import enforce_einthoven, repeat_difference_mv
from ecgdigit_rt.tracing.lead_trace import LeadTrace, StripPrediction
from ecgdigit_rt.tracing.mesh_from_rows import mesh_from_rows
from ecgdigit_rt.tracing.record_extent import ends_within_image, record_extent_mm, snap_to_half_mm
from ecgdigit_rt.tracing.row_traces import page_traces, predict_rows, row_ends_from_strip
from ecgdigit_rt.tracing.strip_inference import StripPredictor, strip_predictor
from ecgdigit_rt.tracing.tta import TTA

T = TypeVar("T")

StepObserver = Callable[[str, object], None]
"""Is told a step's name and value as soon as it is done: what was seen, a later error does not lose."""


class _Clock:
    """Seconds by step, and who is told what each gave."""

    def __init__(self, watcher: StepObserver | None) -> None:
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
    heat: PaperHeatmap
    reading: LayoutReading
    strips: Sequence[StripPrediction]
    traces: Sequence[Sequence[LeadTrace]]
    page: Digitized


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How pages are to be read.

    tta: a name in `ecgdigit_rt.tracing.tta.TTA`. blend: leads that nearly obey Einthoven's law are made to.
    told: what need not be read off the page. least_db: pages of less expected quality are refused.
    seen_only: where a curve is in doubt, the other leads of the same beat are not asked.
    """

    tta: str = "none"
    enforce_einthoven: bool = False
    told: LayoutOverrides = field(default_factory=LayoutOverrides)
    min_quality_db: float | None = None
    no_beat_prior: bool = False


class PagePipeline:
    """Reads pages with the three stages' runners; several threads may use one reader.

    runners: by name, with `SAMPLED_TRACE` where strips are to be cut out on the device. maker: what the
    pages say that read them.
    """

    def __init__(
        self,
        runners: Mapping[str, Runner],
        options: ReadOptions = ReadOptions(),
        provenance: Provenance | None = None,
    ) -> None:
        self._runners, self._options, self._provenance = runners, options, provenance
        self._views = TTA[options.tta]

    def read(self, image: NDArray[np.uint8], source: PageRef) -> Digitized:
        """Read one page. image: (height, width, 3) uint8 RGB. Raises a PageError that names what is wrong."""
        return self.steps(image, source).page

    def steps(
        self, image: NDArray[np.uint8], source: PageRef, watcher: StepObserver | None = None
    ) -> PageSteps:
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
        look = strip_predictor(self._runners, located.image, mesh, self._views)
        strips = clock.timed("trace", lambda: predict_rows(look, reading.layout))
        size = (located.image.shape[1], located.image.shape[0])
        seen = [row_ends_from_strip(strip) for strip in strips]
        ends = ends_within_image(seen, reading.layout, mesh, size)
        start, end = record_extent_mm(ends, reading.layout, reading.pulse_side, is_cut=ends != seen)
        drawn = snap_to_half_mm(start, mesh)
        layout = spread_layout(reading.layout, drawn, drawn + end - start)
        traces = clock.timed("trace", lambda: self._traces(look, strips, layout))
        stretches = clock.timed("assemble", lambda: segments_from_traces(layout, traces, mesh, size))
        leads = confident_leads(stretches)
        leads = enforce_einthoven(leads) if self._options.enforce_einthoven else leads
        leads = {
            name: dataclasses.replace(
                lead, curve_px=rotate_points(lead.curve_px, size, located.quarter_turns)
            )
            for name, lead in leads.items()
        }
        residual_px = None if np.isnan(mesh.residual_px) else mesh.residual_px
        repeats = repeat_difference_mv(stretches)
        page = Digitized(
            source, leads, layout, residual_px, clock.seconds, repeats, self._provenance, reading.notes
        )
        if self._options.min_quality_db is not None and not page.expected_db >= self._options.min_quality_db:
            raise QualityTooLow(page.expected_db, self._options.min_quality_db)
        return PageSteps(located, phase, mesh, heat, reading, strips, traces, page)

    def _traces(
        self, look: StripPredictor, strips: Sequence[StripPrediction], layout: Layout
    ) -> list[list[LeadTrace]]:
        """What the strips show, and where that is in doubt, what the leads of a beat make likely."""
        traces = page_traces(look, strips, layout)
        return traces if self._options.no_beat_prior else apply_beat_prior(traces, layout)

    def _heat(self, located: Located, mesh: Mesh) -> PaperHeatmap:
        """What stage 0 saw, laid on the paper, with its text read a second time."""
        heat = paper_heatmap(located, mesh)
        return refine_text_heatmaps(self._runners["locate"], located.image, mesh, heat)


def page_mesh(
    runners: Mapping[str, Runner], located: Located, phase: GridPhase, told: LayoutOverrides = NO_OVERRIDES
) -> Mesh:
    """The grid's mesh, or where that cannot be told the rows' own, made exact by finer lines.

    Raises NoGridFound.
    """
    try:
        return deskew(runners["grid"], located.image, mesh_from_grid(phase))
    except NoGridFound as error:
        mesh = mesh_from_rows(located, runners, told)
        if mesh is None:
            raise NoGridFound(error.reason) from error
        return refine_with_minor_lines(mesh, located.image)
