"""Classical pipeline of one page, without networks: grid, ink, layout, traces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.classical.grid_mesh import grid_mesh
from ecgdigit_rt.classical.ink_trace import InkStrip, ink_strips, lead_traces
from ecgdigit_rt.classical.paper_ink import PaperInk, brightest_channel, paper_ink
from ecgdigit_rt.classical.row_ends import drop_outlier_ends, row_ends
from ecgdigit_rt.classical.row_layout import ClassicalLayout, read_layout
from ecgdigit_rt.errors import PageError
from ecgdigit_rt.geometry.mesh import Mesh
from ecgdigit_rt.layout.match import NO_OVERRIDES, LayoutOverrides
from ecgdigit_rt.results import Digitized, Layout, PageRef
from ecgdigit_rt.steps import Step, run_steps
from ecgdigit_rt.tracing.assemble import (
    DEFAULT_ASSEMBLY,
    AssemblyOptions,
    UprightView,
    page_from_traces,
    stretch_layout,
)
from ecgdigit_rt.tracing.lead_trace import LeadTrace
from ecgdigit_rt.tracing.record_extent import ends_within_image, record_extent_mm, snap_to_half_mm
from ecgdigit_rt.words import WordSource, no_words


@dataclass(slots=True)
class ClassicalState:
    """Input of the pipeline and the results of the completed steps.

    `image` is (height, width, 3) uint8 RGB. If the page is not upright, the step `orient` rotates the image
    counterclockwise by `quarter_turns` and repeats the previous steps.
    """

    source: PageRef
    image: NDArray[np.uint8] = field(repr=False)
    overrides: LayoutOverrides
    options: AssemblyOptions
    seconds: dict[str, float] = field(default_factory=dict)
    quarter_turns: int = field(init=False)
    mesh: Mesh = field(init=False)
    ink: PaperInk = field(init=False)
    reading: ClassicalLayout = field(init=False)
    strips: Sequence[InkStrip] = field(init=False)
    layout: Layout = field(init=False)
    traces: Sequence[Sequence[LeadTrace]] = field(init=False)
    page: Digitized = field(init=False)

    @property
    def view(self) -> UprightView:
        """Size and orientation of the upright image."""
        height, width = self.image.shape[:2]
        return UprightView((width, height), self.quarter_turns)


def _grid(state: ClassicalState) -> Mesh:
    return grid_mesh(state.image)


def _ink(state: ClassicalState) -> PaperInk:
    return paper_ink(brightest_channel(state.image), state.mesh)


def _orient(state: ClassicalState) -> int:
    """Rotate the image to the most plausible orientation, and measure grid and ink again if it was rotated.

    Returns the number of quarter turns. Raises the error of the unrotated page if no orientation has a
    layout.
    """
    turns = _best_turns(state.ink, state.overrides)
    if turns:
        state.image = np.ascontiguousarray(np.rot90(state.image, turns))
        state.mesh = _grid(state)
        state.ink = _ink(state)
    return turns


def _read_layout(state: ClassicalState) -> ClassicalLayout:
    return read_layout(state.ink, state.overrides)


def _sample_strips(state: ClassicalState) -> Sequence[InkStrip]:
    return ink_strips(brightest_channel(state.image), state.mesh, state.reading.layout.rows, state.ink.level)


def _measure_extent(state: ClassicalState) -> Layout:
    """Return the layout, spread over the measured extent of the record."""
    rough, pulses = state.reading.layout, state.reading.pulses
    edges_mm = pulses.median_edges_mm
    detected = [
        row_ends(strip, row, pulses.side, edges_mm)
        for strip, row in zip(state.strips, rough.rows, strict=True)
    ]
    ends = ends_within_image(detected, rough, state.mesh, state.view.size_px)
    start_mm, end_mm = record_extent_mm(drop_outlier_ends(ends), rough, pulses.side, is_cut=ends != detected)
    snapped_mm = snap_to_half_mm(start_mm, state.mesh)
    return stretch_layout(rough, snapped_mm, snapped_mm + end_mm - start_mm)


def _trace(state: ClassicalState) -> Sequence[Sequence[LeadTrace]]:
    return [lead_traces(strip, row) for strip, row in zip(state.strips, state.layout.rows, strict=True)]


def _assemble(state: ClassicalState) -> Digitized:
    return page_from_traces(
        state.source,
        state.layout,
        state.traces,
        state.mesh,
        state.view,
        notes=state.reading.notes,
        seconds=state.seconds,
        options=state.options,
    )


CLASSICAL_STEPS: tuple[Step[ClassicalState], ...] = (
    Step("grid", "mesh", "Grid measured", _grid),
    Step("ink", "ink", "Ink detected", _ink),
    Step("orient", "quarter_turns", "Page upright", _orient),
    Step("layout", "reading", "Layout read", _read_layout),
    Step("sample", "strips", "Rows sampled", _sample_strips),
    Step("extent", "layout", "Record measured", _measure_extent),
    Step("trace", "traces", "Leads traced", _trace),
    Step("assemble", "page", "Leads assembled", _assemble),
)
"""Steps from a decoded image to a digitized page, in order."""


class ClassicalPipeline:
    """Pipeline without networks, a reference for accuracy tables. Thread-safe.

    Text is not read. The number of rows and the positions of labels determine the layout, and the calibration
    pulses determine speed and gain, unless `overrides` specifies them. Without pulses, standard values are
    assumed. Expected errors are computed by the formula of the neural pipeline and are rough estimates.
    """

    def __init__(
        self, overrides: LayoutOverrides = NO_OVERRIDES, options: AssemblyOptions = DEFAULT_ASSEMBLY
    ) -> None:
        self._overrides, self._options = overrides, options

    def read(
        self,
        image: NDArray[np.uint8],
        source: PageRef,
        words: WordSource = no_words,  # noqa: ARG002
    ) -> Digitized:
        """Digitize one page. `image` is (height, width, 3) uint8 RGB. Raises a PageError.

        The words of the file are not used.
        """
        state = ClassicalState(source, image, self._overrides, self._options)
        run_steps(CLASSICAL_STEPS, state, state.seconds)
        return state.page


def _best_turns(ink: PaperInk, overrides: LayoutOverrides) -> int:
    """Return the number of counterclockwise quarter turns after which the page scores best.

    A rotation is possible only if marks are detected on the rotated page, even if `overrides` specifies the
    layout.
    """
    scores: dict[int, float] = {}
    errors: list[PageError] = []
    for turns in range(4):
        try:
            needs_marks = True if turns else None
            scores[turns] = read_layout(ink.rotated(turns), overrides, needs_marks=needs_marks).score
        except PageError as error:
            errors.append(error)
    if not scores:
        raise errors[0]
    return max(scores, key=lambda turns: scores[turns])
