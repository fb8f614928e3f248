"""Inspection images of the locate stage: the detected marks, and the sheet."""

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
    GREY,
    INK,
    PURPLE,
    TEAL,
    WARNING,
    Image,
    View,
    add_caption,
    blend_colour,
    draw_curves,
    draw_tag,
    fade_to_grey,
    view_from_box,
)
from ecgdigit_rt.results import LEADS
from ecgdigit_rt.stages import BASELINE, GAINS, PAGE_MASK, PULSE, SPEEDS

_MIN_ACTIVATION, _CLEAR_ACTIVATION = 0.2, 0.4
_SMALL_TEXT, _PULSE_LEFT_PX = 15, 72
_SPACING_CELLS = 5
_NEAR_MM = 4.0
"""Drawing of the marks. Hand-picked, not tuned.

- minimum activation of a mark, and minimum activation of a mark that is drawn in full size
- font size of small text, and distance of the text to the left of a pulse
- minimum distance between two marks, in cells
- maximum distance between a mark and its name in the close-up
"""

_TEXTS = {f"speed_{v:g}": f"{v:g} mm/s" for v in SPEEDS.values()} | {
    f"gain_{v:g}": f"{v:g} mm/mV" for v in GAINS.values()
}
_SCALES = (*SPEEDS, *GAINS)


@dataclass(frozen=True, slots=True)
class Mark:
    """Detected mark: `name` of the channel with the highest activation, and position in the upright image."""

    name: str
    activation: float
    x_px: float
    y_px: float


def marks_from_located(located: Located, names: Sequence[str]) -> list[Mark]:
    """Return the detected marks with one of these names, sorted by decreasing activation."""
    stack = np.stack([located.channel(name) for name in names])
    activation = stack.max(0)
    is_peak = cv2.dilate(activation, np.ones((_SPACING_CELLS, _SPACING_CELLS), np.uint8)) <= activation
    rows, columns = np.nonzero(is_peak & (activation > _MIN_ACTIVATION))
    marks = [
        Mark(
            names[int(stack[:, i, j].argmax())],
            float(activation[i, j]),
            located.corner_px[0] + (j + 0.5) * located.cell_px,
            located.corner_px[1] + (i + 0.5) * located.cell_px,
        )
        for i, j in zip(rows, columns, strict=True)
    ]
    return sorted(marks, key=lambda mark: -mark.activation)


def labels_from_located(
    located: Located, heatmap: PaperHeatmap | None = None, mesh: Mesh | None = None
) -> Image:
    """Return image 1: the upright page with the marks that the locate stage detected.

    `heatmap` is the prediction on close-ups of the text, in the paper coordinates of `mesh`. If the close-up
    gives a clear mark another name, both names are drawn.
    """
    height, width = located.image.shape[:2]
    view = view_from_box(located.image, (0, 0, width, height))
    image = _fade_outside_sheet(view, located)
    for names, colour in (((BASELINE,), BLUE), (LEADS, GREEN), ((PULSE,), PURPLE), (_SCALES, TEAL)):
        activation = np.max([located.channel(name) for name in names], axis=0)
        field = view.resample_field(activation, located.cell_px, located.corner_px)
        image = blend_colour(image, colour, 0.75 * field)
    _draw_sheet_outline(image, view, located)
    colours = {LEADS: GREEN, (PULSE,): PURPLE, _SCALES: TEAL}
    marks = {names: marks_from_located(located, names) for names in colours}
    for names, colour in colours.items():
        for mark in reversed(marks[names]):  # the strongest mark is drawn last, on top
            _draw_mark(image, view, mark, _closeup_name(mark, names, heatmap, mesh), colour)
    turns = f"rotated back by {90 * located.quarter_turns}°" if located.quarter_turns else "upright"
    clear = {names: sum(mark.activation >= _CLEAR_ACTIVATION for mark in marks[names]) for names in colours}
    facts = f"detected by the locate stage: {turns} · {clear[LEADS]} lead names · {clear[(PULSE,)]} pulses"
    legend = (
        (INK, "sheet"), (BLUE, "baselines"), (GREEN, "lead names"), (PURPLE, "calibration pulses"),
        (TEAL, "speed, gain"), (GREY, "low activation"), (WARNING, "different name in the close-up"),
    )  # fmt: skip
    return add_caption(image, "1  Labels", facts, legend)


def image_without_sheet(image: Image) -> Image:
    """Return image 2 of a page without a detected sheet: the image as decoded, (height, width, 3)."""
    height, width = image.shape[:2]
    view = view_from_box(image, (0, 0, width, height))
    return add_caption(view.image, "2  Page", f"{width} × {height} px", alarm="no sheet detected")


def sheet_from_located(located: Located) -> Image:
    """Return image 2: the upright page, cropped to the sheet."""
    left, top, right, bottom = located.page_px
    height, width = located.image.shape[:2]
    view = view_from_box(located.image, located.page_px)
    facts = f"upright, cropped to the sheet: {right - left} × {bottom - top} of {width} × {height} px"
    return add_caption(view.image, "2  Page", facts)


def _fade_outside_sheet(view: View, located: Located) -> Image:
    """Return the page in pale grey, darker outside the detected sheet."""
    mask = view.resample_field(located.channel(PAGE_MASK), located.cell_px, located.corner_px)
    return blend_colour(fade_to_grey(view.image), (120, 126, 138), 0.45 * (1 - np.clip(mask, 0, 1)))


def _draw_sheet_outline(image: Image, view: View, located: Located) -> None:
    left, top, right, bottom = located.page_px
    corners = view.points_from_image(
        np.array([left, right, right, left, left]), np.array([top, top, bottom, bottom, top])
    )
    inside = np.clip(corners, 2, np.array([image.shape[1], image.shape[0]]) - 2)
    draw_curves(image, [inside], INK, 3)


def _draw_mark(image: Image, view: View, mark: Mark, closeup: tuple[str, float], colour: Colour) -> None:
    """Draw the name and the activation of a mark next to it, small and grey if the activation is low.

    `closeup` is the name of the mark in the close-up, and the activation of this name there.
    """
    x, y = view.points_from_image(np.array(mark.x_px), np.array(mark.y_px))
    if mark.name == PULSE:
        draw_tag(image, f"{mark.activation:.2f}", (x - _PULSE_LEFT_PX, y + 10), colour, _SMALL_TEXT)
        return
    text = f"{_TEXTS.get(mark.name, mark.name)} {mark.activation:.2f}"
    if mark.activation < _CLEAR_ACTIVATION:
        draw_tag(image, text, (x + 10, y - 8), GREY, _SMALL_TEXT)
        return
    if closeup[1] > _MIN_ACTIVATION and closeup[0] != mark.name:
        text, colour = f"{text} → {_TEXTS.get(closeup[0], closeup[0])} {closeup[1]:.2f}", WARNING
    draw_tag(image, text, (x + 14, y - 10), colour)


def _closeup_name(
    mark: Mark, names: Sequence[str], heatmap: PaperHeatmap | None, mesh: Mesh | None
) -> tuple[str, float]:
    """Return the name with the highest activation near a mark in the close-up, and this activation.

    The result is ("", 0.0) for pulses and without a close-up.
    """
    if heatmap is None or mesh is None or PULSE in names:
        return "", 0.0
    u, v = mesh.mm_from_pixels(mark.x_px, mark.y_px)
    near = np.ix_(np.abs(heatmap.v_mm - v) < _NEAR_MM, np.abs(heatmap.u_mm - u) < _NEAR_MM)
    cells = {name: heatmap.channel(name)[near] for name in names}
    peaks = {name: float(values.max()) if values.size else 0.0 for name, values in cells.items()}
    best = max(peaks, key=lambda name: peaks[name])
    return best, peaks[best]
