"""Flat sheet before it is drawn: blank paper, and the layout and curves of its truth."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_export.synth.noise import gaussian_noise
from ecgdigit_export.synth.signals import RATE_HZ, heart_rate, lead_signal
from ecgdigit_export.synth.style import SheetStyle
from ecgdigit_export.synth.truth import COLUMNS_PER_MM, Mark
from ecgdigit_rt.layout.baselines import Baseline
from ecgdigit_rt.layout.match import layout_from_plan
from ecgdigit_rt.results import Layout, Row, Segment

_RESTART_S = 3.7
"""Position in the record, in seconds, at which it starts again. Hand-picked, not tuned."""


@dataclass(slots=True)
class Sheet:
    """A flat sheet: RGB raster (height, width, 3) uint8 at `style.px_per_mm`, and its truth in mm.

    `curves` are as in `PageTruth`. `rate` is the heart rate in beats per minute.
    """

    style: SheetStyle
    raster: NDArray[np.uint8]
    layout: Layout
    curves: tuple[NDArray[np.float32], ...]
    marks: list[Mark] = field(default_factory=list)
    rate: int = 70

    def x_px(self, u_mm: NDArray[np.floating] | float) -> NDArray[np.floating] | float:
        """Return the raster columns of horizontal paper positions."""
        return (u_mm - self.style.paper[0]) * self.style.px_per_mm

    def y_px(self, v_mm: NDArray[np.floating] | float) -> NDArray[np.floating] | float:
        """Return the raster rows of vertical paper positions."""
        return (v_mm - self.style.paper[1]) * self.style.px_per_mm


def blank_sheet(style: SheetStyle, signals: NDArray[np.float32], rng: np.random.Generator) -> Sheet:
    """Return a sheet without ink. `signals` is (12, n) float32 in mV at 500 Hz, in the order of `LEADS`."""
    layout = _layout(style)
    curves = tuple(_row_curve(style, row, signals) for row in layout.rows)
    return Sheet(style, _blank_paper(style, rng), layout, curves, rate=heart_rate(signals))


def _layout(style: SheetStyle) -> Layout:
    start, end = style.start_mm, style.start_mm + style.width_mm
    lines = [Baseline(float(baseline), start, end, strength=1.0) for baseline in style.baselines_mm]
    layout = layout_from_plan(style.plan, lines, start, end, style.speed_mm_s, style.gain_mm_mv)
    rows = tuple(
        Row(row.baseline_mm, tuple(_segment(style, c, segment) for c, segment in enumerate(row.segments)))
        for row in layout.rows
    )
    return dataclasses.replace(layout, rows=rows)


def _segment(style: SheetStyle, column: int, segment: Segment) -> Segment:
    """Return the segment of a cell with the gap at its start."""
    gap = style.seam_gap_mm if column else 0.0
    hidden_s = gap / style.speed_mm_s
    paused_s = 0.0 if style.gap_hides_record else hidden_s
    return dataclasses.replace(
        segment,
        start_mm=segment.start_mm + gap,
        start_s=segment.start_s + hidden_s - paused_s,
        end_s=segment.end_s - paused_s,
    )


def _row_curve(style: SheetStyle, row: Row, signals: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the height of a row's trace above the baseline in mm, with `COLUMNS_PER_MM` columns per mm.

    It is NaN in the gaps between segments. A record that ends before the last row starts again, each time at
    another position, so that the beats of consecutive rows do not coincide.
    """
    columns = round((row.end_mm - row.start_mm) * COLUMNS_PER_MM)
    u = row.start_mm + np.arange(columns) / COLUMNS_PER_MM
    curve = np.full(columns, np.nan, np.float32)
    times = np.arange(signals.shape[1]) / RATE_HZ
    duration_s = signals.shape[1] / RATE_HZ
    for segment in row.segments:
        inside = (u >= segment.start_mm - 1e-6) & (u < segment.end_mm - 1e-6)
        at = segment.start_s + (u[inside] - segment.start_mm) / style.speed_mm_s
        at += _RESTART_S * np.floor(at / duration_s)
        mm_mv = -style.gain_mm_mv if segment.is_inverted else style.gain_mm_mv
        curve[inside] = np.interp(at % duration_s, times, lead_signal(signals, segment.lead)) * mm_mv
    return curve


def _blank_paper(style: SheetStyle, rng: np.random.Generator) -> NDArray[np.uint8]:
    left, top, right, bottom = style.paper
    width, height = round((right - left) * style.px_per_mm), round((bottom - top) * style.px_per_mm)
    raster = np.empty((height, width, 3), np.uint8)
    raster[:] = np.array(style.paper_colour, np.uint8)
    if style.grain > 0:
        grain = gaussian_noise((height // 2 + 1, width // 2 + 1), style.grain, rng)
        noise = np.asarray(cv2.resize(grain, (width, height), interpolation=cv2.INTER_LINEAR), np.int16)
        raster = np.clip(raster.astype(np.int16) + noise[..., None], 0, 255).astype(np.uint8)
    return raster
