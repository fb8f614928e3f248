"""Rows as strips of ink, and the path of each lead through them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_kernels.pchip import fill_gaps
from ecgdigit_kernels.trace_path import trace_path
from ecgdigit_rt.classical.darkness import Float, ink_patch
from ecgdigit_rt.classical.pen import Run, pen_middle_mm, run_of_ink
from ecgdigit_rt.geometry.mesh import Mesh
from ecgdigit_rt.results import Row
from ecgdigit_rt.stages import COLUMNS_PER_MM
from ecgdigit_rt.tracing.lead_trace import LeadTrace

ROWS_PER_MM = 8
HALF_HEIGHT_MM = 45.0
_MARGIN_MM = 12.0
_INK = 4.0  # nats by which ink is likelier than paper, a column
_JUMP_PENALTY = 0.05  # nats per row: a 10 mm spike and back costs 8
_LETTER_MM = (8.0, 6.0)
_LEAST_LETTER_MM = 1.2  # in height: lower ones are pieces of curves
_OWN_SHARE = 0.6  # of the distance of two rows: where a row's ink has its middle
_FOREIGN = 2.0  # nats by which ink of letters and other rows is less likely
_AWAY = 0.03  # nats per mm from the row's height: of two rows that are as dark the nearer one
_CORE = 0.8  # quantile of a path's darkness: the stroke's own
_OF_CORE = 0.5
_SEAM_MM = 0.6
_BAR_MM = 3.0


@dataclass(frozen=True)
class InkStrip:
    """A row of paper. ink: float32 (2 * half height * ROWS_PER_MM, columns), 0 to 1; column k's centre
    stands at start_mm + k / COLUMNS_PER_MM. level: from which on it is this row's ink. evidence: of the
    same shape, in nats, for the row's curve to be there."""

    ink: Float = field(repr=False)
    start_mm: float
    level: float
    evidence: Float = field(repr=False)

    def column(self, place_mm: float) -> int:
        """The first column at a place or behind it, or the nearest end."""
        return int(np.clip(np.ceil((place_mm - self.start_mm) * COLUMNS_PER_MM), 0, self.ink.shape[1]))

    def run(self, first: int, stop: int) -> Run:
        """The ink along the darkest path through columns `first` to `stop`."""
        path = _path(self.evidence[:, first:stop])
        return run_of_ink(self.ink[:, first:stop], path, self.level, HALF_HEIGHT_MM, ROWS_PER_MM)


def ink_strips(bright: NDArray[np.uint8], mesh: Mesh, rows: Sequence[Row], level: float) -> list[InkStrip]:
    """Every row's strip, some way beyond its ends. bright: a picture's `brightness`. level: of ink, on the
    whole page."""
    gaps = np.diff([row.baseline_mm for row in rows])
    reach_mm = _OWN_SHARE * float(gaps.min()) if gaps.size else HALF_HEIGHT_MM
    return [_ink_strip(bright, mesh, row, level, reach_mm) for row in rows]


def _ink_strip(
    bright: NDArray[np.uint8], mesh: Mesh, row: Row, rough_level: float, reach_mm: float
) -> InkStrip:
    start, end = row.start_mm - _MARGIN_MM, row.end_mm + _MARGIN_MM
    columns = round((end - start) * COLUMNS_PER_MM)
    corner = (start - 0.5 / COLUMNS_PER_MM, row.baseline_mm - HALF_HEIGHT_MM)
    size = (columns, round(2 * HALF_HEIGHT_MM * ROWS_PER_MM))
    ink = ink_patch(bright, mesh, corner, (COLUMNS_PER_MM, ROWS_PER_MM), size)
    path = _path(_evidence(ink, rough_level))
    core = float(np.quantile(ink[path, np.arange(columns)], _CORE))
    level = _OF_CORE * max(core, rough_level)
    evidence = _evidence(ink, level)
    evidence[_foreign(ink > level, reach_mm)] -= np.float32(_FOREIGN)
    return InkStrip(ink, start, level, evidence)


def _evidence(ink: Float, level: float) -> Float:
    dark = np.minimum(ink * np.float32(_OF_CORE / level), 1)
    away = np.abs(np.arange(len(dark)) + 0.5 - len(dark) / 2) / ROWS_PER_MM
    return np.asarray(np.float32(_INK) * dark - (_AWAY * away).astype(np.float32)[:, None], np.float32)


def _path(evidence: Float) -> NDArray[np.int32]:
    """The path with most evidence that does not jump without need, (columns,) rows."""
    return trace_path(evidence, np.ones(evidence.shape[1], np.float32), _JUMP_PENALTY)


def _foreign(mask: NDArray[np.bool_], reach_mm: float) -> NDArray[np.bool_]:
    """Where the components lie that are letters, by their size, or another row's, by their middle height."""
    _, labels, stats, middles = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    height = stats[:, cv2.CC_STAT_HEIGHT] / ROWS_PER_MM
    foreign = (stats[:, cv2.CC_STAT_WIDTH] < _LETTER_MM[0] * COLUMNS_PER_MM) & (height < _LETTER_MM[1])
    foreign &= height > _LEAST_LETTER_MM
    foreign |= np.abs(middles[:, 1] / ROWS_PER_MM - HALF_HEIGHT_MM) > reach_mm
    foreign[0] = False
    return np.asarray(foreign[labels])


def lead_traces(strip: InkStrip, row: Row) -> list[LeadTrace]:
    """One trace per segment of the row, each found by itself."""
    seams = [segment.start_mm for segment in row.segments[1:]]
    return [_trace(strip, segment.start_mm, segment.end_mm, seams) for segment in row.segments]


def _trace(strip: InkStrip, start_mm: float, end_mm: float, seams_mm: Sequence[float]) -> LeadTrace:
    first = min(strip.column(start_mm - 0.02), strip.ink.shape[1] - 2)
    stop = max(strip.column(end_mm - 0.02), first + 2)
    run = strip.run(first, stop)
    radius = run.radius_mm
    height = pen_middle_mm(run, radius, COLUMNS_PER_MM)
    places = strip.start_mm + np.arange(first, stop) / COLUMNS_PER_MM
    tall = run.upper_mm - run.lower_mm
    clear = run.clear.copy()
    for seam in seams_mm:  # a bar between two leads is no stroke of either
        clear &= ~((np.abs(places - seam) < _SEAM_MM) & (tall > _BAR_MM))
    return LeadTrace(
        height_mm=fill_gaps(height, clear),
        confidence=clear.astype(np.float32),
        spread_mm=np.maximum(tall / np.float32(np.sqrt(12)), np.float32(radius)),
        start_mm=float(places[0]),
        half_height_mm=HALF_HEIGHT_MM,
    )
