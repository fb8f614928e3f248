"""Pipeline of one page whose file contains the curves as lines, from the drawing to calibrated leads.

No network is used. A page that cannot be read in this way is left to the pipeline for pictures.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from ecgdigit_rt.drawing import Drawing, DrawingNotUnderstood
from ecgdigit_rt.errors import PageDoubtful, PageError, QualityTooLow
from ecgdigit_rt.layout.match import NO_OVERRIDES, LayoutOverrides
from ecgdigit_rt.results import VECTOR, Digitized, Layout, Lead, PageRef
from ecgdigit_rt.steps import Step, StepObserver, run_steps
from ecgdigit_rt.tracing.assemble import (
    DEFAULT_ASSEMBLY,
    AssemblyOptions,
    UprightView,
    page_from_segments,
)
from ecgdigit_rt.tracing.witnesses import signal_doubts
from ecgdigit_rt.vector.curves import Curve, Curves, curves_from_drawing
from ecgdigit_rt.vector.grid import GridScale, grid_scale
from ecgdigit_rt.vector.leads import layout_with_curves, leads_from_curves
from ecgdigit_rt.vector.reading import VectorReading, read_drawing
from ecgdigit_rt.words import Word

_NO_GRID_NOTE = "no grid is drawn as lines: the scale is that of the page in the file"


@dataclass(frozen=True, slots=True)
class VectorOptions:
    """Options of the pipeline for line drawings: overrides of the layout, and options of the assembly."""

    overrides: LayoutOverrides = NO_OVERRIDES
    assembly: AssemblyOptions = DEFAULT_ASSEMBLY


@dataclass(slots=True)
class VectorState:
    """Input of the pipeline, and the values of the completed steps.

    `turns` is the number of counterclockwise quarter turns that make the words upright, and `scale` the scale
    of the upright drawing. The field that contains the value of a step is unset until the step is complete.
    """

    source: PageRef
    original: Drawing
    words: Sequence[Word]
    options: VectorOptions
    seconds: dict[str, float] = field(default_factory=dict)
    turns: int = field(init=False)
    drawing: Drawing = field(init=False)
    has_grid: bool = field(init=False)
    scale: GridScale = field(init=False)
    curves: Curves = field(init=False)
    reading: VectorReading = field(init=False)
    layout: Layout = field(init=False)
    parts: list[list[Curve]] = field(init=False)
    segments: list[Lead] = field(init=False)
    page: Digitized = field(init=False)


def _turn(state: VectorState) -> Drawing:
    """Turn the drawing and the words, so that most of the text is upright."""
    counts = Counter[int]()
    for word in state.words:
        counts[word.quarter_turns] += len(word.text)
    state.turns = counts.most_common(1)[0][0] if counts else 0
    state.words = [word.rotated(state.original.size_px, state.turns) for word in state.words]
    return state.original.rotated(state.turns)


def _measure_grid(state: VectorState) -> GridScale:
    found = grid_scale(state.drawing)
    state.has_grid = found is not None
    return found or GridScale(*state.drawing.px_per_mm, is_certain=False)


def _find_curves(state: VectorState) -> Curves:
    curves = curves_from_drawing(state.drawing, state.scale)
    if not curves.curves:
        raise DrawingNotUnderstood("none of its lines is a curve")
    return curves


def _read_layout(state: VectorState) -> VectorReading:
    return read_drawing(state.drawing, state.curves, state.scale, state.words, state.options.overrides)


def _cut_leads(state: VectorState) -> list[Lead]:
    state.layout, state.parts = layout_with_curves(state.reading.reading.layout, state.reading.rows)
    return leads_from_curves(state.layout, state.parts, state.scale)


def _assemble(state: VectorState) -> Digitized:
    reading = state.reading.reading
    return page_from_segments(
        state.source,
        state.layout,
        state.segments,
        UprightView(state.drawing.size_px, state.turns),
        signal_source=VECTOR,
        notes=(() if state.has_grid else (_NO_GRID_NOTE,)) + reading.notes,
        witness=partial(signal_doubts, printed_rate=reading.printed_rate),
        doubts=(*reading.doubts, *state.reading.doubts),
        seconds=state.seconds,
        options=state.options.assembly,
    )


VECTOR_STEPS: tuple[Step[VectorState], ...] = (
    Step("turn", "drawing", "Page upright", _turn),
    Step("grid", "scale", "Grid measured", _measure_grid),
    Step("curves", "curves", "Curves found", _find_curves),
    Step("layout", "reading", "Layout read", _read_layout),
    Step("cut", "segments", "Leads cut", _cut_leads),
    Step("assemble", "page", "Leads assembled", _assemble),
)
"""Steps from a line drawing to a digitized page, in order."""


class VectorPipeline:
    """Pipeline for pages whose files contain the curves as lines. Thread-safe."""

    def __init__(self, options: VectorOptions = VectorOptions()) -> None:
        self._options = options

    def read(self, drawing: Drawing, words: Sequence[Word], source: PageRef) -> Digitized:
        """Digitize one page. `words` are in pixels of the image that the drawing describes.

        Raises DrawingNotUnderstood if the drawing cannot be read as an ECG, and PageDoubtful or QualityTooLow
        as the options of the assembly require.
        """
        return self.run(drawing, words, source).page

    def run(
        self,
        drawing: Drawing,
        words: Sequence[Word],
        source: PageRef,
        observer: StepObserver | None = None,
    ) -> VectorState:
        """Digitize one page and return the values of all steps. Raises the errors of `read`."""
        state = VectorState(source, drawing, words, self._options)
        try:
            run_steps(VECTOR_STEPS, state, state.seconds, observer)
        except (PageDoubtful, QualityTooLow):
            raise
        except PageError as error:
            raise DrawingNotUnderstood(str(error)) from error
        return state
