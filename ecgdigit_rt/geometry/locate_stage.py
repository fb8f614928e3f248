"""Host code of the locate stage: the upright image, the sheet's box and the heatmaps of printed marks."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_engine.runner import Runner
from ecgdigit_rt.errors import MirroredPage, NoPageFound, SeveralEcgs
from ecgdigit_rt.results import LEADS
from ecgdigit_rt.stages import GRID_SIDE, HEATMAPS, LOCATE_SIDE, MAP_STRIDE, PAGE_MASK, PULSE, SIDE_STEP

Image = NDArray[np.uint8]

# Hand-picked, not tuned.
_PAGE_THRESHOLD = 0.5  # threshold of the page mask
_MIN_PAGE_SHARE = 0.03  # minimum fraction of the image that the sheet covers
_PAGE_MARGIN = 0.02  # margin around the sheet, as a fraction of its size
_SECOND_SHEET_SHARE = 0.3  # minimum size of another sheet, relative to the largest one
_SECOND_ECG = 4.0  # minimum evidence of another ECG outside the sheet
_CROP_BELOW = 0.62  # fraction of the image's long side below which the sheet is cropped and predicted again
_CROP_MARGIN = 0.06  # margin of the crop around the sheet, as a fraction of the sheet's size
_CERTAIN_TURN = 0.97  # probability of "upright" above which no other rotation is tried
_POSSIBLE_TURN = 0.002  # minimum probability of a rotation that is tried
_DARK_GRAY = 110  # median gray value below which the image may be inverted

_CLEAR_EVIDENCE = 9.2
"""Evidence above which an image is taken as upright and not mirrored without further tests. The possible
maximum is 13, one per kind of mark: the pulse and twelve lead names. Measured on 60 pages: at most 9.0 on
mirrored pages, 10.4 (median) on upright pages."""
_READABLE_EVIDENCE = 5.0  # minimum evidence of a mirrored page. Hand-picked, not tuned.
_MIRROR_MARGIN = 1.0
"""Evidence by which a mirrored image must exceed the image. Measured on 60 pages: the evidence decreases by
1.1 to 7 if an upright page is mirrored."""
_SIMILAR_EVIDENCE = 1.0
"""Difference in evidence up to which another rotation remains possible. Hand-picked, not tuned."""

_MIN_EVIDENCE = 1.5  # minimum evidence of another rotation. Measured: 0.9 to 2.3 on wrong rotations of pages.

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
    is_inverted: whether the colours of `image` are inverted, because the original has a dark background.
    other_turns: other rotations that are nearly as likely.
    has_other_sheet: whether the image shows another sheet of similar size.
    """

    image: Image
    quarter_turns: int
    heatmaps: NDArray[np.float32]
    cell_px: float
    corner_px: tuple[float, float]
    page_px: tuple[int, int, int, int]
    view: tuple[Image, float]
    is_inverted: bool = False
    other_turns: tuple[int, ...] = ()
    has_other_sheet: bool = False

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


def locate(runner: Runner, image: Image, turns: int | None = None) -> Located:
    """Find the sheet in an image (height, width, 3) uint8 RGB.

    Raises NoPageFound, MirroredPage or SeveralEcgs.

    A rotated image is turned upright and predicted again, since the locate stage recognizes only upright
    marks. `turns` is the rotation, if it is known. An image with a dark background is inverted. A sheet that
    is small in the image is cropped and predicted again at a larger scale.
    """
    view, factor = grid_stage_view(image)
    first = _prediction(runner, view, factor)
    if np.median(view[::8, ::8]) < _DARK_GRAY:
        inverted = _prediction(runner, np.asarray(255 - view, np.uint8), factor)
        if inverted.evidence > first.evidence:
            first, image = replace(inverted, is_inverted=True), np.asarray(255 - image, np.uint8)
    rotated = _rotations(runner, first, factor) if turns is None else [_rotated(runner, first, factor, turns)]
    upright = rotated[0]
    if upright.evidence < _CLEAR_EVIDENCE:
        _check_mirror(runner, upright, factor)
    least = max(_MIN_EVIDENCE, upright.evidence - _SIMILAR_EVIDENCE)
    similar = [one for one in rotated[1:] if one.evidence > least]
    heatmaps, cell = upright.heatmaps, upright.cell_px
    if upright.quarter_turns:
        image = np.ascontiguousarray(np.rot90(image, upright.quarter_turns))
    box, has_other_sheet = _page_box(heatmaps)
    page = _pixel_box(image, box, cell, _PAGE_MARGIN)
    corner = (0.0, 0.0)
    longest = max(page[2] - page[0], page[3] - page[1])
    if longest < _CROP_BELOW * max(image.shape[:2]):
        left, top, right, bottom = _pixel_box(image, box, cell, _CROP_MARGIN)
        crop = np.ascontiguousarray(image[top:bottom, left:right])
        heatmaps, _, cell = _predict(runner, grid_stage_view(crop))
        corner = (float(left), float(top))
    return Located(
        image,
        upright.quarter_turns,
        heatmaps,
        cell,
        corner,
        page,
        (upright.view, factor),
        first.is_inverted,
        tuple(one.quarter_turns for one in similar),
        has_other_sheet,
    )


@dataclass(frozen=True, slots=True)
class _Prediction:
    """View rotated counterclockwise by `quarter_turns`, with its prediction.

    turns: (4,), probabilities that the view is rotated clockwise by 0 to 3 quarter turns.
    """

    quarter_turns: int
    view: Image
    heatmaps: NDArray[np.float32]
    turns: NDArray[np.float32]
    cell_px: float
    is_inverted: bool = False

    @property
    def evidence(self) -> float:
        """Evidence that the view is upright and not mirrored."""
        return mark_evidence(self.heatmaps)


def _prediction(runner: Runner, view: Image, factor: float, quarter_turns: int = 0) -> _Prediction:
    heatmaps, turns, cell = _predict(runner, (view, factor))
    return _Prediction(quarter_turns, view, heatmaps, turns, cell)


def _rotated(runner: Runner, first: _Prediction, factor: float, turns: int) -> _Prediction:
    """Return the prediction of the view after counterclockwise quarter turns."""
    if not turns:
        return first
    return _prediction(runner, np.ascontiguousarray(np.rot90(first.view, turns)), factor, turns)


def _rotations(runner: Runner, first: _Prediction, factor: float) -> list[_Prediction]:
    """Return the possible rotations of a view, the one with the most evidence first.

    No other rotation is possible if the marks are clear or if the network is certain that the view is
    upright. Otherwise every rotation with a probability of at least `_POSSIBLE_TURN` is tried.
    """
    if first.turns[0] > _CERTAIN_TURN or first.evidence > _CLEAR_EVIDENCE:
        return [first]
    possible = [turns for turns in (1, 2, 3) if first.turns[turns] >= _POSSIBLE_TURN]
    rotated = [first, *(_rotated(runner, first, factor, turns) for turns in possible)]
    return sorted(rotated, key=lambda one: -(one.evidence + _UPRIGHT_BONUS * (one.quarter_turns == 0)))


def _check_mirror(runner: Runner, upright: _Prediction, factor: float) -> None:
    """Raise MirroredPage if the mirrored view has clearly more evidence, upright or upside down."""
    mirrored = _prediction(runner, np.ascontiguousarray(upright.view[:, ::-1]), factor)
    best = mirrored.evidence
    if mirrored.turns[0] < _CERTAIN_TURN:
        best = max(best, _rotated(runner, mirrored, factor, 2).evidence)
    if best > upright.evidence + _MIRROR_MARGIN and best > _READABLE_EVIDENCE:
        raise MirroredPage


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


def mark_evidence(heatmaps: NDArray[np.float32]) -> float:
    """Return the evidence that the image is upright, 0 to 13: the sum of the marks' peak activations."""
    marks = [HEATMAPS.index(name) for name in (PULSE, *LEADS)]
    return float(heatmaps[marks].max((1, 2)).sum())


def _page_box(heatmaps: NDArray[np.float32]) -> tuple[tuple[int, int, int, int], bool]:
    """Return left, top, right, bottom (cells) of the largest sheet, and whether there is another large one.

    Raises NoPageFound, or SeveralEcgs if there are clear marks of an ECG outside its box.
    """
    mask = heatmaps[HEATMAPS.index(PAGE_MASK)]
    count, _, stats, _ = cv2.connectedComponentsWithStats((mask > _PAGE_THRESHOLD).astype(np.uint8))
    if count < 2:
        raise NoPageFound
    best = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    left, top, width, height, area = (int(value) for value in stats[best])
    if area < _MIN_PAGE_SHARE * mask.size:
        raise NoPageFound
    outside = np.ones_like(mask)
    outside[top : top + height, left : left + width] = 0
    if mark_evidence(heatmaps * outside) > _SECOND_ECG:
        raise SeveralEcgs("two sheets with lead names")
    areas = np.delete(stats[1:, cv2.CC_STAT_AREA], best - 1)
    return (left, top, left + width, top + height), bool((areas > _SECOND_SHEET_SHARE * area).any())


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
