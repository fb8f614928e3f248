"""Stage 0's pictures: the marks that it saw on the page, and the sheet that it cut out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from ecgdigit_rt.geometry.locate_stage import Located
from ecgdigit_rt.geometry.mesh import Mesh
from ecgdigit_rt.layout.paper_heatmap import PaperHeatmap
from ecgdigit_rt.plots.ecg_paper import Colour
from ecgdigit_rt.plots.inspect.canvas import (
    BLUE,
    GREEN,
    INK,
    PURPLE,
    QUIET,
    TEAL,
    WARNING,
    Image,
    View,
    captioned,
    lines,
    tag,
    tinted,
    view_from_box,
    washed,
)
from ecgdigit_rt.results import LEADS
from ecgdigit_rt.stages import BASELINE, GAINS, PAGE_MASK, PULSE, SPEEDS

_LEAST_HEAT, _PLAIN_HEAT = 0.2, 0.4
_FAINT_SIZE, _PULSE_LEFT_PX = 15, 72
_APART_CELLS = 5
_NEAR_MM = 4.0
_UNITS = {f"speed_{v:g}": f"{v:g} mm/s" for v in SPEEDS.values()} | {
    f"gain_{v:g}": f"{v:g} mm/mV" for v in GAINS.values()
}
_SCALES = (*SPEEDS, *GAINS)


@dataclass(frozen=True, slots=True)
class Mark:
    """A printed mark: the channel that glows most there, its heat, and its place in the upright picture."""

    name: str
    heat: float
    x_px: float
    y_px: float


def marks_from_located(located: Located, names: Sequence[str]) -> list[Mark]:
    """Where marks of these names glow, strongest first."""
    stack = np.stack([located.channel(name) for name in names])
    glow = stack.max(0)
    tops = cv2.dilate(glow, np.ones((_APART_CELLS, _APART_CELLS), np.uint8)) <= glow
    rows, columns = np.nonzero(tops & (glow > _LEAST_HEAT))
    marks = [
        Mark(
            names[int(stack[:, i, j].argmax())],
            float(glow[i, j]),
            located.corner_px[0] + (j + 0.5) * located.cell_px,
            located.corner_px[1] + (i + 0.5) * located.cell_px,
        )
        for i, j in zip(rows, columns, strict=True)
    ]
    return sorted(marks, key=lambda mark: -mark.heat)


def labels_from_located(
    located: Located, heat: PaperHeatmap | None = None, mesh: Mesh | None = None
) -> Image:
    """Picture 1: the upright page with what stage 0 saw on it.

    heat, mesh: the second look's, where there was one; a name that it read otherwise is shown as both.
    """
    height, width = located.image.shape[:2]
    view = view_from_box(located.image, (0, 0, width, height))
    image = _sheet_bright(view, located)
    for names, colour in (((BASELINE,), BLUE), (LEADS, GREEN), ((PULSE,), PURPLE), (_SCALES, TEAL)):
        glow = np.max([located.channel(name) for name in names], axis=0)
        image = tinted(image, colour, 0.75 * view.laid(glow, located.cell_px, located.corner_px))
    _outline(image, view, located)
    found = {LEADS: GREEN, (PULSE,): PURPLE, _SCALES: TEAL}
    marks = {names: marks_from_located(located, names) for names in found}
    for names, colour in found.items():
        for mark in reversed(marks[names]):  # the strongest on top
            _tag(image, view, mark, _read_again(mark, names, heat, mesh), colour)
    turned = f"turned back by {90 * located.quarter_turns}°" if located.quarter_turns else "upright"
    plain = {names: sum(mark.heat >= _PLAIN_HEAT for mark in marks[names]) for names in found}
    facts = f"what stage 0 saw: {turned} · {plain[LEADS]} names · {plain[(PULSE,)]} pulses"
    legend = (
        (INK, "cut to the sheet"), (BLUE, "zero lines"), (GREEN, "names of leads"), (PURPLE, "pulses"),
        (TEAL, "speed, gain"), (QUIET, "faint"), (WARNING, "read otherwise on the second look"),
    )  # fmt: skip
    return captioned(image, "1  Labels", facts, legend)


def picture_without_sheet(image: Image) -> Image:
    """Picture 2 where stage 0 found no sheet: the picture as it was decoded, (height, width, 3)."""
    height, width = image.shape[:2]
    view = view_from_box(image, (0, 0, width, height))
    return captioned(view.image, "2  Page", f"{width} × {height} px", alarm="no sheet found")


def sheet_from_located(located: Located) -> Image:
    """Picture 2: the page upright and cut to the sheet."""
    left, top, right, bottom = located.page_px
    height, width = located.image.shape[:2]
    view = view_from_box(located.image, located.page_px)
    facts = f"upright and cut to the sheet: {right - left} × {bottom - top} of {width} × {height} px"
    return captioned(view.image, "2  Page", facts)


def _sheet_bright(view: View, located: Located) -> Image:
    """The page washed out, and darker where no sheet was seen."""
    mask = view.laid(located.channel(PAGE_MASK), located.cell_px, located.corner_px)
    return tinted(washed(view.image), (120, 126, 138), 0.45 * (1 - np.clip(mask, 0, 1)))


def _outline(image: Image, view: View, located: Located) -> None:
    left, top, right, bottom = located.page_px
    corners = view.places(
        np.array([left, right, right, left, left]), np.array([top, top, bottom, bottom, top])
    )
    inside = np.clip(corners, 2, np.array([image.shape[1], image.shape[0]]) - 2)
    lines(image, [inside], INK, 3)


def _tag(image: Image, view: View, mark: Mark, again: tuple[str, float], colour: Colour) -> None:
    """A name and its heat beside the mark, small and grey where that is faint.

    again: name and heat of the second look.
    """
    x, y = view.places(np.array(mark.x_px), np.array(mark.y_px))
    if mark.name == PULSE:
        tag(image, f"{mark.heat:.2f}", (x - _PULSE_LEFT_PX, y + 10), colour, _FAINT_SIZE)
        return
    text = f"{_UNITS.get(mark.name, mark.name)} {mark.heat:.2f}"
    if mark.heat < _PLAIN_HEAT:
        tag(image, text, (x + 10, y - 8), QUIET, _FAINT_SIZE)
        return
    if again[1] > _LEAST_HEAT and again[0] != mark.name:
        text, colour = f"{text} → {_UNITS.get(again[0], again[0])} {again[1]:.2f}", WARNING
    tag(image, text, (x + 14, y - 10), colour)


def _read_again(
    mark: Mark, names: Sequence[str], heat: PaperHeatmap | None, mesh: Mesh | None
) -> tuple[str, float]:
    """The name that glows most around a mark after the second look, and its heat; 0 where none does."""
    if heat is None or mesh is None or PULSE in names:
        return "", 0.0
    u, v = mesh.mm_from_pixels(mark.x_px, mark.y_px)
    near = np.ix_(np.abs(heat.v_mm - v) < _NEAR_MM, np.abs(heat.u_mm - u) < _NEAR_MM)
    glow = {name: heat.channel(name)[near] for name in names}
    tops = {name: float(cells.max()) if cells.size else 0.0 for name, cells in glow.items()}
    best = max(tops, key=lambda name: tops[name])
    return best, tops[best]
