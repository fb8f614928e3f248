"""What one page's steps gave, as far as they came, and its pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ecgdigit_rt.geometry.grid_stage import GridPhase
from ecgdigit_rt.geometry.locate_stage import Located
from ecgdigit_rt.geometry.mesh import Mesh
from ecgdigit_rt.layout.match import LayoutReading
from ecgdigit_rt.layout.paper_heatmap import PaperHeatmap
from ecgdigit_rt.plots.inspect.canvas import Image
from ecgdigit_rt.plots.inspect.curves import curves_from_traces
from ecgdigit_rt.plots.inspect.flat_page import flat_page_from_mesh
from ecgdigit_rt.plots.inspect.grid import (
    horizontal_lines_from_phase,
    mesh_from_located,
    vertical_lines_from_phase,
)
from ecgdigit_rt.plots.inspect.labels import labels_from_located, picture_without_sheet, sheet_from_located
from ecgdigit_rt.plots.inspect.plot import TrueLead, plot_from_leads
from ecgdigit_rt.results import Digitized, Failed, PageRef
from ecgdigit_rt.tracing.lead_trace import LeadTrace

PICTURES = (
    "1-labels", "2-page", "3-grid-vertical", "4-grid-horizontal", "5-mesh", "6-rectified", "7-traces",
    "8-leads",
)  # fmt: skip
"""Their names, in the order of the steps."""


@dataclass(slots=True)
class Inspection:
    """One page's steps; what was not reached is None. It watches a `PageReader` (`watch`).

    image: (height, width, 3) uint8 RGB, as decoded. steps: the names of those that are done.
    truth: leads whose truth is known. failed: why the page went no further.
    """

    source: PageRef
    image: Image
    steps: list[str] = field(default_factory=list)
    located: Located | None = None
    phase: GridPhase | None = None
    mesh: Mesh | None = None
    heat: PaperHeatmap | None = None
    reading: LayoutReading | None = None
    traces: Sequence[Sequence[LeadTrace]] = ()
    page: Digitized | None = None
    truth: Mapping[str, TrueLead] = field(default_factory=dict)
    failed: Failed | None = None

    def watch(self, step: str, value: object) -> None:
        """Keep a step's value."""
        if step not in self.steps:
            self.steps.append(step)
        match value:
            case Located():
                self.located = value
            case GridPhase():
                self.phase = value
            case Mesh():
                self.mesh = value
            case PaperHeatmap():
                self.heat = value
            case LayoutReading():
                self.reading = value


def pictures_from_inspection(seen: Inspection) -> Iterator[tuple[str, Image]]:
    """Each picture's name and pixels, (h, w, 3) uint8 RGB, as far as the page came."""
    located, phase, mesh, page = seen.located, seen.phase, seen.mesh, seen.page
    if located is None:
        yield PICTURES[1], picture_without_sheet(seen.image)
        return
    yield PICTURES[0], labels_from_located(located, seen.heat, mesh)
    yield PICTURES[1], sheet_from_located(located)
    if phase is not None:
        yield PICTURES[2], vertical_lines_from_phase(located, phase)
        yield PICTURES[3], horizontal_lines_from_phase(located, phase)
    if mesh is not None:
        yield PICTURES[4], mesh_from_located(located, mesh)
        rough = seen.reading.layout if seen.reading is not None else None
        yield PICTURES[5], flat_page_from_mesh(located, mesh, page.layout if page is not None else rough)
        if page is not None:
            yield PICTURES[6], curves_from_traces(located, mesh, page.layout, seen.traces)
            yield PICTURES[7], plot_from_leads(page, seen.truth)
