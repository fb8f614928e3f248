"""Layout of a line drawing, from its curves and its words, through the same hypotheses as for pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ecgdigit_rt.doubts import Doubt
from ecgdigit_rt.drawing import Drawing, DrawingNotUnderstood
from ecgdigit_rt.geometry.mesh import STEP_MM, Mesh
from ecgdigit_rt.layout.baselines import Baseline
from ecgdigit_rt.layout.match import LayoutOverrides, LayoutReading, read_layout
from ecgdigit_rt.layout.page_text import PageText, text_from_words
from ecgdigit_rt.layout.paper_heatmap import CELL_U_MM, CELL_V_MM, PaperHeatmap
from ecgdigit_rt.layout.row_curve import CURVE_STEP_MM, RowCurve
from ecgdigit_rt.stages import HEATMAPS
from ecgdigit_rt.vector.curves import Curve, Curves, Pulse, rows_from_curves
from ecgdigit_rt.vector.grid import GridScale
from ecgdigit_rt.words import Word

_MAX_ROWS = 40  # maximum number of rows. Hand-picked, not tuned: layouts have up to 15.
_MAX_PAPER_MM = 900.0  # maximum side of the paper. Hand-picked, not tuned: three times that of A4.
_MAX_DIFFERENCE = 0.01  # maximum relative difference of two scales of one page, as specified for the reader


@dataclass(frozen=True, slots=True)
class VectorReading:
    """Layout of a drawing, the curves of each row of the layout, and doubts about the scale."""

    reading: LayoutReading
    rows: tuple[tuple[Curve, ...], ...]
    doubts: tuple[Doubt, ...]


def read_drawing(
    drawing: Drawing,
    curves: Curves,
    scale: GridScale,
    words: Sequence[Word],
    overrides: LayoutOverrides,
) -> VectorReading:
    """Return the layout of an upright drawing with upright words.

    Raises the errors of `read_layout`, or DrawingNotUnderstood if the paper is too large.
    """
    rows = rows_from_curves(curves.curves)
    if len(rows) > _MAX_ROWS:
        raise DrawingNotUnderstood(f"it has {len(rows)} rows of curves")
    text = _page_text(drawing, scale, words)
    row_curves = [_row_curve(row) for row in rows]
    pulses_mm = [pulse.height_mm / 2 for pulse in curves.pulses]
    reading = read_layout(text, row_curves, overrides, pulses_mm)
    doubts = tuple(_scale_doubts(scale, curves.pulses, reading.layout.gain_mm_mv))
    return VectorReading(reading, tuple(tuple(rows[index]) for index in reading.rows), doubts)


def _page_text(drawing: Drawing, scale: GridScale, words: Sequence[Word]) -> PageText:
    """Return the text of the page, whose heatmaps show only the lead names of the words."""
    width_mm, height_mm = drawing.size_px[0] / scale.x, drawing.size_px[1] / scale.y
    if max(width_mm, height_mm) > _MAX_PAPER_MM:
        raise DrawingNotUnderstood(f"its paper would be {width_mm:.0f} mm x {height_mm:.0f} mm large")
    u = np.arange(0, width_mm, CELL_U_MM, dtype=np.float32)
    v = np.arange(0, height_mm, CELL_V_MM, dtype=np.float32)
    heatmap = PaperHeatmap(np.zeros((len(HEATMAPS), v.size, u.size), np.float32), u, v)
    return text_from_words(heatmap, words, _flat_mesh(scale, width_mm, height_mm), is_exact=True)


def _flat_mesh(scale: GridScale, width_mm: float, height_mm: float) -> Mesh:
    """Return the mesh of a page whose paper is parallel to the image. Its origin is that of the image."""
    u, v = (np.arange(0, length + 2 * STEP_MM, STEP_MM) for length in (width_mm, height_mm))
    nodes = np.stack(np.meshgrid(u * scale.x, v * scale.y), -1)
    return Mesh(nodes.astype(np.float32), (0.0, 0.0), residual_px=0.0, coverage=1.0)


def _row_curve(row: Sequence[Curve]) -> RowCurve:
    """Return the coarse curve of a row. Its parts are aligned at their baselines."""
    start_mm, end_mm = row[0].start_mm, row[-1].end_mm
    at = np.arange(start_mm, end_mm, CURVE_STEP_MM)
    u = np.concatenate([curve.u_mm for curve in row])
    heights = np.concatenate([curve.baseline_mm - curve.v_mm for curve in row])
    baseline_mm = float(np.mean([curve.baseline_mm for curve in row]))
    return RowCurve(Baseline(baseline_mm, start_mm, end_mm, 1.0), start_mm, np.interp(at, u, heights))


def _scale_doubts(scale: GridScale, pulses: Sequence[Pulse], gain_mm_mv: float) -> Iterator[Doubt]:
    """Yield doubts if the scales along both axes, or the pulses and the gain, do not agree.

    A scale that is not certain must be confirmed by the pulses.
    """
    if scale.stretch > _MAX_DIFFERENCE:
        text = f"The grid has {scale.x:.2f} px/mm along the rows, but {scale.y:.2f} px/mm across them"
        yield Doubt("D-SPEED-01", text)
    if not scale.is_certain and not pulses:
        yield Doubt("D-SPEED-01", "Neither a grid of 1 and 5 mm nor a calibration pulse confirms the scale")
    heights = [pulse.height_mm for pulse in pulses]
    if heights and abs(float(np.median(heights)) / gain_mm_mv - 1) > _MAX_DIFFERENCE:
        measured = float(np.median(heights))
        text = f"The calibration pulses are {measured:.2f} mm high, but the gain is {gain_mm_mv:g} mm/mV"
        yield Doubt("D-GAIN-01", text)
