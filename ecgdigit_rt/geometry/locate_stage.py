"""Host code of the locate stage: the upright image, the sheet's box and the heatmaps of printed marks."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_engine.runner import Runner
from ecgdigit_rt.errors import NoPageFound
from ecgdigit_rt.results import LEADS
from ecgdigit_rt.stages import GRID_SIDE, HEATMAPS, LOCATE_SIDE, MAP_STRIDE, PAGE_MASK, PULSE, SIDE_STEP

Image = NDArray[np.uint8]

# Hand-picked, not tuned.
_PAGE_THRESHOLD = 0.5  # threshold of the page mask
_MIN_PAGE_SHARE = 0.03  # minimum fraction of the image that the sheet covers
_PAGE_MARGIN = 0.02  # margin around the sheet, as a fraction of its size
_CROP_BELOW = 0.62  # fraction of the image's long side below which the sheet is cropped and predicted again
_CROP_MARGIN = 0.06  # margin of the crop around the sheet, as a fraction of the sheet's size
_CERTAIN_TURN = 0.97  # probability of "upright" above which no other orientation is tried
_POSSIBLE_TURN = 0.002  # minimum probability of an orientation that is tried

_CLEAR_EVIDENCE = 5.0
"""Evidence above which an image is taken as upright without further tests. The possible maximum is 13, one
per kind of mark: the pulse and twelve lead names. Measured: 4.5 to 6 on upright pages, at most 4.6 on rotated
pages."""

_UPRIGHT_BONUS = 0.3
"""Evidence added to the image in its original orientation, since most images are upright. Hand-picked, not
tuned."""


@dataclass(frozen=True, slots=True)
class Located:
    """Upright image with the sheet's box and the heatmaps of the locate stage.

    image: (height, width, 3) uint8 RGB, the original rotated counterclockwise by `quarter_turns`.
    heatmaps: (len(HEATMAPS), rows, columns) float32. Cell (i, j) is a square of `cell_px` original pixels per
    side. Its top left corner is at `corner_px` + (j, i) * cell_px.
    page_px: left, top, right and bottom of the sheet in the upright image.
    view: the upright image, resized so that its long side is at most `GRID_SIDE`, and the number of original
    pixels per view pixel.
    """

    image: Image
    quarter_turns: int
    heatmaps: NDArray[np.float32]
    cell_px: float
    corner_px: tuple[float, float]
    page_px: tuple[int, int, int, int]
    view: tuple[Image, float]

    def channel(self, name: str) -> NDArray[np.float32]:
        """Return the heatmap of the channel with this name, (rows, columns)."""
        return np.asarray(self.heatmaps[HEATMAPS.index(name)])


def downscale(image: Image, side: int, max_scale: float = 1.0) -> tuple[Image, float]:
    """Resize the image to a long side of at most `side`, and return it with the exact factor.

    The factor is the number of original pixels per new pixel. It is the same on both axes. Scaling to a size
    rounded to whole pixels would stretch one axis by up to about a thousandth, which is several samples in
    ten seconds. `max_scale` limits the enlargement of small images.
    """
    factor = min(side / max(image.shape[:2]), max_scale)
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    small = cv2.resize(image, None, fx=factor, fy=factor, interpolation=method)
    return np.asarray(small, np.uint8), 1 / factor


def pad_to_step(image: Image) -> Image:
    """Pad the image at the bottom and right to multiples of `SIDE_STEP`, by repeating its edge pixels."""
    bottom, right = -image.shape[0] % SIDE_STEP, -image.shape[1] % SIDE_STEP
    return np.asarray(cv2.copyMakeBorder(image, 0, bottom, 0, right, cv2.BORDER_REPLICATE), np.uint8)


def grid_stage_view(image: Image) -> tuple[Image, float]:
    """Resize an image to the input size of the grid stage, and return it with the exact factor.

    Images are enlarged at most twofold.
    """
    return downscale(image, GRID_SIDE, max_scale=2.0)


def locate(runner: Runner, image: Image) -> Located:
    """Find the sheet in an image (height, width, 3) uint8 RGB. Raises NoPageFound.

    A rotated image is turned upright and predicted again, since the locate stage recognizes only upright
    marks. A sheet that is small in the image is cropped and predicted again at a larger scale.
    """
    view, factor = grid_stage_view(image)
    upright = _upright_prediction(runner, view, factor)
    heatmaps, cell = upright.heatmaps, upright.cell_px
    if upright.quarter_turns:
        image = np.ascontiguousarray(np.rot90(image, upright.quarter_turns))
    box = _page_box(heatmaps[HEATMAPS.index(PAGE_MASK)])
    page = _pixel_box(image, box, cell, _PAGE_MARGIN)
    corner = (0.0, 0.0)
    longest = max(page[2] - page[0], page[3] - page[1])
    if longest < _CROP_BELOW * max(image.shape[:2]):
        left, top, right, bottom = _pixel_box(image, box, cell, _CROP_MARGIN)
        crop = np.ascontiguousarray(image[top:bottom, left:right])
        heatmaps, _, cell = _predict(runner, grid_stage_view(crop))
        corner = (float(left), float(top))
    return Located(image, upright.quarter_turns, heatmaps, cell, corner, page, (upright.view, factor))


@dataclass(frozen=True, slots=True)
class _UprightPrediction:
    """View rotated counterclockwise by `quarter_turns`, with its heatmaps."""

    quarter_turns: int
    view: Image
    heatmaps: NDArray[np.float32]
    cell_px: float


def _upright_prediction(runner: Runner, view: Image, factor: float) -> _UprightPrediction:
    """Turn the view upright, based on the activations of the marks and the predicted turn probabilities.

    The view is not rotated if its marks are clear or if the network is certain that it is upright. Otherwise
    every turn with a probability of at least `_POSSIBLE_TURN` is tried, and the turn with the most evidence
    is taken.
    """
    heatmaps, turns, cell = _predict(runner, (view, factor))
    evidence = _mark_evidence(heatmaps)
    unrotated = _UprightPrediction(0, view, heatmaps, cell)
    if turns[0] > _CERTAIN_TURN or evidence > _CLEAR_EVIDENCE:
        return unrotated
    best = (evidence + _UPRIGHT_BONUS, unrotated)
    for k in (1, 2, 3):
        if turns[k] < _POSSIBLE_TURN:
            continue
        turned = np.ascontiguousarray(np.rot90(view, k))
        heatmaps, _, cell = _predict(runner, (turned, factor))
        evidence = _mark_evidence(heatmaps)
        if evidence > best[0]:
            best = (evidence, _UprightPrediction(k, turned, heatmaps, cell))
    return best[1]


def _predict(
    runner: Runner, view: tuple[Image, float]
) -> tuple[NDArray[np.float32], NDArray[np.float32], float]:
    """Return the heatmaps, the turn probabilities and the cell size in original pixels.

    The view is usually exactly twice as large as the input of the locate stage, and halving is fast.
    """
    small, factor = downscale(view[0], LOCATE_SIDE)
    factor *= view[1]
    outputs = runner.run({"pixels": pad_to_step(small)[None]})
    rows, columns = (-(-side // MAP_STRIDE) for side in small.shape[:2])
    return outputs["heatmaps"][0, :, :rows, :columns], outputs["turns"][0], factor * MAP_STRIDE


def _mark_evidence(heatmaps: NDArray[np.float32]) -> float:
    """Return the evidence that the image is upright, 0 to 13: the sum of the marks' peak activations."""
    marks = [HEATMAPS.index(name) for name in (PULSE, *LEADS)]
    return float(heatmaps[marks].max((1, 2)).sum())


def _page_box(mask: NDArray[np.float32]) -> tuple[int, int, int, int]:
    """Return left, top, right, bottom (cells) of the largest region of the page mask. Raises NoPageFound."""
    binary = (mask > _PAGE_THRESHOLD).astype(np.uint8)
    count, _, stats, _ = cv2.connectedComponentsWithStats(binary)
    if count < 2:
        raise NoPageFound
    best = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    left, top, width, height, area = (int(value) for value in stats[best])
    if area < _MIN_PAGE_SHARE * mask.size:
        raise NoPageFound
    return left, top, left + width, top + height


def _pixel_box(
    image: Image, box: tuple[int, int, int, int], cell: float, margin: float
) -> tuple[int, int, int, int]:
    """Convert a box from cells to pixels, widened by `margin` times its size and clipped to the image."""
    dx, dy = margin * (box[2] - box[0]) * cell, margin * (box[3] - box[1]) * cell
    return (
        max(0, int(box[0] * cell - dx)),
        max(0, int(box[1] * cell - dy)),
        min(image.shape[1], int(np.ceil(box[2] * cell + dx))),
        min(image.shape[0], int(np.ceil(box[3] * cell + dy))),
    )
