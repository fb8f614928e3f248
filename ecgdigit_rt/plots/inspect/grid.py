"""Inspection images of the grid stage: the detected grid lines, and the mesh."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.geometry.grid_stage import GridPhase
from ecgdigit_rt.geometry.locate_stage import Located
from ecgdigit_rt.geometry.mesh import Mesh
from ecgdigit_rt.plots.inspect.canvas import (
    BLUE,
    TEAL,
    WARNING,
    WHITE,
    WIDTH_PX,
    Image,
    View,
    add_caption,
    blend_colour,
    centre_on_canvas,
    draw_curves,
    fade_to_grey,
    view_from_box,
)

_LINE_RAD = 0.16
"""Half width of a drawn line, in radians of the phase. On paper it is an eighth of a millimetre.

Hand-picked, not tuned.
"""

_MIN_CONFIDENCE = 0.5
"""Confidence above which a pixel counts as detected. Hand-picked, not tuned."""

_BOLD_INTERVAL, _MESH_OPACITY = 5, 0.7
_DETAILS, _DETAIL_MM, _GAP_PX = 4, 15.0, 8
"""Drawing of the mesh: interval of bold lines, opacity, and number, size and distance of magnified details.

Hand-picked, not tuned.
"""


def vertical_lines_from_phase(located: Located, phase: GridPhase) -> Image:
    """Return image 3: the vertical grid lines, at which u is a multiple of 5 mm."""
    return _line_map(located, phase.phase_u, phase, "3  Vertical lines")


def horizontal_lines_from_phase(located: Located, phase: GridPhase) -> Image:
    """Return image 4: the horizontal grid lines, at which v is a multiple of 5 mm."""
    return _line_map(located, phase.phase_v, phase, "4  Horizontal lines")


def _line_map(located: Located, field: NDArray[np.complex64], phase: GridPhase, title: str) -> Image:
    """Return the image of the grid lines. A line is drawn where the phase of `field` is near 0.

    The opacity of a line is its confidence. Areas of low confidence are shaded in orange.
    """
    view = view_from_box(located.image, located.page_px)
    real, imaginary = (
        view.resample_field(np.ascontiguousarray(component), phase.cell_px, phase.corner_px)
        for component in (field.real, field.imag)
    )
    confidence = np.clip(np.hypot(real, imaginary), 0, 1)
    line = np.exp(-np.square(np.arctan2(imaginary, real) / _LINE_RAD)) * confidence
    image = blend_colour(fade_to_grey(view.image), WARNING, 0.32 * (1 - confidence))
    image = blend_colour(image, BLUE, line)
    detected = float((np.abs(field) > _MIN_CONFIDENCE).mean())
    facts = f"every 5 mm, predicted by the grid stage: detected on {100 * detected:.0f} % of the sheet"
    legend = ((BLUE, "line; opacity is confidence"), (WARNING, "low confidence, or ink: not used"))
    return add_caption(image, title, facts, legend)


def mesh_from_located(located: Located, mesh: Mesh) -> Image:
    """Return image 5: the lines of the mesh on the sheet, and four magnified details below."""
    view = view_from_box(located.image, located.page_px)
    drawn = view.image.copy()
    _draw_mesh(drawn, view, mesh, 1)
    image = np.asarray(cv2.addWeighted(drawn, _MESH_OPACITY, view.image, 1 - _MESH_OPACITY, 0), np.uint8)
    facts, alarm = "below: four magnified details", ""
    if np.isnan(mesh.residual_px):
        alarm = "no grid detected: scale from the rows only"
    else:
        facts = f"residual {mesh.residual_px:.2f} px · {100 * mesh.coverage:.0f} % detected · {facts}"
    legend = ((BLUE, "every 5 mm"), (TEAL, "every 25 mm"))
    both = np.concatenate([centre_on_canvas(image), _magnified_details(located, mesh)])
    return add_caption(both, "5  Mesh", facts, legend, alarm)


def _draw_mesh(image: Image, view: View, mesh: Mesh, thickness: int) -> None:
    """Draw the lines through the nodes of the mesh as curves, with four straight pieces between two nodes."""
    u0, v0, u1, v1 = mesh.extent_mm
    rows, columns = mesh.pixels.shape[:2]
    for is_vertical, count, first in ((True, columns, u0), (False, rows, v0)):
        extent = (v0, v1) if is_vertical else (u0, u1)
        along = np.linspace(*extent, 4 * ((rows if is_vertical else columns) - 1) + 1)
        for k in range(count):
            fixed = np.full(along.shape, first + k * mesh.step_mm)
            u_mm, v_mm = (fixed, along) if is_vertical else (along, fixed)
            curve = view.points_from_image(*mesh.pixels_from_mm(u_mm, v_mm))
            is_bold = round(fixed[0] / mesh.step_mm) % _BOLD_INTERVAL == 0
            draw_curves(image, [curve], TEAL if is_bold else BLUE, thickness + is_bold)


def _magnified_details(located: Located, mesh: Mesh) -> Image:
    """Return four magnified details of the sheet side by side, one from each quarter of the sheet."""
    side = (WIDTH_PX - (_DETAILS - 1) * _GAP_PX) // _DETAILS
    band = np.full((side + _GAP_PX, WIDTH_PX, 3), WHITE, np.uint8)
    left, top, right, bottom = located.page_px
    for k, (across, down) in enumerate(((0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75))):
        middle = left + across * (right - left), top + down * (bottom - top)
        u, v = mesh.mm_from_pixels(*middle)
        half_px = _DETAIL_MM / 2 * (mesh.px_per_mm(float(u), float(v))[0] if np.isfinite(u) else 6.0)
        box = [round(middle[0] - half_px), round(middle[1] - half_px)]
        box += [box[0] + round(2 * half_px), box[1] + round(2 * half_px)]
        view = view_from_box(located.image, (max(0, box[0]), max(0, box[1]), box[2], box[3]))
        _draw_mesh(view.image, view, mesh, 2)
        detail = cv2.resize(view.image, (side, side), interpolation=cv2.INTER_AREA)
        band[_GAP_PX:, k * (side + _GAP_PX) : k * (side + _GAP_PX) + side] = detail
    return band
