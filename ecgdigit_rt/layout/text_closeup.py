"""A second look of stage 0, on flat paper and larger, at every place where the first saw text of interest.

On the whole page a label's capitals are some five pixels high: enough to see that there is one, hardly
enough to tell aVL from aVF or 50 mm/s from 25 mm/s.
"""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_engine.runner import Runner
from ecgdigit_rt.geometry.mesh import Mesh
from ecgdigit_rt.geometry.strips import paper_patch
from ecgdigit_rt.layout.paper_heatmap import PaperHeatmap
from ecgdigit_rt.results import LEADS
from ecgdigit_rt.stages import CLOSE_PX_PER_MM, CLOSE_SIZE_PX, GAINS, HEATMAPS, MAP_STRIDE, SPEEDS

_PATCH_MM = (CLOSE_SIZE_PX[0] / CLOSE_PX_PER_MM, CLOSE_SIZE_PX[1] / CLOSE_PX_PER_MM)
_CELL_MM = MAP_STRIDE / CLOSE_PX_PER_MM
_MARGIN_MM = 2.0  # at a patch's edge, where text is cut off
_GROUPS: tuple[tuple[tuple[str, ...], int, float], ...] = (
    (LEADS, 20, 0.04),
    (tuple(SPEEDS), 2, 0.2),
    (tuple(GAINS), 2, 0.2),
)
"""Names that one look tells apart, at how many places, and from which heat of the first look on. The first
look misses no speed or gain (0.35 and more) but seldom tells which; the second one, shown a header, may see
one in it that is none."""
_APART_MM = 6.0


def refine_text_heatmaps(
    runner: Runner, image: NDArray[np.uint8], mesh: Mesh, heat: PaperHeatmap
) -> PaperHeatmap:
    """`heat` with the channels of names, speeds and gains as the second look sees them.

    They are zero where the first look saw nothing of their kind.
    """
    places = _places(heat)
    if not places:
        return heat
    corners = [(u - _PATCH_MM[0] / 2, v - _PATCH_MM[1] / 2) for u, v in places]
    scale = (CLOSE_PX_PER_MM, CLOSE_PX_PER_MM)
    patches = [paper_patch(image, mesh, corner, scale, CLOSE_SIZE_PX, cv2.INTER_CUBIC) for corner in corners]
    found = runner.run({"pixels": np.stack(patches)})["heatmaps"]
    renewed = heat.heat.copy()
    channels = [HEATMAPS.index(name) for names, _, _ in _GROUPS for name in names]
    renewed[channels] = 0
    for corner, seen in zip(corners, found, strict=True):
        _paste(renewed, channels, heat, corner, seen)
    return dataclasses.replace(heat, heat=renewed)


def _places(heat: PaperHeatmap) -> list[tuple[float, float]]:
    """Where text of any group glows most, strongest first, none nearer to another than `_APART_MM`."""
    places: list[tuple[float, float]] = []
    for names, most, least in _GROUPS:
        glow = np.max([heat.channel(name) for name in names], axis=0)
        tops = cv2.dilate(glow, np.ones((7, 5), np.uint8)) <= glow
        rows, columns = np.nonzero(tops & (glow > least))
        taken: list[tuple[float, float]] = []
        for k in np.argsort(-glow[rows, columns]):
            u, v = float(heat.u_mm[columns[k]]), float(heat.v_mm[rows[k]])
            if all(np.hypot(u - a, v - b) > _APART_MM for a, b in taken):
                taken.append((u, v))
            if len(taken) == most:
                break
        places += taken
    return places


def _paste(
    heat: NDArray[np.float32],
    channels: list[int],
    paper: PaperHeatmap,
    corner_mm: tuple[float, float],
    seen: NDArray[np.float32],
) -> None:
    """Raise `heat` to what a patch shows, in place."""
    inside = [
        np.flatnonzero((axis > corner_mm[k] + _MARGIN_MM) & (axis < corner_mm[k] + _PATCH_MM[k] - _MARGIN_MM))
        for k, axis in enumerate((paper.u_mm, paper.v_mm))
    ]
    if inside[0].size == 0 or inside[1].size == 0:
        return
    map_x, map_y = np.meshgrid(
        (paper.u_mm[inside[0]] - corner_mm[0]) / _CELL_MM - 0.5,
        (paper.v_mm[inside[1]] - corner_mm[1]) / _CELL_MM - 0.5,
    )
    rows, columns = slice(inside[1][0], inside[1][-1] + 1), slice(inside[0][0], inside[0][-1] + 1)
    for channel in channels:
        shown = cv2.remap(seen[channel], map_x.astype(np.float32), map_y.astype(np.float32), cv2.INTER_LINEAR)
        np.maximum(heat[channel, rows, columns], shown, out=heat[channel, rows, columns])
