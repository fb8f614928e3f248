"""Lines of a page that may be rows: their predictions by the trace stage, and their coarse curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.geometry.mesh import Mesh
from ecgdigit_rt.layout.baselines import Baseline
from ecgdigit_rt.layout.row_curve import CURVE_STEP_MM, RowCurve
from ecgdigit_rt.results import Layout, Row
from ecgdigit_rt.stages import BINS_PER_MM, COLUMNS_PER_MM
from ecgdigit_rt.tracing.record_extent import is_within_image
from ecgdigit_rt.tracing.strip_prediction import StripPrediction

_STRIDE = round(CURVE_STEP_MM * COLUMNS_PER_MM)
_HALF_WINDOW_BINS = 4
"""Number of bins (1 mm) on each side of the most probable one over which the height is averaged. Hand-picked,
not tuned: the coarse curves are only compared with each other."""

_MAX_REPEAT_MM = 12.0  # distance from which two lines are not compared. Hand-picked, not tuned.
_SAME_MM = 0.5  # distance up to which two curves are the same ink. Hand-picked: a thick stroke.
_MIN_REPEATED = 0.5  # fraction of the same ink from which a line repeats another one. Hand-picked, not tuned.

_FRAME_MM, _FRAME_SAMPLES = 1.0, 10
"""Distance from the edge of the strip of a curve that follows a frame, and number of samples (2 mm) at
an end that may do so. Hand-picked, not tuned."""


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines of a page, from the top down. All sequences have one entry per line."""

    strips: Sequence[StripPrediction]
    curves: Sequence[RowCurve]


def lines_from_strips(
    baselines: Sequence[Baseline],
    strips: Sequence[StripPrediction],
    mesh: Mesh,
    size_px: tuple[int, int],
) -> Lines:
    """Return the lines with a trace. `size_px` is the width and height of the image.

    Curves end at the edges of the image, beyond which strips repeat its pixels.
    """
    pairs = [(line, strip) for line, strip in zip(baselines, strips, strict=True) if not strip.is_empty]
    curves: list[RowCurve] = []
    for line, strip in pairs:
        start_mm, end_mm = strip.extent_mm
        is_inside = [is_within_image(at, line.v_mm, mesh, size_px) for at in (start_mm, end_mm)]
        heights = _heights_mm(strip)
        first, stop = _visible_samples(start_mm, heights.size, line.v_mm, mesh, size_px)
        is_cut_left, is_cut_right = first > 0 or not is_inside[0], stop < heights.size or not is_inside[1]
        first, stop = _without_frames(np.abs(heights) > strip.half_height_mm - _FRAME_MM, first, stop)
        curves.append(
            RowCurve(
                line,
                start_mm + first * CURVE_STEP_MM,
                heights[first:stop],
                is_cut_left,
                is_cut_right,
            )
        )
    kept = [k for k, curve in enumerate(curves) if not any(_is_repeated(curve, other) for other in curves)]
    return Lines([pairs[k][1] for k in kept], [curves[k] for k in kept])


def _is_repeated(curve: RowCurve, other: RowCurve) -> bool:
    """Return whether a stronger line nearby has the same trace, so that this line is not a row of its own."""
    distance_mm = abs(other.baseline.v_mm - curve.baseline.v_mm)
    if distance_mm > _MAX_REPEAT_MM or other.baseline.strength <= curve.baseline.strength:
        return False
    start_mm, end_mm = max(curve.start_mm, other.start_mm), min(curve.end_mm, other.end_mm)
    heights = [one.between(start_mm, end_mm) for one in (curve, other)]
    count = min(heights[0].size, heights[1].size)
    if count == 0:
        return False
    offset_mm = other.baseline.v_mm - curve.baseline.v_mm
    away = np.abs(heights[0][:count] - heights[1][:count] + offset_mm)
    return float((away < _SAME_MM).mean()) > _MIN_REPEATED


def _visible_samples(
    start_mm: float, count: int, baseline_mm: float, mesh: Mesh, size_px: tuple[int, int]
) -> tuple[int, int]:
    """Return the first sample of a curve inside the image, and the one after the last."""
    x, y = mesh.pixels_from_mm(start_mm + np.arange(count) * CURVE_STEP_MM, baseline_mm)
    inside = np.flatnonzero((x >= 0) & (x <= size_px[0]) & (y >= 0) & (y <= size_px[1]))
    return (int(inside[0]), int(inside[-1]) + 1) if inside.size else (0, count)


def _without_frames(is_at_edge: NDArray[np.bool_], first: int, stop: int) -> tuple[int, int]:
    """Return the first and the end sample of a curve without the frames that it follows at both ends.

    `is_at_edge` (samples,) is true where the curve lies at the edge of the strip, as it does along a frame.
    """
    left = np.flatnonzero(is_at_edge[first : first + _FRAME_SAMPLES])
    right = np.flatnonzero(is_at_edge[max(first, stop - _FRAME_SAMPLES) : stop])
    after = first + int(left[-1]) + 1 if left.size else first
    before = max(first, stop - _FRAME_SAMPLES) + int(right[0]) if right.size else stop
    return (after, before) if after < before else (first, stop)


def _heights_mm(strip: StripPrediction) -> NDArray[np.float64]:
    """Return the coarse height of the trace above the baseline, every `CURVE_STEP_MM` over its extent."""
    first, stop = strip.extent
    logits = np.nan_to_num(strip.logits[:, first:stop:_STRIDE], nan=0.0, posinf=0.0, neginf=0.0)
    peak = logits.argmax(0)
    bins = np.clip(peak + np.arange(-_HALF_WINDOW_BINS, _HALF_WINDOW_BINS + 1)[:, None], 0, len(logits) - 1)
    near = np.take_along_axis(logits, bins, 0).astype(np.float64)
    weight = np.exp(near - near.max(0))
    position = (weight * (bins + 0.5)).sum(0) / weight.sum(0)
    return np.asarray(strip.half_height_mm - position / BINS_PER_MM)


def longest_part_outside_mm(layout: Layout, curves: Sequence[RowCurve]) -> float:
    """Return the greatest length of a row beyond the edges of the image. `curves` are those of the rows."""

    def outside_mm(row: Row, curve: RowCurve) -> float:
        left = curve.start_mm - row.start_mm if curve.is_cut_left else 0.0
        right = row.end_mm - curve.end_mm if curve.is_cut_right else 0.0
        return max(left, 0.0) + max(right, 0.0)

    return max(outside_mm(row, curve) for row, curve in zip(layout.rows, curves, strict=True))
