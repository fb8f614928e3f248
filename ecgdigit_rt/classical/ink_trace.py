"""Traces of the leads, as paths of maximum evidence through the ink of every row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_kernels.pchip import fill_gaps
from ecgdigit_kernels.trace_path import trace_path
from ecgdigit_rt.classical.paper_ink import Float, ink_patch
from ecgdigit_rt.classical.pen import InkRun, ink_run_from_path, pen_centre_mm
from ecgdigit_rt.geometry.mesh import Mesh
from ecgdigit_rt.results import Row
from ecgdigit_rt.stages import COLUMNS_PER_MM
from ecgdigit_rt.tracing.lead_trace import LeadTrace

# Hand-picked, not tuned.
ROWS_PER_MM = 8  # vertical resolution of a strip
HALF_HEIGHT_MM = 45.0  # half of the height of a strip
_MARGIN_MM = 12.0  # length by which a strip extends beyond each end of its row
_INK_EVIDENCE = 4.0  # evidence in favour of ink over paper, in nats per column
_JUMP_PENALTY = 0.05  # penalty of a vertical step in nats per pixel; a 10 mm spike costs 8 nats
_MAX_LETTER_MM = (8.0, 6.0)  # maximum width and height of a letter
_MIN_LETTER_HEIGHT_MM = 1.2  # minimum height of a letter; shorter components are pieces of traces
_ROW_REACH = 0.6  # maximum distance of a component's centre from its row, relative to the row spacing
_FOREIGN_PENALTY = 2.0  # penalty of ink of letters and other rows, in nats
_DISTANCE_PENALTY = 0.03  # penalty in nats per mm from the baseline, to choose between equally dark traces
_STROKE_QUANTILE = 0.8  # quantile of the ink along a path, taken as the density of the stroke
_LEVEL_SHARE = 0.5  # threshold of ink, relative to the density of the stroke
_SEPARATOR_REACH_MM = 0.6  # maximum distance of a separator's ink from the lead boundary
_MIN_SEPARATOR_MM = 3.0  # minimum height of a separator's ink


@dataclass(frozen=True)
class InkStrip:
    """Ink of one row.

    `ink` is float32 (2 * HALF_HEIGHT_MM * ROWS_PER_MM, columns), 0 to 1. The centre of column k is at
    start_mm + k / COLUMNS_PER_MM. Pixels with a density above `level` are
    ink. `evidence` has the same shape. It is
    the evidence for the trace at each pixel, in nats.
    """

    ink: Float = field(repr=False)
    start_mm: float
    level: float
    evidence: Float = field(repr=False)

    def column(self, position_mm: float) -> int:
        """Return the first column at or after a position, from 0 to the number of columns."""
        return int(np.clip(np.ceil((position_mm - self.start_mm) * COLUMNS_PER_MM), 0, self.ink.shape[1]))

    def ink_run(self, first: int, stop: int) -> InkRun:
        """Return the ink run along the best path through the columns `first` to `stop` - 1."""
        path = _best_path(self.evidence[:, first:stop])
        return ink_run_from_path(self.ink[:, first:stop], path, self.level, HALF_HEIGHT_MM, ROWS_PER_MM)


def ink_strips(bright: NDArray[np.uint8], mesh: Mesh, rows: Sequence[Row], level: float) -> list[InkStrip]:
    """Return the strip of every row, extended beyond both ends of the row.

    `bright` is the `brightest_channel` of the image. `level` is the threshold of ink on the whole page.
    """
    gaps = np.diff([row.baseline_mm for row in rows])
    reach_mm = _ROW_REACH * float(gaps.min()) if gaps.size else HALF_HEIGHT_MM
    return [_ink_strip(bright, mesh, row, level, reach_mm) for row in rows]


def _ink_strip(
    bright: NDArray[np.uint8], mesh: Mesh, row: Row, page_level: float, reach_mm: float
) -> InkStrip:
    start, end = row.start_mm - _MARGIN_MM, row.end_mm + _MARGIN_MM
    columns = round((end - start) * COLUMNS_PER_MM)
    corner = (start - 0.5 / COLUMNS_PER_MM, row.baseline_mm - HALF_HEIGHT_MM)
    size = (columns, round(2 * HALF_HEIGHT_MM * ROWS_PER_MM))
    ink = ink_patch(bright, mesh, corner, (COLUMNS_PER_MM, ROWS_PER_MM), size)
    path = _best_path(_evidence(ink, page_level))
    stroke = float(np.quantile(ink[path, np.arange(columns)], _STROKE_QUANTILE))
    level = _LEVEL_SHARE * max(stroke, page_level)
    evidence = _evidence(ink, level)
    evidence[_foreign_mask(ink > level, reach_mm)] -= np.float32(_FOREIGN_PENALTY)
    return InkStrip(ink, start, level, evidence)


def _evidence(ink: Float, level: float) -> Float:
    density = np.minimum(ink * np.float32(_LEVEL_SHARE / level), 1)
    distance_mm = np.abs(np.arange(len(density)) + 0.5 - len(density) / 2) / ROWS_PER_MM
    penalty = (_DISTANCE_PENALTY * distance_mm).astype(np.float32)[:, None]
    return np.asarray(np.float32(_INK_EVIDENCE) * density - penalty, np.float32)


def _best_path(evidence: Float) -> NDArray[np.int32]:
    """Return the path that maximizes the evidence minus the jump penalties, as pixel rows (columns,)."""
    return trace_path(evidence, np.ones(evidence.shape[1], np.float32), _JUMP_PENALTY)


def _foreign_mask(mask: NDArray[np.bool_], reach_mm: float) -> NDArray[np.bool_]:
    """Return the mask of components that are letters (by size) or belong to another row (by centre)."""
    _, labels, stats, centres = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    height = stats[:, cv2.CC_STAT_HEIGHT] / ROWS_PER_MM
    width = stats[:, cv2.CC_STAT_WIDTH] / COLUMNS_PER_MM
    foreign = (width < _MAX_LETTER_MM[0]) & (height < _MAX_LETTER_MM[1])
    foreign &= height > _MIN_LETTER_HEIGHT_MM
    foreign |= np.abs(centres[:, 1] / ROWS_PER_MM - HALF_HEIGHT_MM) > reach_mm
    foreign[0] = False
    return np.asarray(foreign[labels])


def lead_traces(strip: InkStrip, row: Row) -> list[LeadTrace]:
    """Return one trace per segment of the row. Segments are traced independently."""
    boundaries = [segment.start_mm for segment in row.segments[1:]]
    return [_trace(strip, segment.start_mm, segment.end_mm, boundaries) for segment in row.segments]


def _trace(strip: InkStrip, start_mm: float, end_mm: float, boundaries_mm: Sequence[float]) -> LeadTrace:
    first = min(strip.column(start_mm - 0.02), strip.ink.shape[1] - 2)
    stop = max(strip.column(end_mm - 0.02), first + 2)
    run = strip.ink_run(first, stop)
    radius = run.radius_mm
    height = pen_centre_mm(run, radius, COLUMNS_PER_MM)
    positions = strip.start_mm + np.arange(first, stop) / COLUMNS_PER_MM
    thickness = run.upper_mm - run.lower_mm
    is_trace = run.has_ink.copy()
    for boundary in boundaries_mm:  # a separator between two leads belongs to neither
        near = np.abs(positions - boundary) < _SEPARATOR_REACH_MM
        is_trace &= ~(near & (thickness > _MIN_SEPARATOR_MM))
    return LeadTrace(
        height_mm=fill_gaps(height, is_trace),
        confidence=is_trace.astype(np.float32),
        spread_mm=np.maximum(thickness / np.float32(np.sqrt(12)), np.float32(radius)),
        start_mm=float(positions[0]),
        half_height_mm=HALF_HEIGHT_MM,
    )
