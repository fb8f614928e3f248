"""Drawing of a flat sheet: grid, traces, calibration pulses and separators."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecgdigit_export.synth.printing import place_qr_code, print_header_and_footer, print_labels
from ecgdigit_export.synth.report_header import print_report_footer, print_report_header
from ecgdigit_export.synth.rules import draw_panels, draw_rules, draw_second_lines, print_ticks
from ecgdigit_export.synth.sheet import Sheet, blank_sheet
from ecgdigit_export.synth.style import GridStyle, SheetStyle, pulse_width_mm
from ecgdigit_export.synth.truth import COLUMNS_PER_MM, Mark
from ecgdigit_kernels.stroke import blend, blend_grid, draw_polyline


def draw_sheet(style: SheetStyle, signals: NDArray[np.float32], rng: np.random.Generator) -> Sheet:
    """Draw and return a flat sheet. `signals` is (12, n) float32 in mV at 500 Hz, in the order of `LEADS`."""
    sheet = blank_sheet(style, signals, rng)
    _draw_grid(sheet, style.grid)
    draw_panels(sheet)
    draw_second_lines(sheet)
    if style.qr_code:
        place_qr_code(sheet, rng)
    coverage = np.zeros(sheet.raster.shape[:2], np.float32)
    _draw_traces(sheet, coverage, rng)
    _draw_pulses(sheet, coverage)
    blend(sheet.raster, coverage * np.float32(style.pen_density), np.array(style.pen_colour, np.float32))
    bars = np.zeros_like(coverage)
    _draw_separators(sheet, bars, rng)
    blend(sheet.raster, bars, np.array(style.pen_colour, np.float32))
    draw_rules(sheet)
    print_ticks(sheet)
    print_labels(sheet, rng)
    print_header_and_footer(sheet, rng)
    print_report_header(sheet, rng)
    if style.report_footer:
        print_report_footer(sheet, rng)
    return sheet


def _line_coverage(positions_px: NDArray[np.floating], width_px: float, size: int) -> NDArray[np.float32]:
    """Return the coverage, 0 to 1, of each of `size` pixels by lines at the sorted `positions_px`.

    `width_px` is the width of the lines. A line thinner than one pixel is drawn one pixel wide, but paler.
    The coverage decreases linearly over one pixel at the edges of the lines.
    """
    centres = np.arange(size) + 0.5
    if positions_px.size == 0:
        return np.zeros(size, np.float32)
    after = np.searchsorted(positions_px, centres)
    left = positions_px[np.maximum(after - 1, 0)]
    right = positions_px[np.minimum(after, positions_px.size - 1)]
    distance = np.minimum(np.abs(centres - left), np.abs(centres - right))
    outer_distance = 0.5 * max(width_px, 1.0) + 0.5
    return (min(1.0, width_px) * np.clip(outer_distance - distance, 0, 1)).astype(np.float32)


def _draw_grid(sheet: Sheet, grid: GridStyle) -> None:
    """Draw the minor grid lines (every 1 mm) and the major grid lines (every 5 mm)."""
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


def _pen_width_px(sheet: Sheet, count: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return the pen width in each of `count` columns.

    It is interpolated between random values that are 80 columns apart and have a standard deviation of 8 %.
    """
    knots = 1 + 0.08 * rng.standard_normal(count // 80 + 2)
    wobble = np.interp(np.arange(count) / 80, np.arange(knots.size), knots)
    return (sheet.style.pen_width_mm * sheet.style.px_per_mm * wobble).astype(np.float32)


def _draw_traces(sheet: Sheet, coverage: NDArray[np.float32], rng: np.random.Generator) -> None:
    style = sheet.style
    for row, curve in zip(sheet.layout.rows, sheet.curves, strict=True):
        u = row.start_mm + np.arange(curve.size) / COLUMNS_PER_MM
        x = np.asarray(sheet.x_px(u), np.float32)
        x[np.isnan(curve)] = np.nan
        y = np.asarray(sheet.y_px(row.baseline_mm - curve), np.float32)
        width = _pen_width_px(sheet, curve.size, rng)
        cuts = [round((s.start_mm - row.start_mm) * COLUMNS_PER_MM) for s in row.segments[1:]]
        if style.separator == "gap":
            for cut in cuts:
                x[cut - 8 : cut + 8] = np.nan
        elif not style.joins_leads:  # do not connect the end of a lead with the start of the next lead
            x, y, width = (np.insert(a, cuts, np.nan) for a in (x, y, width))
        draw_polyline(coverage, x, y, width)


def _draw_pulses(sheet: Sheet, coverage: NDArray[np.float32]) -> None:
    """Draw a calibration pulse of 1 mV next to each row, or to one row, if there is space. Add its mark."""
    style = sheet.style
    if style.pulse == "none":
        return
    full = pulse_width_mm(style)
    foot = (full - style.pulse_plateau_mm) / 2
    for r, row in enumerate(sheet.layout.rows):
        start = row.start_mm - style.pulse_gap_mm - full if style.pulse == "left" else row.end_mm + 1
        is_omitted = style.single_pulse_row not in (None, r)
        if is_omitted or start < style.paper[0] or start + full > style.paper[2]:
            continue
        u = start + np.array([0, foot, foot, full - foot, full - foot, full], np.float32)
        v = row.baseline_mm - style.gain_mm_mv * np.array([0, 0, 1, 1, 0, 0], np.float32)
        width = np.full(6, style.pen_width_mm * style.px_per_mm, np.float32)
        draw_polyline(
            coverage, np.asarray(sheet.x_px(u), np.float32), np.asarray(sheet.y_px(v), np.float32), width
        )
        sheet.marks.append(
            Mark("pulse", start + full / 2, row.baseline_mm - style.gain_mm_mv / 2, full, style.gain_mm_mv)
        )


def _draw_separators(sheet: Sheet, coverage: NDArray[np.float32], rng: np.random.Generator) -> None:
    style = sheet.style
    if style.separator not in ("bar", "tick"):
        return
    is_bar = style.separator == "bar"
    half = rng.uniform(1.4, 4.0) if is_bar else rng.uniform(0.8, 1.5)
    width = max(rng.uniform(0.25, 0.9), style.pen_width_mm) if is_bar else style.pen_width_mm
    follows_trace = rng.random() < 0.5  # if false, separators are centred on the baseline
    for row, curve in zip(sheet.layout.rows, sheet.curves, strict=True):
        for segment in row.segments[1:]:
            seam = segment.start_mm - style.seam_gap_mm
            at = round((segment.start_mm - row.start_mm) * COLUMNS_PER_MM) + (style.seam_gap_mm > 0)
            centre = row.baseline_mm - (float(curve[min(at, curve.size - 1)]) if follows_trace else 0.0)
            y = np.asarray(sheet.y_px(np.array([centre - half, centre + half])), np.float32)
            x = np.full(2, sheet.x_px(seam), np.float32)
            draw_polyline(coverage, x, y, np.full(2, width * style.px_per_mm, np.float32))
