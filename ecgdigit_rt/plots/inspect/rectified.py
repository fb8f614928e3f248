"""Inspection image of the rectified page, with its layout."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.geometry.locate_stage import Located
from ecgdigit_rt.geometry.mesh import Mesh
from ecgdigit_rt.geometry.strips import rectify_page
from ecgdigit_rt.plots.ecg_paper import Colour
from ecgdigit_rt.plots.inspect.canvas import (
    BACKGROUND,
    BLUE,
    GREEN,
    INK,
    PURPLE,
    WIDTH_PX,
    Image,
    add_caption,
    blend_colour,
    draw_curves,
    draw_tag,
    draw_text,
)
from ecgdigit_rt.results import Layout, Row

_SIDE_MM, _ABOVE_MM = 25.0, 28.0
_TICK_MM = 2.5
_TYPICAL_ROW_GAP_MM = 25.0
_EDGE_PX, _CORNER_PX = 6, 40
"""Sizes. Hand-picked, not tuned.

- margins at the sides of the rows, and above and below them
- length of ruler ticks
- row distance that is assumed for a single row
- width of the image border that counts as outside the image
- height of the corner in which numbers of the left ruler are omitted
"""

Box = tuple[float, float, float, float]
"""Left, top, right and bottom on paper, in millimetres."""


def rectified_from_mesh(located: Located, mesh: Mesh, layout: Layout | None = None) -> Image:
    """Return image 6: the page at a constant scale, with its rows, segments and lead boundaries.

    If `layout` is None, the whole mesh is shown.
    """
    box = _box_mm(mesh, layout)
    scale = WIDTH_PX / max(box[2] - box[0], box[3] - box[1])
    flat = rectify_page(located.image, mesh, scale)
    flat = blend_colour(flat, BACKGROUND, _outside_mask(located.image, mesh, scale))
    left, top, right, bottom = (round((mm - mesh.extent_mm[k % 2]) * scale) for k, mm in enumerate(box))
    image = np.ascontiguousarray(flat[top:bottom, left:right])
    if layout is None:
        _draw_rulers(image, box, scale)
        facts = f"{box[2] - box[0]:.0f} × {box[3] - box[1]:.0f} mm"
        return add_caption(image, "6  Rectified", facts, alarm="unknown layout")
    image = _draw_layout(image, layout, box, scale)
    _draw_rulers(image, box, scale)
    first = layout.rows[0]
    facts = (
        f"layout {layout.name} · {layout.speed_mm_s:g} mm/s · {layout.gain_mm_mv:g} mm/mV · "
        f"record of {first.end_mm - first.start_mm:.1f} mm = {first.segments[-1].end_s:.2f} s"
    )
    legend = ((BLUE, "baseline"), (GREEN, "start and end of the record"), (PURPLE, "lead boundary"))
    return add_caption(image, "6  Rectified", facts, legend)


def _outside_mask(image: Image, mesh: Mesh, scale: float) -> NDArray[np.float32]:
    """Return a mask that is 1 where the rectified page extends beyond the image, and 0 inside the image."""
    inside = np.zeros_like(image)
    inside[_EDGE_PX:-_EDGE_PX, _EDGE_PX:-_EDGE_PX] = 255
    return np.float32(1) - rectify_page(inside, mesh, scale)[..., 0].astype(np.float32) / np.float32(255)


def _box_mm(mesh: Mesh, layout: Layout | None) -> Box:
    """Return the part of the paper that is shown: the rows with a margin, limited to the mesh."""
    u0, v0, u1, v1 = mesh.extent_mm
    if layout is None:
        return u0, v0, u1, v1
    rows = layout.rows
    return (
        max(u0, min(row.start_mm for row in rows) - _SIDE_MM),
        max(v0, min(row.baseline_mm for row in rows) - _ABOVE_MM),
        min(u1, max(row.end_mm for row in rows) + _SIDE_MM),
        min(v1, max(row.baseline_mm for row in rows) + _ABOVE_MM),
    )


def _draw_layout(image: Image, layout: Layout, box: Box, scale: float) -> Image:
    heights = [row.baseline_mm for row in layout.rows]
    half_mm = 0.47 * (float(np.diff(heights).min()) if len(heights) > 1 else _TYPICAL_ROW_GAP_MM)
    image = _shade_segments(image, layout, box, scale, half_mm)
    for row in layout.rows:
        v = row.baseline_mm
        _draw_line(image, box, scale, (row.start_mm, v), (row.end_mm, v), BLUE, 1)
        for segment in row.segments[1:]:
            u = segment.start_mm
            _draw_line(image, box, scale, (u, v - half_mm), (u, v + half_mm), PURPLE)
        for u in (row.start_mm, row.end_mm):
            _draw_line(image, box, scale, (u, v - half_mm), (u, v + half_mm), GREEN)
        for segment in row.segments:
            corner = ((segment.start_mm - box[0]) * scale + 4, (v - half_mm - box[1]) * scale + 24)
            draw_tag(image, f"{segment.lead}  {segment.start_s:.1f}–{segment.end_s:.1f} s", corner, INK, 17)
    return image


def _shade_segments(image: Image, layout: Layout, box: Box, scale: float, half_mm: float) -> Image:
    """Return the image with alternate segments shaded in blue, like a chessboard."""
    opacity = np.zeros(image.shape[:2], np.float32)
    for r, row in enumerate(layout.rows):
        for k, segment in enumerate(row.segments):
            if (r + k) % 2 == 0:
                area = _segment_px(row, segment.start_mm, segment.end_mm, box, scale, half_mm)
                opacity[area] = 0.1
    return blend_colour(image, BLUE, opacity)


def _segment_px(
    row: Row, start_mm: float, end_mm: float, box: Box, scale: float, half_mm: float
) -> tuple[slice, slice]:
    """Return the slices of pixel rows and pixel columns of a segment."""
    top, bottom = (max(0, round((row.baseline_mm + k * half_mm - box[1]) * scale)) for k in (-1, 1))
    left, right = (max(0, round((u - box[0]) * scale)) for u in (start_mm, end_mm))
    return slice(top, bottom), slice(left, right)


def _draw_line(
    image: Image, box: Box, scale: float, start: tuple[float, float], end: tuple[float, float],
    colour: Colour, thickness: int = 2,
) -> None:  # fmt: skip
    """Draw a straight line between two points on paper, in millimetres."""
    draw_curves(image, [(np.array([start, end]) - np.array(box[:2])) * scale], colour, thickness)


def _draw_rulers(image: Image, box: Box, scale: float) -> None:
    """Draw ticks every 10 mm along the top and the left edge, and a number every 50 mm."""
    for axis in range(2):
        for mm in range(int(np.ceil(box[axis] / 10)) * 10, int(box[axis + 2]) + 1, 10):
            tick = _TICK_MM if mm % 50 == 0 else _TICK_MM / 2
            start, end = (float(mm), box[1]), (float(mm), box[1] + tick)
            if axis == 1:
                start, end = (box[0], float(mm)), (box[0] + tick, float(mm))
            _draw_line(image, box, scale, start, end, INK)
            if mm % 50 == 0:
                x, y = (end[0] - box[0]) * scale, (end[1] - box[1]) * scale
                if axis == 1 and y < _CORNER_PX:  # the top ruler may have a number here
                    continue
                draw_text(image, f"{mm} mm", (x + 6, y + (2 if axis == 0 else 6)), INK, 17)
