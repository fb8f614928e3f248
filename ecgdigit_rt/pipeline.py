"""Neural pipeline of one page, from an image to calibrated leads.

`STEPS` is the list of its steps, in order. Timing, `inspect`, the progress events of the server and the
documentation use this list.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ecgdigit_engine.runner import Runner
from ecgdigit_rt.doubts import Doubt
from ecgdigit_rt.errors import NoGridFound, NoRowsFound, NotAnEcg, PageError, UnknownLayout
from ecgdigit_rt.geometry.deskew import deskew
from ecgdigit_rt.geometry.grid_lines.follow import follow_grid_lines
from ecgdigit_rt.geometry.grid_stage import GridPhase, grid_phase, mesh_from_grid
from ecgdigit_rt.geometry.locate_stage import Located, locate
from ecgdigit_rt.geometry.mesh import Mesh
from ecgdigit_rt.geometry.minor_grid import refine_with_minor_lines
from ecgdigit_rt.layout.baselines import find_baselines
from ecgdigit_rt.layout.match import NO_OVERRIDES, LayoutOverrides, LayoutReading, read_layout
from ecgdigit_rt.layout.other_ecg import check_free_parts
from ecgdigit_rt.layout.page_text import PageText, is_text_open, text_from_words
from ecgdigit_rt.layout.paper_heatmap import PaperHeatmap, paper_heatmap
from ecgdigit_rt.layout.row_names import row_start_words
from ecgdigit_rt.layout.text_closeup import refine_text_heatmaps
from ecgdigit_rt.library_threads import single_blas_thread
from ecgdigit_rt.results import Digitized, Layout, PageRef, Provenance
from ecgdigit_rt.steps import Step, StepObserver, run_steps
from ecgdigit_rt.text.ocr import ocr_available, ocr_words
from ecgdigit_rt.tracing.assemble import (
    DEFAULT_ASSEMBLY,
    AssemblyOptions,
    UprightView,
    page_from_traces,
    stretch_layout,
)
from ecgdigit_rt.tracing.beat_prior import apply_beat_prior
from ecgdigit_rt.tracing.column_gaps import with_column_gaps
from ecgdigit_rt.tracing.ecg_check import check_marks
from ecgdigit_rt.tracing.lead_trace import LeadTrace
from ecgdigit_rt.tracing.line_curves import Lines, lines_from_strips, longest_part_outside_mm
from ecgdigit_rt.tracing.mesh_from_rows import mesh_from_rows, scale_variation
from ecgdigit_rt.tracing.record_extent import (
    ends_within_image,
    gapped_extent,
    record_extent_mm,
    snap_to_half_mm,
    start_at_image_edge_mm,
)
from ecgdigit_rt.tracing.repeats import complete_repeats
from ecgdigit_rt.tracing.row_traces import page_traces, predict_lines, row_ends_from_strip
from ecgdigit_rt.tracing.strip_inference import StripPredictor, strip_predictor
from ecgdigit_rt.tracing.tta import TTA
from ecgdigit_rt.tracing.witnesses import signal_doubts
from ecgdigit_rt.words import Word, WordSource, no_words

_MAX_OUTSIDE_MM = 5.0  # maximum length of a row beyond the image, 0.2 s at 25 mm/s. Hand-picked, not tuned.
_MAX_WIDTH_MM = 258.0
"""Maximum length of a row without gaps. Measured: at most 256 mm on 117 real and rendered pages."""
_MAX_VARIATION = 0.02
"""Maximum variation of the scale of a page without a grid. Hand-picked, not tuned: the rows determine the
perspective only roughly."""
_INVERTED_NOTE = "dark background: the colours of the image were inverted"


@dataclass(frozen=True, slots=True)
class PipelineOptions:
    """Options of the neural pipeline.

    `tta` is a key of `ecgdigit_rt.tracing.tta.TTA`. `overrides` take precedence over the marks on the page.
    `ocr` allows text recognition, if it is installed. `no_beat_prior` leaves columns of the trace with low
    confidence as predicted. `assembly` contains the options of the last step.
    """

    tta: str = "none"
    overrides: LayoutOverrides = NO_OVERRIDES
    ocr: bool = True
    no_beat_prior: bool = False
    assembly: AssemblyOptions = DEFAULT_ASSEMBLY

    def with_provenance(self, provenance: Provenance) -> PipelineOptions:
        """Return a copy of these options that stores `provenance` in every digitized page."""
        return replace(self, assembly=replace(self.assembly, provenance=provenance))


@dataclass(slots=True)
class PageState:
    """Input of the pipeline, and the values of the completed steps.

    `runners` maps stage names to networks. `image` is (height, width, 3) uint8 RGB. The field that contains
    the value of a step is unset until the step is complete. `predictor` is set by the step `predict`.
    `seconds` maps step names to durations in seconds. `turns` is the rotation of the page, if it is known.
    `reads_words` requires text recognition, also at the starts of the rows. `recognized` are the words that
    were recognized, if any step needed them; the step `layout` may add them to the text. `lines` are all
    lines that may be rows, and `traces` have one entry per row of the layout.
    """

    source: PageRef
    image: NDArray[np.uint8] = field(repr=False)
    runners: Mapping[str, Runner]
    options: PipelineOptions
    words: WordSource = no_words
    seconds: dict[str, float] = field(default_factory=dict)
    turns: int | None = None
    reads_words: bool = False
    recognized: tuple[Word, ...] | None = field(default=None, repr=False)
    located: Located = field(init=False)
    phase: GridPhase = field(init=False)
    mesh: Mesh = field(init=False)
    text: PageText = field(init=False)
    predictor: StripPredictor = field(init=False)
    lines: Lines = field(init=False)
    reading: LayoutReading = field(init=False)
    layout: Layout = field(init=False)
    traces: Sequence[Sequence[LeadTrace]] = field(init=False)
    page: Digitized = field(init=False)

    @property
    def view(self) -> UprightView:
        """Size of the upright image, and the rotation that made it upright."""
        height, width = self.located.image.shape[:2]
        return UprightView((width, height), self.located.quarter_turns)


def _locate(state: PageState) -> Located:
    return locate(state.runners["locate"], state.image, state.turns)


def _grid(state: PageState) -> GridPhase:
    return grid_phase(state.runners["grid"], state.located)


def _rectify(state: PageState) -> Mesh:
    return page_mesh(state.runners, state.located, state.phase)


def _read_text(state: PageState) -> PageText:
    """Project the heatmaps of the locate stage onto the paper, predict the text again, and read the words.

    The second prediction has a larger scale. Without words in the file, text recognition is used if the
    locate stage leaves the speed, the gain or the names open. If the page was not understood, the starts of
    the rows are recognized as well.
    """
    located, mesh = state.located, state.mesh
    heatmap = paper_heatmap(located, mesh)
    heatmap = refine_text_heatmaps(state.runners["locate"], located.image, mesh, heatmap)
    size_px = (state.image.shape[1], state.image.shape[0])
    words = [word.rotated(size_px, located.quarter_turns) for word in state.words()]
    if words:
        return text_from_words(heatmap, words, mesh, is_exact=True)
    if state.options.ocr and (state.reads_words or is_text_open(heatmap)):
        return _recognized_text(state, heatmap)
    return PageText(heatmap)


def _recognized_text(state: PageState, heatmap: PaperHeatmap) -> PageText:
    """Return the text of a page with recognized words."""
    image, mesh = state.located.image, state.mesh
    if state.recognized is None:
        state.recognized = ocr_words(image)
    near_rows: Iterable[Word] = ()
    if state.reads_words:
        near_rows = row_start_words(image, mesh, find_baselines(heatmap))
    return text_from_words(heatmap, (*state.recognized, *near_rows), mesh, is_exact=False)


def _predict(state: PageState) -> Lines:
    """Predict every line that may be a row. Store the predictor in the state for `_trace`.

    `_trace` may need taller strips.
    """
    baselines = find_baselines(state.text.heatmap)
    views = TTA[state.options.tta]
    state.predictor = strip_predictor(state.runners, state.located.image, state.mesh, views)
    strips = predict_lines(state.predictor, baselines)
    return lines_from_strips(baselines, strips, state.mesh, state.view.size_px)


def _read_layout(state: PageState) -> LayoutReading:
    """Read the layout. If it is not clear, the words of the page are recognized, and it is read again."""
    reading = read_layout(state.text, state.lines.curves, state.options.overrides)
    has_words = state.text.is_exact or state.recognized is not None
    if state.options.ocr and ocr_available() and not has_words and not reading.is_clear:
        state.text = _recognized_text(state, state.text.heatmap)
        reading = read_layout(state.text, state.lines.curves, state.options.overrides)
    if state.options.overrides.plan is None:
        check_marks(reading)
        check_free_parts(state.runners["locate"], state.located, state.mesh, reading.layout)
    return reading


def _measure_extent(state: PageState) -> Layout:
    """Return the layout with its rows extended from the measured start to the measured end of the record."""
    reading = state.reading
    predicted = [row_ends_from_strip(state.lines.strips[row]) for row in reading.rows]
    ends = ends_within_image(predicted, reading.layout, state.mesh, state.view.size_px)
    is_cut = ends != predicted
    gapped = gapped_extent(ends, reading.layout)
    if gapped is not None:
        end_mm = gapped.start_mm + gapped.width_mm
        return stretch_layout(reading.layout, gapped.start_mm, end_mm, gapped.gap_mm)
    start_mm, end_mm = record_extent_mm(ends, reading.layout, reading.pulse_side, is_cut=is_cut)
    if is_cut:
        width_mm = end_mm - start_mm
        start_mm = start_at_image_edge_mm(predicted, start_mm, reading.layout, state.mesh)
        end_mm = start_mm + width_mm
    snapped_mm = snap_to_half_mm(start_mm, state.mesh)
    layout = stretch_layout(reading.layout, snapped_mm, snapped_mm + end_mm - start_mm)
    return with_column_gaps(layout, [state.lines.strips[row] for row in reading.rows])


def _trace(state: PageState) -> Sequence[Sequence[LeadTrace]]:
    strips = [state.lines.strips[row] for row in state.reading.rows]
    traces = page_traces(state.predictor, strips, state.layout)
    if state.options.no_beat_prior:
        return traces
    completed, simultaneous = complete_repeats(traces, state.layout)
    return apply_beat_prior(completed, state.layout, simultaneous)


def _page_doubts(state: PageState) -> Iterator[Doubt]:
    """Yield the doubts about the image, the grid and the layout."""
    if state.located.has_other_sheet:
        yield Doubt("D-LAYOUT-02", "The image shows another sheet, which is not digitized")
    if np.isnan(state.mesh.residual_px) and not state.reading.is_scale_confirmed:
        text = "No grid and no calibration pulses confirm the scale, which assumes that rows are 250 mm long"
        yield Doubt("D-SPEED-01", text)
    elif np.isnan(state.mesh.residual_px) and (variation := scale_variation(state.mesh)) > _MAX_VARIATION:
        text = f"No grid confirms the time scale, which varies by {variation:.0%} along the rows of the photo"
        yield Doubt("D-SPEED-01", text)
    yield from state.reading.doubts
    width_mm = state.layout.rows[0].end_mm - state.layout.rows[0].start_mm
    gaps_mm = width_mm - sum(one.end_mm - one.start_mm for one in state.layout.rows[0].segments)
    if width_mm - gaps_mm > _MAX_WIDTH_MM and state.options.overrides.plan is None:
        text = f"The rows are {width_mm:.0f} mm long, a record only 250 mm: they may include other ink"
        yield Doubt("D-LAYOUT-02", text)
    outside_mm = longest_part_outside_mm(
        state.layout, [state.lines.curves[row] for row in state.reading.rows]
    )
    if outside_mm > _MAX_OUTSIDE_MM and not any(doubt.id == "D-LAYOUT-03" for doubt in state.reading.doubts):
        yield Doubt("D-LAYOUT-03", f"{outside_mm:.0f} mm of a row are outside the image")


def _assemble(state: PageState) -> Digitized:
    return page_from_traces(
        state.source,
        state.layout,
        state.traces,
        state.mesh,
        state.view,
        notes=((_INVERTED_NOTE,) if state.located.is_inverted else ()) + state.reading.notes,
        witness=partial(signal_doubts, printed_rate=state.reading.printed_rate),
        doubts=tuple(_page_doubts(state)),
        seconds=state.seconds,
        options=state.options.assembly,
    )


STEPS: tuple[Step[PageState], ...] = (
    Step("locate", "located", "Page found", _locate),
    Step("grid", "phase", "Grid detected", _grid),
    Step("rectify", "mesh", "Geometry measured", _rectify),
    Step("text", "text", "Text read", _read_text),
    Step("predict", "lines", "Rows predicted", _predict),
    Step("layout", "reading", "Layout read", _read_layout),
    Step("extent", "layout", "Record measured", _measure_extent),
    Step("trace", "traces", "Leads traced", _trace),
    Step("assemble", "page", "Leads assembled", _assemble),
)
"""Steps from a decoded image to a digitized page, in order."""


class Pipeline:
    """Neural pipeline with the runners of the three stages. Thread-safe.

    `runners` maps stage names to networks. If it has an entry `SAMPLED_TRACE`, strips may be sampled on the
    device of this network.
    """

    def __init__(self, runners: Mapping[str, Runner], options: PipelineOptions = PipelineOptions()) -> None:
        self._runners, self._options = runners, options

    def read(self, image: NDArray[np.uint8], source: PageRef, words: WordSource = no_words) -> Digitized:
        """Digitize one page. `image` is (height, width, 3) uint8 RGB. Raises PageError.

        `words` returns the words that the file contains.
        """
        return self.run(image, source, words=words).page

    @single_blas_thread()
    def run(
        self,
        image: NDArray[np.uint8],
        source: PageRef,
        observer: StepObserver | None = None,
        words: WordSource = no_words,
    ) -> PageState:
        """Digitize one page and return the values of all steps. Raises PageError.

        `observer` is called with the name and the value of each step as soon as the step is complete. If the
        layout is not found, the steps are repeated with text recognition, and with other rotations of the
        page that are nearly as likely.
        """
        state = PageState(source, image, self._runners, self._options, words)
        try:
            run_steps(STEPS, state, state.seconds, observer)
        except (UnknownLayout, NotAnEcg, NoRowsFound, NoGridFound):
            for other in _alternatives(state):
                with suppress(PageError):
                    run_steps(STEPS, other, other.seconds, observer)
                    return other
            raise
        return state


def _alternatives(state: PageState) -> Iterator[PageState]:
    """Yield the inputs of other attempts to read a page without a layout: with its words, or rotated."""
    if hasattr(state, "text") and state.options.ocr and not state.text.is_exact and ocr_available():
        yield replace(state, seconds={}, reads_words=True)
    without_words = replace(state.options, ocr=False)
    for turns in state.located.other_turns:
        yield replace(state, seconds={}, turns=turns, options=without_words)


def page_mesh(runners: Mapping[str, Runner], located: Located, phase: GridPhase) -> Mesh:
    """Return the mesh of the grid, or a mesh measured from the rows if no major grid lines are detected.

    The mesh of the rows is refined with the minor grid lines, if any are detected. Both meshes then
    follow the grid lines along the rows. Raises NoGridFound if neither grid nor rows determine a mesh.
    """
    try:
        mesh = deskew(runners["grid"], located.image, mesh_from_grid(phase))
    except NoGridFound as error:
        rows_mesh = mesh_from_rows(located, runners)
        if rows_mesh is None:
            raise NoGridFound(error.reason) from error
        mesh = refine_with_minor_lines(rows_mesh, located.image)
    return follow_grid_lines(mesh, located.image)
