"""Stage 0's host side: the picture upright, the sheet in it, and heat where printed marks are."""

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

_PAGE_LEVEL = 0.5
_LEAST_PAGE = 0.03
_CLOSE_UP = 0.62
_SURE = 0.97
_POSSIBLE = 0.002
_PLAIN = 5.0  # of 13 marks: upright pages show 4.5 to 6, turned ones at most 4.6
_UPRIGHT_BONUS = 0.3  # most pictures are


@dataclass(frozen=True, slots=True)
class Located:
    """An upright picture and what stage 0 saw in it.

    image: (height, width, 3) uint8, the original turned back by `quarter_turns`.
    heat: (len(HEATMAPS), rows, columns) float32; cell i, j covers `cell_px` original pixels from
    `corner_px` + (j, i) * cell_px.
    page_px: left, top, right, bottom of the sheet in the upright picture.
    view: the upright picture with its long side at most `GRID_SIDE`, and original pixels per pixel of it.
    """

    image: Image
    quarter_turns: int
    heat: NDArray[np.float32]
    cell_px: float
    corner_px: tuple[float, float]
    page_px: tuple[int, int, int, int]
    view: tuple[Image, float]

    def channel(self, name: str) -> NDArray[np.float32]:
        return np.asarray(self.heat[HEATMAPS.index(name)])


def downscaled(image: Image, side: int, most: float = 1.0) -> tuple[Image, float]:
    """The image with its long side at most `side`, enlarged by at most `most`, and the exact factor.

    The factor is original pixels per new pixel, equal on both axes: a size rounded to whole pixels
    would stretch one axis by a part in a thousand, which is several samples over ten seconds.
    """
    factor = min(side / max(image.shape[:2]), most)
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    small = cv2.resize(image, None, fx=factor, fy=factor, interpolation=method)
    return np.asarray(small, np.uint8), 1 / factor


def padded(image: Image) -> Image:
    """The image on a canvas whose sides are multiples of `SIDE_STEP`, continued by its edge pixels."""
    bottom, right = -image.shape[0] % SIDE_STEP, -image.shape[1] % SIDE_STEP
    return np.asarray(cv2.copyMakeBorder(image, 0, bottom, 0, right, cv2.BORDER_REPLICATE), np.uint8)


def stage1_view(image: Image) -> tuple[Image, float]:
    """The picture as stage 1 sees it when the sheet fills it, and original pixels per pixel of that."""
    return downscaled(image, GRID_SIDE, most=2.0)


def _seen(
    runner: Runner, view: tuple[Image, float]
) -> tuple[NDArray[np.float32], NDArray[np.float32], float]:
    """Heat, turns and cell size. The view is twice stage 0's size: its reduction by two is quick."""
    small, factor = downscaled(view[0], LOCATE_SIDE, most=1.0)
    factor *= view[1]
    found = runner.run({"pixels": padded(small)[None]})
    rows, columns = (-(-side // MAP_STRIDE) for side in small.shape[:2])
    return found["heatmaps"][0, :, :rows, :columns], found["turns"][0], factor * MAP_STRIDE


def _page_box(mask: NDArray[np.float32]) -> tuple[int, int, int, int]:
    """Left, top, right, bottom (cells) of the largest region of the page mask."""
    level = (mask > _PAGE_LEVEL).astype(np.uint8)
    count, _, stats, _ = cv2.connectedComponentsWithStats(level)
    if count < 2:
        raise NoPageFound
    best = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    left, top, width, height, area = (int(value) for value in stats[best])
    if area < _LEAST_PAGE * mask.size:
        raise NoPageFound
    return left, top, left + width, top + height


def _crop(
    image: Image, box: tuple[int, int, int, int], cell: float, margin: float
) -> tuple[int, int, int, int]:
    """A box of cells as pixels of the picture, widened by `margin` of its size, inside the picture."""
    dx, dy = margin * (box[2] - box[0]) * cell, margin * (box[3] - box[1]) * cell
    return (
        max(0, int(box[0] * cell - dx)),
        max(0, int(box[1] * cell - dy)),
        min(image.shape[1], int(np.ceil(box[2] * cell + dx))),
        min(image.shape[0], int(np.ceil(box[3] * cell + dy))),
    )


def _mark_evidence(heat: NDArray[np.float32]) -> float:
    """How much the picture looks upright: printed marks glow only there."""
    marks = [HEATMAPS.index(name) for name in (PULSE, *LEADS)]
    return float(heat[marks].max((1, 2)).sum())


@dataclass(frozen=True, slots=True)
class _Seen:
    """A view turned back by `quarter_turns`, and what stage 0 saw in it."""

    quarter_turns: int
    view: Image
    heat: NDArray[np.float32]
    cell_px: float


def _upright(runner: Runner, view: Image, factor: float) -> _Seen:
    """The view, turned as the network and the marks say that it was meant.

    Marks that glow plainly settle it, and so does a sure word of the network. Otherwise every turn that
    it holds possible is tried, and the one that shows most marks is taken.
    """
    heat, turns, cell = _seen(runner, (view, factor))
    evidence = _mark_evidence(heat)
    as_it_is = _Seen(0, view, heat, cell)
    if turns[0] > _SURE or evidence > _PLAIN:
        return as_it_is
    best = (evidence + _UPRIGHT_BONUS, as_it_is)
    for k in (1, 2, 3):
        if turns[k] < _POSSIBLE:
            continue
        turned = np.ascontiguousarray(np.rot90(view, k))
        found, _, size = _seen(runner, (turned, factor))
        evidence = _mark_evidence(found)
        if evidence > best[0]:
            best = (evidence, _Seen(k, turned, found, size))
    return best[1]


def locate(runner: Runner, image: Image) -> Located:
    """Find the sheet in a picture (height, width, 3) uint8 RGB. Raises NoPageFound.

    A turned picture is turned back and seen again, since marks are read upright; a sheet that is small
    in the picture is cut out and seen again larger.
    """
    view, factor = stage1_view(image)
    seen = _upright(runner, view, factor)
    heat, cell = seen.heat, seen.cell_px
    if seen.quarter_turns:
        image = np.ascontiguousarray(np.rot90(image, seen.quarter_turns))
    box = _page_box(heat[HEATMAPS.index(PAGE_MASK)])
    page = _crop(image, box, cell, 0.02)
    corner = (0.0, 0.0)
    longest = max(page[2] - page[0], page[3] - page[1])
    if longest < _CLOSE_UP * max(image.shape[:2]):
        left, top, right, bottom = _crop(image, box, cell, 0.06)
        heat, _, cell = _seen(runner, stage1_view(np.ascontiguousarray(image[top:bottom, left:right])))
        corner = (float(left), float(top))
    return Located(image, seen.quarter_turns, heat, cell, corner, page, (seen.view, factor))
