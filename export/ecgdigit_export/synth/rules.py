"""Drawing of rules, frames, axis numbers and other straight lines of a sheet."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ecgdigit_export.synth.printing import print_word
from ecgdigit_export.synth.rule_style import Colour
from ecgdigit_export.synth.sheet import Sheet
from ecgdigit_kernels.stroke import blend, draw_polyline

# Distances in mm of a frame from the rows and from the pulses, and lengths of ticks. Hand-picked, not tuned.
_FRAME_LEFT_MM = {"traces": 0.5, "box": 12.0}
_TICK_CAP_MM = 1.4
_BASELINE_WIDTH_MM = 0.15


def draw_panels(sheet: Sheet) -> None:
    """Blank the grid between adjacent rows, so that each row has its own grid."""
    gap = sheet.style.rules.panel_gap_mm
    if gap <= 0:
        return
    for middle in _row_middles(sheet):
        top, bottom = (max(0, round(float(sheet.y_px(middle + side * gap / 2)))) for side in (-1, 1))
        sheet.raster[top:bottom] = np.array(sheet.style.paper_colour, np.uint8)


def draw_second_lines(sheet: Sheet) -> None:
    """Draw a bold line in the colour of the grid every second, over the height of the grid."""
    style = sheet.style
    if not style.rules.has_second_lines:
        return
    left, top, right, bottom = style.grid.box
    positions = np.arange(style.start_mm, right, style.speed_mm_s)
    lines = [((u, top), (u, bottom)) for u in positions if u >= left]
    colour = tuple(0.75 * value for value in style.grid.major_colour)
    _draw_lines(sheet, lines, style.rules.width_mm, (colour[0], colour[1], colour[2]))


def draw_rules(sheet: Sheet) -> None:
    """Draw the baselines, the rules between columns and rows, and the frame."""
    style, rules = sheet.style, sheet.style.rules
    first, last = sheet.layout.rows[0], sheet.layout.rows[-1]
    if rules.has_baselines:
        lines = [
            ((row.start_mm, row.baseline_mm), (row.end_mm, row.baseline_mm)) for row in sheet.layout.rows
        ]
        _draw_lines(sheet, lines, _BASELINE_WIDTH_MM, rules.colour)
    left, top, right, bottom = style.grid.box
    spacing = _row_spacing_mm(sheet)
    if rules.has_column_rules:
        _draw_lines(sheet, _column_rules(sheet, spacing), rules.width_mm, rules.colour)
    if rules.has_row_rules:
        lines = [((left, middle), (right, middle)) for middle in _row_middles(sheet)]
        _draw_lines(sheet, lines, rules.width_mm, rules.colour)
    if rules.frame != "none":
        if rules.frame != "grid":
            left, right = first.start_mm - _FRAME_LEFT_MM[rules.frame], first.end_mm + 0.5
            top, bottom = first.baseline_mm - 0.6 * spacing, last.baseline_mm + 0.6 * spacing
        left, top = max(left, style.paper[0] + 0.3), max(top, style.paper[1] + 0.3)
        right, bottom = min(right, style.paper[2] - 0.3), min(bottom, style.paper[3] - 0.3)
        corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
        _draw_lines(sheet, list(pairwise(corners)), rules.width_mm, rules.colour)


def print_ticks(sheet: Sheet) -> None:
    """Print axis numbers: seconds below the last row, and millivolts left of every row."""
    style = sheet.style
    if not style.rules.has_ticks:
        return
    last = sheet.layout.rows[-1]
    below = last.baseline_mm + 0.5 * _row_spacing_mm(sheet)
    for second in range(int((last.end_mm - last.start_mm) / style.speed_mm_s) + 1):
        print_word(sheet, f"{second}", last.start_mm + second * style.speed_mm_s - 0.5, below, _TICK_CAP_MM)
    for row in sheet.layout.rows:
        for mv in (-1, 0, 1):
            v = row.baseline_mm - mv * style.gain_mm_mv
            print_word(sheet, f"{mv}", style.paper[0] + 1.5, v, _TICK_CAP_MM)


def _column_rules(sheet: Sheet, spacing_mm: float) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """Return a line at every seam, from above the first to below the last row with that number of leads."""
    columns = sheet.style.plan.columns
    rows = [row for row in sheet.layout.rows if len(row.segments) == columns]
    if columns == 1:  # a line at the start of the rows, as between names and traces
        positions = [rows[0].start_mm]
    else:
        positions = [segment.start_mm - sheet.style.seam_gap_mm for segment in rows[0].segments[1:]]
    top = rows[0].baseline_mm - 0.4 * spacing_mm
    bottom = rows[-1].baseline_mm + 0.4 * spacing_mm
    return [((u, top), (u, bottom)) for u in positions]


def _row_middles(sheet: Sheet) -> list[float]:
    """Return the middles in mm between adjacent baselines."""
    lines = sheet.style.baselines_mm
    return [(a + b) / 2 for a, b in pairwise(lines)]


def _row_spacing_mm(sheet: Sheet) -> float:
    """Return the median distance between baselines, or 30 mm on a page with one row."""
    lines = sheet.style.baselines_mm
    return float(np.median(np.diff(lines))) if len(lines) > 1 else 30.0


def _draw_lines(
    sheet: Sheet,
    lines: list[tuple[tuple[float, float], tuple[float, float]]],
    width_mm: float,
    colour: Colour,
) -> None:
    """Draw straight lines, given by the u and v of their ends in mm."""
    coverage = np.zeros(sheet.raster.shape[:2], np.float32)
    width = np.full(2, width_mm * sheet.style.px_per_mm, np.float32)
    for (u0, v0), (u1, v1) in lines:
        x: NDArray[np.float32] = np.asarray(sheet.x_px(np.array([u0, u1])), np.float32)
        y: NDArray[np.float32] = np.asarray(sheet.y_px(np.array([v0, v1])), np.float32)
        draw_polyline(coverage, x, y, width)
    blend(sheet.raster, coverage, np.array(colour, np.float32))
