"""Stage 1's pictures: where it saw the grid's lines, and the mesh that was laid through them."""

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
    captioned,
    centred,
    lines,
    tinted,
    view_from_box,
    washed,
)

_LINE = 0.16
"""Half width of a drawn line, in radians of the phase: an eighth of a millimetre."""

_CLEAR = 0.5
"""Confidence from which a place counts as seen."""

_BOLD_EVERY, _MESH_STRENGTH = 5, 0.7
_LOUPES, _LOUPE_MM, _GAP_PX = 4, 15.0, 8


def vertical_lines_from_phase(located: Located, phase: GridPhase) -> Image:
    """Picture 3: the lines that run down the paper, where u is a multiple of 5 mm."""
    return _line_map(located, phase.along, phase, "3  Vertical lines")


def horizontal_lines_from_phase(located: Located, phase: GridPhase) -> Image:
    """Picture 4: the lines that run along the paper, where v is a multiple of 5 mm."""
    return _line_map(located, phase.down, phase, "4  Horizontal lines")


def _line_map(located: Located, field: NDArray[np.complex64], phase: GridPhase, title: str) -> Image:
    """Lines where the phase is near 0, as strong as the network is sure; amber where it is not."""
    view = view_from_box(located.image, located.page_px)
    real, imaginary = (
        view.laid(np.ascontiguousarray(part), phase.cell_px, phase.corner_px)
        for part in (field.real, field.imag)
    )
    sure = np.clip(np.hypot(real, imaginary), 0, 1)
    line = np.exp(-np.square(np.arctan2(imaginary, real) / _LINE)) * sure
    image = tinted(washed(view.image), WARNING, 0.32 * (1 - sure))
    image = tinted(image, BLUE, line)
    seen = float((np.abs(field) > _CLEAR).mean())
    facts = f"every 5 mm, as stage 1 sees them: on {100 * seen:.0f} % of the cut"
    legend = ((BLUE, "line, as strong as it is sure"), (WARNING, "not sure, or ink there: left out"))
    return captioned(image, title, facts, legend)


def mesh_from_located(located: Located, mesh: Mesh) -> Image:
    """Picture 5: the mesh's lines over the sheet, and below it four places enlarged."""
    view = view_from_box(located.image, located.page_px)
    drawn = view.image.copy()
    _draw_mesh(drawn, view, mesh, 1)
    image = np.asarray(cv2.addWeighted(drawn, _MESH_STRENGTH, view.image, 1 - _MESH_STRENGTH, 0), np.uint8)
    facts, alarm = "below: four places enlarged", ""
    if np.isnan(mesh.residual_px):
        alarm = "no grid seen: the rows alone gave the scale"
    else:
        facts = f"residual {mesh.residual_px:.2f} px · {100 * mesh.coverage:.0f} % of it seen · {facts}"
    legend = ((BLUE, "every 5 mm"), (TEAL, "every 25 mm"))
    both = np.concatenate([centred(image), _loupes(located, mesh)])
    return captioned(both, "5  Mesh", facts, legend, alarm)


def _draw_mesh(image: Image, view: View, mesh: Mesh, thickness: int) -> None:
    """The lines between the nodes, four pieces to a period."""
    u0, v0, u1, v1 = mesh.extent_mm
    rows, columns = mesh.pixels.shape[:2]
    for across, count, first in ((True, columns, u0), (False, rows, v0)):
        reach = (v0, v1) if across else (u0, u1)
        far = np.linspace(*reach, 4 * ((rows if across else columns) - 1) + 1)
        for k in range(count):
            at = np.full(far.shape, first + k * mesh.step_mm)
            curve = view.places(*(mesh.pixels_from_mm(at, far) if across else mesh.pixels_from_mm(far, at)))
            is_bold = round(at[0] / mesh.step_mm) % _BOLD_EVERY == 0
            lines(image, [curve], TEAL if is_bold else BLUE, thickness + is_bold)


def _loupes(located: Located, mesh: Mesh) -> Image:
    """Four places of the sheet, one in each quarter, as large as fits side by side."""
    side = (WIDTH_PX - (_LOUPES - 1) * _GAP_PX) // _LOUPES
    band = np.full((side + _GAP_PX, WIDTH_PX, 3), WHITE, np.uint8)
    left, top, right, bottom = located.page_px
    for k, (across, down) in enumerate(((0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75))):
        middle = left + across * (right - left), top + down * (bottom - top)
        u, v = mesh.mm_from_pixels(*middle)
        reach = _LOUPE_MM / 2 * (mesh.px_per_mm(float(u), float(v))[0] if np.isfinite(u) else 6.0)
        box = [round(middle[0] - reach), round(middle[1] - reach)]
        box += [box[0] + round(2 * reach), box[1] + round(2 * reach)]
        view = view_from_box(located.image, (max(0, box[0]), max(0, box[1]), box[2], box[3]))
        _draw_mesh(view.image, view, mesh, 2)
        shown = cv2.resize(view.image, (side, side), interpolation=cv2.INTER_AREA)
        band[_GAP_PX:, k * (side + _GAP_PX) : k * (side + _GAP_PX) + side] = shown
    return band
