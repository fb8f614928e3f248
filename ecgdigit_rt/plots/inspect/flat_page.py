"""The page laid flat on paper millimetres, with what the layout says of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.geometry.locate_stage import Located
from ecgdigit_rt.geometry.mesh import Mesh
from ecgdigit_rt.geometry.strips import rectified_page
from ecgdigit_rt.plots.ecg_paper import Colour
from ecgdigit_rt.plots.inspect.canvas import (
    BLUE,
    GREEN,
    INK,
    PURPLE,
    ROOM,
    WIDTH_PX,
    Image,
    captioned,
    lines,
    tag,
    tinted,
    words,
)
from ecgdigit_rt.results import Layout, Row

_BESIDE_MM, _ABOVE_MM = 25.0, 28.0
_LONGEST_TICK_MM = 2.5
_USUAL_GAP_MM = 25.0
_EDGE_PX, _CORNER_PX = 6, 40

Box = tuple[float, float, float, float]


def flat_page_from_mesh(located: Located, mesh: Mesh, layout: Layout | None = None) -> Image:
    """Picture 6: the page flat, a millimetre everywhere equally long; rows, windows and seams upon it.

    layout: where there is none the whole mesh is shown.
    """
    box = _box_mm(mesh, layout)
    scale = WIDTH_PX / max(box[2] - box[0], box[3] - box[1])
    whole = tinted(rectified_page(located.image, mesh, scale), ROOM, _beyond(located.image, mesh, scale))
    left, top, right, bottom = (round((place - mesh.extent_mm[k % 2]) * scale) for k, place in enumerate(box))
    image = np.ascontiguousarray(whole[top:bottom, left:right])
    if layout is None:
        _rulers(image, box, scale)
        facts = f"{box[2] - box[0]:.0f} × {box[3] - box[1]:.0f} mm"
        return captioned(image, "6  Laid flat", facts, alarm="no layout known")
    image = _draw_layout(image, layout, box, scale)
    _rulers(image, box, scale)
    first = layout.rows[0]
    facts = (
        f"layout {layout.name} · {layout.speed_mm_s:g} mm/s · {layout.gain_mm_mv:g} mm/mV · "
        f"record of {first.end_mm - first.start_mm:.1f} mm = {first.segments[-1].end_s:.2f} s"
    )
    legend = ((BLUE, "zero line"), (GREEN, "start and end of the record"), (PURPLE, "seam of two leads"))
    return captioned(image, "6  Laid flat", facts, legend)


def _beyond(image: Image, mesh: Mesh, scale: float) -> NDArray[np.float32]:
    """1 where the flat page reaches beyond the picture, whose edge pixels are continued there."""
    inside = np.zeros_like(image)
    inside[_EDGE_PX:-_EDGE_PX, _EDGE_PX:-_EDGE_PX] = 255
    return np.float32(1) - rectified_page(inside, mesh, scale)[..., 0].astype(np.float32) / np.float32(255)


def _box_mm(mesh: Mesh, layout: Layout | None) -> Box:
    """Left, top, right, bottom of what is shown: the rows and some paper around them, inside the mesh."""
    u0, v0, u1, v1 = mesh.extent_mm
    if layout is None:
        return u0, v0, u1, v1
    rows = layout.rows
    return (
        max(u0, min(row.start_mm for row in rows) - _BESIDE_MM),
        max(v0, min(row.baseline_mm for row in rows) - _ABOVE_MM),
        min(u1, max(row.end_mm for row in rows) + _BESIDE_MM),
        min(v1, max(row.baseline_mm for row in rows) + _ABOVE_MM),
    )


def _draw_layout(image: Image, layout: Layout, box: Box, scale: float) -> Image:
    heights = [row.baseline_mm for row in layout.rows]
    half_mm = 0.47 * (float(np.diff(heights).min()) if len(heights) > 1 else _USUAL_GAP_MM)
    image = _shaded(image, layout, box, scale, half_mm)
    for row in layout.rows:
        zero = row.baseline_mm
        _line(image, box, scale, (row.start_mm, zero), (row.end_mm, zero), BLUE, 1)
        for segment in row.segments[1:]:
            at = segment.start_mm
            _line(image, box, scale, (at, zero - half_mm), (at, zero + half_mm), PURPLE)
        for at in (row.start_mm, row.end_mm):
            _line(image, box, scale, (at, zero - half_mm), (at, zero + half_mm), GREEN)
        for segment in row.segments:
            place = ((segment.start_mm - box[0]) * scale + 4, (zero - half_mm - box[1]) * scale + 24)
            tag(image, f"{segment.lead}  {segment.start_s:.1f}–{segment.end_s:.1f} s", place, INK, 17)
    return image


def _shaded(image: Image, layout: Layout, box: Box, scale: float, half_mm: float) -> Image:
    """Every other window of every other row a little blue, so that windows are told apart."""
    shade = np.zeros(image.shape[:2], np.float32)
    for r, row in enumerate(layout.rows):
        for k, segment in enumerate(row.segments):
            if (r + k) % 2 == 0:
                window = _window_px(row, segment.start_mm, segment.end_mm, box, scale, half_mm)
                shade[window] = 0.1
    return tinted(image, BLUE, shade)


def _window_px(
    row: Row, start_mm: float, end_mm: float, box: Box, scale: float, half_mm: float
) -> tuple[slice, slice]:
    top, bottom = (max(0, round((row.baseline_mm + k * half_mm - box[1]) * scale)) for k in (-1, 1))
    left, right = (max(0, round((at - box[0]) * scale)) for at in (start_mm, end_mm))
    return slice(top, bottom), slice(left, right)


def _line(
    image: Image, box: Box, scale: float, start: tuple[float, float], end: tuple[float, float],
    colour: Colour, thickness: int = 2,
) -> None:  # fmt: skip
    """A straight line between two places of the paper (mm)."""
    lines(image, [(np.array([start, end]) - np.array(box[:2])) * scale], colour, thickness)


def _rulers(image: Image, box: Box, scale: float) -> None:
    """Ticks every 10 mm along the top and the left, numbers every 50 mm; 0 is the grid's first line."""
    for axis in range(2):
        for mm in range(int(np.ceil(box[axis] / 10)) * 10, int(box[axis + 2]) + 1, 10):
            tick = _LONGEST_TICK_MM if mm % 50 == 0 else _LONGEST_TICK_MM / 2
            start, end = (float(mm), box[1]), (float(mm), box[1] + tick)
            if axis == 1:
                start, end = (box[0], float(mm)), (box[0] + tick, float(mm))
            _line(image, box, scale, start, end, INK)
            if mm % 50 == 0:
                x, y = (end[0] - box[0]) * scale, (end[1] - box[1]) * scale
                if axis == 1 and y < _CORNER_PX:  # where the other ruler's number stands
                    continue
                words(image, f"{mm} mm", (x + 6, y + (2 if axis == 0 else 6)), INK, 17)
