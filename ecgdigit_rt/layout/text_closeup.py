"""Second prediction of the locate stage, on rectified close-ups of the detected text.

In the first prediction the capital letters of a label are about five pixels high. This is enough to detect a
label, but hardly enough to distinguish aVL from aVF or 50 mm/s from 25 mm/s.
"""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

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

# Hand-picked, not tuned.
_MARGIN_MM = 2.0  # border of a patch that is ignored, because text is cut off there
_MIN_DISTANCE_MM = 6.0  # minimum distance between the centres of two patches of a group
_PEAK_WINDOW_CELLS = (7, 5)  # rows and columns of the heatmap around a maximum without a higher one


class _TextGroup(NamedTuple):
    """Alternative texts at one position.

    At most `max_patches` patches are predicted, at text with an activation above `min_activation`.
    """

    names: tuple[str, ...]
    max_patches: int
    min_activation: float


_GROUPS = (
    _TextGroup(LEADS, 20, 0.04),
    _TextGroup(tuple(SPEEDS), 2, 0.2),
    _TextGroup(tuple(GAINS), 2, 0.2),
)
"""Groups of text that are predicted twice.

Measured: the first prediction misses no speed or gain (activations of at least 0.35), but it seldom
distinguishes their values. The second prediction may detect a value in a header without one. Speeds and gains
therefore need a higher activation than lead names. The numbers of patches are hand-picked, not tuned."""


def refine_text_heatmaps(
    runner: Runner, image: NDArray[np.uint8], mesh: Mesh, heatmap: PaperHeatmap
) -> PaperHeatmap:
    """Replace the channels of lead names, speeds and gains with a second prediction of the locate stage.

    The second prediction covers patches around the strongest text of each group. The channels of all groups
    are merged from every patch and are zero outside the patches. Without any patch, `heatmap` is returned
    unchanged. `image` is the upright image.
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
        _merge_maximum(refined, channels, heatmap, corner, prediction)
    return dataclasses.replace(heatmap, heatmaps=refined)


def _patch_centres(heatmap: PaperHeatmap) -> list[tuple[float, float]]:
    """Return u and v (mm) of the strongest text of each group, more than `_MIN_DISTANCE_MM` apart."""
    centres: list[tuple[float, float]] = []
    for group in _GROUPS:
        activation = np.max([heatmap.channel(name) for name in group.names], axis=0)
        is_peak = cv2.dilate(activation, np.ones(_PEAK_WINDOW_CELLS, np.uint8)) <= activation
        rows, columns = np.nonzero(is_peak & (activation > group.min_activation))
        group_centres: list[tuple[float, float]] = []
        for k in np.argsort(-activation[rows, columns]):
            u, v = float(heatmap.u_mm[columns[k]]), float(heatmap.v_mm[rows[k]])
            if all(np.hypot(u - a, v - b) > _MIN_DISTANCE_MM for a, b in group_centres):
                group_centres.append((u, v))
            if len(group_centres) == group.max_patches:
                break
        centres += group_centres
    return centres


def _merge_maximum(
    heatmaps: NDArray[np.float32],
    channels: list[int],
    paper: PaperHeatmap,
    corner_mm: tuple[float, float],
    prediction: NDArray[np.float32],
) -> None:
    """Take the element-wise maximum of `heatmaps` and a patch's prediction, in place."""
    inside = [
        np.flatnonzero((axis > corner_mm[k] + _MARGIN_MM) & (axis < corner_mm[k] + _PATCH_MM[k] - _MARGIN_MM))
        for k, axis in enumerate((paper.u_mm, paper.v_mm))
    ]
    if inside[0].size == 0 or inside[1].size == 0:
        return
    along = _linear_weights((paper.u_mm[inside[0]] - corner_mm[0]) / _CELL_MM - 0.5, prediction.shape[2])
    down = _linear_weights((paper.v_mm[inside[1]] - corner_mm[1]) / _CELL_MM - 0.5, prediction.shape[1])
    resampled = down @ prediction[channels] @ along.T
    rows, columns = slice(inside[1][0], inside[1][-1] + 1), slice(inside[0][0], inside[0][-1] + 1)
    heatmaps[channels, rows, columns] = np.maximum(heatmaps[channels, rows, columns], resampled)


def _linear_weights(positions: NDArray[np.floating[Any]], count: int) -> NDArray[np.float32]:
    """Return the weights of the values at 0 to `count` - 1 for linear interpolation, (positions, count)."""
    weights = 1 - np.abs(positions[:, None] - np.arange(count))
    return np.asarray(np.maximum(weights, 0), np.float32)
