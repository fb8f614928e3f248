"""Draws one flat sheet from a style and a recording, and keeps what it drew as truth."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_export.synth.noise import gaussian_noise
from ecgdigit_export.synth.style import GridStyle, SheetStyle
from ecgdigit_export.synth.text import word_mask
from ecgdigit_export.synth.truth import COLUMNS_PER_MM, Mark
from ecgdigit_kernels.stroke import blend, blend_grid, draw_polyline
from ecgdigit_rt.layout.baselines import Baseline
from ecgdigit_rt.layout.catalog import INVERTED
from ecgdigit_rt.layout.match import layout_from_plan
from ecgdigit_rt.results import LEADS, Layout, Row

RATE_HZ = 500
_HEADERS = (
    "ID: {n}",
    "Age: {a} yrs",
    "Name:",
    "Date: 20{b:02d}-{c:02d}-{d:02d}, {e:02d}:{f:02d}",
    "Sex: M",
    "Vent. rate {a} BPM",
    "PR interval {g} ms",
    "QRS duration {a} ms",
    "QT/QTc {g}/{g} ms",
    "P-R-T axes {a} {a} {a}",
    "Sinus rhythm",
    "Normal ECG",
    "Unconfirmed diagnosis",
    "Referred by:",
    "HR {a}/min",
    "Technician:",
    "Room {a}",
)
_HEADER_NUMBERS = {
    "n": (10000, 99999),
    "a": (18, 99),
    "b": (10, 26),
    "c": (1, 13),
    "d": (1, 29),
    "e": (0, 24),
    "f": (0, 60),
    "g": (120, 480),
}


@dataclass(slots=True)
class Sheet:
    """A flat sheet: RGB raster (height, width, 3) uint8 at `style.px_per_mm`, and its truth in mm."""

    style: SheetStyle
    raster: NDArray[np.uint8]
    layout: Layout
    curves: tuple[NDArray[np.float32], ...]
    marks: list[Mark] = field(default_factory=list)

    def x_px(self, u_mm: NDArray[np.floating] | float) -> NDArray[np.floating] | float:
        return (u_mm - self.style.paper[0]) * self.style.px_per_mm

    def y_px(self, v_mm: NDArray[np.floating] | float) -> NDArray[np.floating] | float:
        return (v_mm - self.style.paper[1]) * self.style.px_per_mm


def _line_coverage(positions_px: NDArray[np.floating], width_px: float, size: int) -> NDArray[np.float32]:
    """Coverage of `size` pixels by lines of `width_px` across them, one pixel of falloff at the rims."""
    centres = np.arange(size) + 0.5
    if positions_px.size == 0:
        return np.zeros(size, np.float32)
    after = np.searchsorted(positions_px, centres)
    left = positions_px[np.maximum(after - 1, 0)]
    right = positions_px[np.minimum(after, positions_px.size - 1)]
    distance = np.minimum(np.abs(centres - left), np.abs(centres - right))
    reach = 0.5 * max(width_px, 1.0) + 0.5
    return (min(1.0, width_px) * np.clip(reach - distance, 0, 1)).astype(np.float32)


def _draw_grid(sheet: Sheet, grid: GridStyle) -> None:
    ppm = sheet.style.px_per_mm
    left, top, right, bottom = grid.box
    x0, x1 = (max(0, int(np.ceil(float(sheet.x_px(e))))) for e in (left, right))
    y0, y1 = (max(0, int(np.ceil(float(sheet.y_px(e))))) for e in (top, bottom))
    view = sheet.raster[y0:y1, x0:x1]
    families = (
        (1.0, grid.minor_alpha, grid.minor_width_mm, grid.minor_colour),
        (5.0, grid.major_alpha, grid.major_width_mm, grid.major_colour),
    )
    for step, alpha, width, colour in families:
        if alpha <= 0:
            continue
        us = np.arange(np.ceil(left / step), np.floor(right / step) + 1) * step
        vs = np.arange(np.ceil(top / step), np.floor(bottom / step) + 1) * step
        across = alpha * _line_coverage(np.asarray(sheet.x_px(us)) - x0, width * ppm, view.shape[1])
        down = alpha * _line_coverage(np.asarray(sheet.y_px(vs)) - y0, width * ppm, view.shape[0])
        if grid.dotted and step == 1.0:
            dots = np.minimum(across[None, :], down[:, None]) * 1.5
            blend(view, np.minimum(dots, 1).astype(np.float32), np.array(colour, np.float32))
        else:
            blend_grid(view, across, down, np.array(colour, np.float32))


def _layout(style: SheetStyle) -> Layout:
    start, end = style.start_mm, style.start_mm + style.width_mm
    lines = [Baseline(float(baseline), start, end, strength=1.0) for baseline in style.baselines_mm]
    return layout_from_plan(style.plan, lines, start, end, style.speed_mm_s, style.gain_mm_mv)


def _row_curve(style: SheetStyle, row: Row, signals: NDArray[np.float32]) -> NDArray[np.float32]:
    """Height in mm above the baseline at `COLUMNS_PER_MM`: what a perfect reader would give."""
    columns = round((row.end_mm - row.start_mm) * COLUMNS_PER_MM)
    u = row.start_mm + np.arange(columns) / COLUMNS_PER_MM
    curve = np.empty(columns, np.float32)
    times = np.arange(signals.shape[1]) / RATE_HZ
    for segment in row.segments:
        inside = (u >= segment.start_mm - 1e-6) & (u < segment.end_mm - 1e-6)
        at = segment.start_s + (u[inside] - segment.start_mm) / style.speed_mm_s
        mm_mv = -style.gain_mm_mv if segment.is_inverted else style.gain_mm_mv
        curve[inside] = np.interp(at, times, signals[LEADS.index(segment.lead)]) * mm_mv
    return curve


def _pen_width_px(sheet: Sheet, count: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """A pen's width along `count` columns: it swells and thins slowly, by a tenth or so."""
    knots = 1 + 0.08 * rng.standard_normal(count // 80 + 2)
    wobble = np.interp(np.arange(count) / 80, np.arange(knots.size), knots)
    return (sheet.style.pen_width_mm * sheet.style.px_per_mm * wobble).astype(np.float32)


def _draw_traces(sheet: Sheet, coverage: NDArray[np.float32], rng: np.random.Generator) -> None:
    style = sheet.style
    for row, curve in zip(sheet.layout.rows, sheet.curves, strict=True):
        u = row.start_mm + np.arange(curve.size) / COLUMNS_PER_MM
        x = np.asarray(sheet.x_px(u), np.float32)
        y = np.asarray(sheet.y_px(row.baseline_mm - curve), np.float32)
        width = _pen_width_px(sheet, curve.size, rng)
        cuts = [round((s.start_mm - row.start_mm) * COLUMNS_PER_MM) for s in row.segments[1:]]
        if style.separator == "gap":
            for cut in cuts:
                x[cut - 8 : cut + 8] = np.nan
        elif not style.joins_leads:  # the pen is lifted between one lead's last sample and the next's first
            x, y, width = (np.insert(a, cuts, np.nan) for a in (x, y, width))
        draw_polyline(coverage, x, y, width)


def _draw_pulses(sheet: Sheet, coverage: NDArray[np.float32]) -> None:
    style = sheet.style
    if style.pulse == "none":
        return
    for row in sheet.layout.rows:
        start = row.start_mm - style.pulse_gap_mm - 7 if style.pulse == "left" else row.end_mm + 1
        if start < style.paper[0] or start + 7 > style.paper[2]:
            continue
        u = start + np.array([0, 1, 1, 6, 6, 7], np.float32)
        v = row.baseline_mm - style.gain_mm_mv * np.array([0, 0, 1, 1, 0, 0], np.float32)
        width = np.full(6, style.pen_width_mm * style.px_per_mm, np.float32)
        draw_polyline(
            coverage, np.asarray(sheet.x_px(u), np.float32), np.asarray(sheet.y_px(v), np.float32), width
        )
        sheet.marks.append(
            Mark("pulse", start + 3.5, row.baseline_mm - style.gain_mm_mv / 2, 7.0, style.gain_mm_mv)
        )


def _draw_separators(sheet: Sheet, coverage: NDArray[np.float32], rng: np.random.Generator) -> None:
    style = sheet.style
    if style.separator not in ("bar", "tick"):
        return
    thick = style.separator == "bar"
    half = rng.uniform(1.4, 4.0) if thick else rng.uniform(0.8, 1.5)
    width = max(rng.uniform(0.25, 0.9), style.pen_width_mm) if thick else style.pen_width_mm
    follows = rng.random() < 0.5  # centred on the trace itself, or on the baseline
    for row, curve in zip(sheet.layout.rows, sheet.curves, strict=True):
        for segment in row.segments[1:]:
            at = round((segment.start_mm - row.start_mm) * COLUMNS_PER_MM)
            centre = row.baseline_mm - (float(curve[min(at, curve.size - 1)]) if follows else 0.0)
            y = np.asarray(sheet.y_px(np.array([centre - half, centre + half])), np.float32)
            x = np.full(2, sheet.x_px(segment.start_mm), np.float32)
            draw_polyline(coverage, x, y, np.full(2, width * style.px_per_mm, np.float32))


def _print_word(
    sheet: Sheet,
    word: str,
    u_mm: float,
    v_mm: float,
    cap_mm: float,
    name: str | None = None,
    number: str = "",
) -> float:
    """Print `word` with its left edge at `u_mm` and its middle at `v_mm`; returns its width in mm.

    Its mark, where it has a `name`, stands on the `number` that it begins with, or on all of it: a
    network reads best what lies under the mark.
    """
    style = sheet.style
    mask = word_mask(word, style.font, cap_mm * style.px_per_mm)
    height, width = mask.shape
    x, y = round(float(sheet.x_px(u_mm))), round(float(sheet.y_px(v_mm)) - height / 2)
    top, left = max(0, -y), max(0, -x)
    view = sheet.raster[max(0, y) : y + height, max(0, x) : x + width]
    visible = np.ascontiguousarray(mask[top : top + view.shape[0], left : left + view.shape[1]])
    if visible.size:
        blend(view, visible * np.float32(style.pen_density), np.array(style.pen_colour, np.float32))
    width_mm = width / style.px_per_mm
    if name is not None and visible.size:
        marked_px = word_mask(number or word, style.font, cap_mm * style.px_per_mm).shape[1]
        marked_mm = marked_px / style.px_per_mm
        sheet.marks.append(Mark(name, u_mm + marked_mm / 2, v_mm, marked_mm, height / style.px_per_mm))
    return float(width_mm)


def _print_labels(sheet: Sheet, rng: np.random.Generator) -> None:
    style = sheet.style
    if not style.labels_shown:
        return
    du, dv = style.label_offset_mm
    for row in sheet.layout.rows:
        for segment in row.segments:
            jitter = rng.normal(0, 0.15, 2)
            _print_word(
                sheet,
                INVERTED * segment.is_inverted + segment.lead,
                segment.start_mm + du + jitter[0],
                row.baseline_mm + dv + jitter[1],
                style.label_cap_mm,
                segment.lead,
            )


def _print_header_and_footer(sheet: Sheet, rng: np.random.Generator) -> None:
    style = sheet.style
    left, top, right, _ = style.paper
    cap = float(rng.uniform(1.6, 2.6))
    for line in range(style.header_lines):
        for column in range(int(rng.integers(1, 4))):
            numbers = {name: rng.integers(*span) for name, span in _HEADER_NUMBERS.items()}
            word = str(rng.choice(_HEADERS)).format(**numbers)
            u = left + 6 + column * (right - left) / 3 + rng.uniform(0, 4)
            _print_word(sheet, word, u, top + 5 + line * cap * 1.9, cap)
    if rng.random() < 0.12:
        return
    speed, gain = f"{style.speed_mm_s:g}", f"{style.gain_mm_mv:g}"
    space = " " if rng.random() < 0.4 else ""
    words = [
        (f"{speed}{space}mm/s", f"speed_{speed}", speed),
        (f"{gain}{space}mm/mV", f"gain_{gain}", gain),
        (str(rng.choice(("0.05-150 Hz", "F 40 Hz", "0.5 ~ 40 Hz AC 50", "12SL v237", ""))), None, ""),
    ]
    u = left + rng.uniform(8, 70)
    for word, name, number in words:
        if word:
            u += _print_word(sheet, word, u, style.footer_v_mm, cap, name, number) + rng.uniform(3, 30)


def _place_qr_code(sheet: Sheet, rng: np.random.Generator) -> None:
    style = sheet.style
    code = cv2.QRCodeEncoder.create().encode(f"ECG-{rng.integers(10**9)}")
    size = round(rng.uniform(14, 22) * style.px_per_mm)
    code = cv2.resize(code, (size, size), interpolation=cv2.INTER_NEAREST)
    x = sheet.raster.shape[1] - size - round(rng.uniform(2, 12) * style.px_per_mm)
    y = round(rng.uniform(2, 6) * style.px_per_mm)
    target = sheet.raster[y : y + size, x : x + size]
    target[:] = code[: target.shape[0], : target.shape[1], None]


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


def draw_sheet(style: SheetStyle, signals: NDArray[np.float32], rng: np.random.Generator) -> Sheet:
    """Paint a flat sheet. `signals`: (12, n) float32 mV at 500 Hz in the order of `LEADS`."""
    layout = _layout(style)
    curves = tuple(_row_curve(style, row, signals) for row in layout.rows)
    sheet = Sheet(style, _blank_paper(style, rng), layout, curves)
    _draw_grid(sheet, style.grid)
    if style.qr_code:
        _place_qr_code(sheet, rng)
    coverage = np.zeros(sheet.raster.shape[:2], np.float32)
    _draw_traces(sheet, coverage, rng)
    _draw_pulses(sheet, coverage)
    blend(sheet.raster, coverage * np.float32(style.pen_density), np.array(style.pen_colour, np.float32))
    bars = np.zeros_like(coverage)
    _draw_separators(sheet, bars, rng)
    blend(sheet.raster, bars, np.array(style.pen_colour, np.float32))
    _print_labels(sheet, rng)
    _print_header_and_footer(sheet, rng)
    return sheet
