"""Second prediction of stage 0 at detected text, on rectified close-ups of the original image.

In the whole page a label's capitals are about five pixels high: enough to detect a label, hardly enough to
distinguish aVL from aVF or 50 mm/s from 25 mm/s.
"""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

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

# Chosen, not tuned.
_MARGIN_MM = 2.0  # at a patch's edge, where text is cut off
_MIN_DISTANCE_MM = 6.0  # between two patches of a group
_PEAK_CELLS = (7, 5)  # rows and columns of the heatmap; closer maxima are one


class _TextGroup(NamedTuple):
    """Names that one prediction distinguishes, with the limits of their patches."""

    names: tuple[str, ...]
    max_patches: int
    min_activation: float


_GROUPS = (
    _TextGroup(LEADS, 20, 0.04),
    _TextGroup(tuple(SPEEDS), 2, 0.2),
    _TextGroup(tuple(GAINS), 2, 0.2),
)
"""Text that is predicted twice.

Measured: the first prediction misses no speed or gain (activations of 0.35 and more) but seldom distinguishes
their values. The second one may detect a value in a header that has none, so speeds and gains need a higher
activation than lead names. The numbers of patches are chosen, not tuned."""


def refine_text_heatmaps(
    runner: Runner, image: NDArray[np.uint8], mesh: Mesh, heatmap: PaperHeatmap
) -> PaperHeatmap:
    """Replace the channels of lead names, speeds and gains by a second prediction of stage 0.

    They are zero where the first prediction detected nothing of their group. `image` is the upright image.
    """
    centres = _patch_centres(heatmap)
    if not centres:
        return heatmap
    corners = [(u - _PATCH_MM[0] / 2, v - _PATCH_MM[1] / 2) for u, v in centres]
    scale = (CLOSE_PX_PER_MM, CLOSE_PX_PER_MM)
    patches = [paper_patch(image, mesh, corner, scale, CLOSE_SIZE_PX, cv2.INTER_CUBIC) for corner in corners]
    predictions = runner.run({"pixels": np.stack(patches)})["heatmaps"]
    refined = heatmap.heatmaps.copy()
    channels = [HEATMAPS.index(name) for group in _GROUPS for name in group.names]
    refined[channels] = 0
    for corner, prediction in zip(corners, predictions, strict=True):
        _paste(refined, channels, heatmap, corner, prediction)
    return dataclasses.replace(heatmap, heatmaps=refined)


def _patch_centres(heatmap: PaperHeatmap) -> list[tuple[float, float]]:
    """Return u and v (mm) of the strongest text of each group, at least `_MIN_DISTANCE_MM` apart."""
    centres: list[tuple[float, float]] = []
    for group in _GROUPS:
        activation = np.max([heatmap.channel(name) for name in group.names], axis=0)
        is_peak = cv2.dilate(activation, np.ones(_PEAK_CELLS, np.uint8)) <= activation
        rows, columns = np.nonzero(is_peak & (activation > group.min_activation))
        chosen: list[tuple[float, float]] = []
        for k in np.argsort(-activation[rows, columns]):
            u, v = float(heatmap.u_mm[columns[k]]), float(heatmap.v_mm[rows[k]])
            if all(np.hypot(u - a, v - b) > _MIN_DISTANCE_MM for a, b in chosen):
                chosen.append((u, v))
            if len(chosen) == group.max_patches:
                break
        centres += chosen
    return centres


def _paste(
    heatmaps: NDArray[np.float32],
    channels: list[int],
    paper: PaperHeatmap,
    corner_mm: tuple[float, float],
    prediction: NDArray[np.float32],
) -> None:
    """Raise `heatmaps` to a patch's prediction, in place."""
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
    maps = map_x.astype(np.float32), map_y.astype(np.float32)
    rows, columns = slice(inside[1][0], inside[1][-1] + 1), slice(inside[0][0], inside[0][-1] + 1)
    for channel in channels:
        resampled = cv2.remap(prediction[channel], *maps, cv2.INTER_LINEAR)
        np.maximum(heatmaps[channel, rows, columns], resampled, out=heatmaps[channel, rows, columns])
