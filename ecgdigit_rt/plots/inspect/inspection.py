"""Results of the steps of one page, and the images that show them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ecgdigit_rt.doubts import Doubt
from ecgdigit_rt.geometry.grid_stage import GridPhase
from ecgdigit_rt.geometry.locate_stage import Located
from ecgdigit_rt.geometry.mesh import Mesh
from ecgdigit_rt.layout.match import LayoutReading
from ecgdigit_rt.layout.page_text import PageText
from ecgdigit_rt.layout.paper_heatmap import PaperHeatmap
from ecgdigit_rt.plots.doubt_band import doubt_band
from ecgdigit_rt.plots.inspect.canvas import WIDTH_PX, Image
from ecgdigit_rt.plots.inspect.curves import curves_from_traces
from ecgdigit_rt.plots.inspect.grid import (
    horizontal_lines_from_phase,
    mesh_from_located,
    vertical_lines_from_phase,
)
from ecgdigit_rt.plots.inspect.labels import image_without_sheet, labels_from_located, sheet_from_located
from ecgdigit_rt.plots.inspect.lead_plot import TrueLead, plot_from_leads
from ecgdigit_rt.plots.inspect.rectified import rectified_from_mesh
from ecgdigit_rt.plots.inspect.vector_comparison import vector_comparison
from ecgdigit_rt.results import Digitized, Failed, PageRef
from ecgdigit_rt.tracing.lead_trace import LeadTrace

VECTOR_NAME = "9-vector"
"""Name of the image that compares the lines of a vector file with the traces of its picture."""

IMAGE_NAMES = (
    "1-labels", "2-page", "3-grid-vertical", "4-grid-horizontal", "5-mesh", "6-rectified", "7-traces",
    "8-leads",
)  # fmt: skip
"""Names of the images, in the order of the steps."""
_RESULT_IMAGES = IMAGE_NAMES[5:]
"""Names of the images that show the layout or the leads."""


@dataclass(slots=True)
class Inspection:
    """Results of the steps of one page. The result of a step that was not reached is None or empty.

    `observe` is an observer for `Digitizer.digitize_steps`. `image` is the decoded image, (height, width, 3)
    uint8 RGB. `steps` are the names of the completed steps. `truth` contains the leads with known truth.
    `failed` is the result of a page that failed. `vector` is the result of the lines of a vector file, and
    the other results are those of its picture.
    """

    source: PageRef
    image: Image
    steps: list[str] = field(default_factory=list)
    located: Located | None = None
    phase: GridPhase | None = None
    mesh: Mesh | None = None
    heatmap: PaperHeatmap | None = None
    reading: LayoutReading | None = None
    traces: Sequence[Sequence[LeadTrace]] = ()
    page: Digitized | None = None
    truth: Mapping[str, TrueLead] = field(default_factory=dict)
    failed: Failed | None = None
    vector: Digitized | None = None

    @property
    def result(self) -> Digitized | None:
        """Result of the page: that of the lines of a vector file, or that of the picture."""
        return self.vector or self.page

    @property
    def doubts(self) -> tuple[Doubt, ...]:
        """Doubts of the page. Empty if it has none, or if it was not digitized."""
        return () if self.result is None else self.result.doubts

    def observe(self, step: str, value: object) -> None:
        """Store the name of a step, and its value if this is one of the results above."""
        if step not in self.steps:
            self.steps.append(step)
        match value:
            case Located():
                self.located = value
            case GridPhase():
                self.phase = value
            case Mesh():
                self.mesh = value
            case PageText():
                self.heatmap = value.heatmap
            case LayoutReading():
                self.reading = value


def images_from_inspection(inspection: Inspection) -> Iterator[tuple[str, Image]]:
    """Yield the names and images, (h, w, 3) uint8 RGB, of all steps that were reached.

    If no sheet was located, only image 2 is yielded, with the decoded image. Images of a doubtful page that
    show its layout or its leads begin with the doubts.
    """
    band = doubt_band(inspection.doubts, WIDTH_PX)
    for name, image in _step_images(inspection):
        yield name, np.concatenate([band, image]) if name in _RESULT_IMAGES else image


def _step_images(inspection: Inspection) -> Iterator[tuple[str, Image]]:
    """Yield the names and images of all steps that were reached, without doubts."""
    if inspection.vector is not None:
        yield VECTOR_NAME, vector_comparison(inspection.image, inspection.vector, inspection.page)
    located, phase, mesh, page = inspection.located, inspection.phase, inspection.mesh, inspection.page
    if located is None:
        yield IMAGE_NAMES[1], image_without_sheet(inspection.image)
        return
    yield IMAGE_NAMES[0], labels_from_located(located, inspection.heatmap, mesh)
    yield IMAGE_NAMES[1], sheet_from_located(located)
    if phase is not None:
        yield IMAGE_NAMES[2], vertical_lines_from_phase(located, phase)
        yield IMAGE_NAMES[3], horizontal_lines_from_phase(located, phase)
    if mesh is not None:
        yield IMAGE_NAMES[4], mesh_from_located(located, mesh)
        matched = inspection.reading.layout if inspection.reading is not None else None
        yield IMAGE_NAMES[5], rectified_from_mesh(located, mesh, page.layout if page is not None else matched)
        if page is not None:
            yield IMAGE_NAMES[6], curves_from_traces(located, mesh, page.layout, inspection.traces)
            yield IMAGE_NAMES[7], plot_from_leads(page, inspection.truth)
