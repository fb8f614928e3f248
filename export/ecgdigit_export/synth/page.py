"""Synthetic pages: images with truth, drawn from a recording with random properties."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecgdigit_export.synth.capture import CAPTURES
from ecgdigit_export.synth.degradations import DEGRADATIONS
from ecgdigit_export.synth.drawing import draw_sheet
from ecgdigit_export.synth.report_style import report_style_from_rng
from ecgdigit_export.synth.signals import with_pacemaker
from ecgdigit_export.synth.style import SheetStyle
from ecgdigit_export.synth.surface import STEP_MM
from ecgdigit_export.synth.truth import PageTruth

_PACEMAKER_PROBABILITY = 0.06
"""Probability that a page has pacemaker spikes. Hand-picked, not tuned."""


@dataclass(frozen=True, slots=True)
class SyntheticPage:
    """An image, (height, width, 3) uint8 RGB, and its truth."""

    image: NDArray[np.uint8]
    truth: PageTruth


def _rotate(
    image: NDArray[np.uint8], nodes: NDArray[np.float32], quarter_turns: int
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Rotate an image and its nodes clockwise by quarter turns."""
    for _ in range(quarter_turns % 4):
        height = image.shape[0]
        image = np.rot90(image, -1)
        nodes = np.stack([height - nodes[..., 1], nodes[..., 0]], -1)
    return np.ascontiguousarray(image), np.ascontiguousarray(nodes)


def synthetic_page(
    signals: NDArray[np.float32],
    rng: np.random.Generator,
    *,
    kind: str | None = None,
    layout: str | None = None,
    style: SheetStyle | None = None,
    turn: bool = False,
) -> SyntheticPage:
    """Draw, degrade and capture a sheet, and return the page.

    `signals` is (12, n) float32 in mV at 500 Hz. `kind` is a key of `CAPTURES`. `layout` is a key of
    `LAYOUTS`. `style` includes the layout, so that `layout` is ignored if both are specified. Each of the
    three is random if None. If `turn`, a quarter of the pages are rotated by 90, 180 or 270 degrees.
    """
    names = list(CAPTURES)
    weights = np.array([CAPTURES[name][0] for name in names])
    if rng.random() < _PACEMAKER_PROBABILITY:
        signals = with_pacemaker(signals, rng)
    kind = kind or str(rng.choice(names, p=weights / weights.sum()))
    sheet = draw_sheet(style or report_style_from_rng(rng, layout), signals, rng)
    if kind != "render":
        for chance, apply in DEGRADATIONS.values():
            if rng.random() < chance:
                apply(sheet.raster, sheet.style.px_per_mm, rng)
    capture = CAPTURES[kind][1](sheet, rng)
    quarter_turns = int(rng.integers(1, 4)) if turn and rng.random() < 0.25 else 0
    image, nodes = _rotate(capture.image, capture.nodes_px, quarter_turns)
    truth = PageTruth(
        kind=kind,
        image_size=(image.shape[1], image.shape[0]),
        nodes_px=nodes,
        origin_mm=capture.lattice.origin_mm,
        step_mm=STEP_MM,
        paper_mm=sheet.style.paper,
        grid_mm=sheet.style.grid.box,
        grid_is_readable=sheet.style.grid.is_readable,
        quarter_turns=quarter_turns,
        layout=sheet.layout,
        curves=sheet.curves,
        marks=tuple(sheet.marks),
    )
    return SyntheticPage(image, truth)
