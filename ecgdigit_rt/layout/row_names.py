"""Recognition of the text at the starts of the rows, in rectified close-ups.

Small lead names are lost when a whole page is reduced to the size in which text is detected. The close-ups
have the same scale on every page, and are upright even if the rows are not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.geometry.mesh import Mesh
from ecgdigit_rt.geometry.strips import paper_patch
from ecgdigit_rt.layout.baselines import Baseline
from ecgdigit_rt.text.ocr import ocr_words
from ecgdigit_rt.words import Word

_PX_PER_MM = 10.0  # scale of the close-ups. Hand-picked: capital letters of 3 mm are 30 pixels high.
_LEFT_MM, _WIDTH_MM = 9.0, 36.0  # start to the left of the row's start, and width. Hand-picked, not tuned.
_ABOVE_MM, _HEIGHT_MM = 13.0, 24.0  # start above the baseline, and height. Hand-picked, not tuned.
_ROWS_PER_COLUMN = 6  # number of close-ups above each other, so that they are not reduced. Hand-picked.


def row_start_words(image: NDArray[np.uint8], mesh: Mesh, baselines: Sequence[Baseline]) -> Iterator[Word]:
    """Yield the words at the starts of the rows.

    `image` is the upright image, (height, width, 3) uint8 RGB. The boxes of the words are in its pixels.
    """
    size = round(_WIDTH_MM * _PX_PER_MM), round(_HEIGHT_MM * _PX_PER_MM)
    scale = (_PX_PER_MM, _PX_PER_MM)
    corners = [(line.start_mm - _LEFT_MM, line.v_mm - _ABOVE_MM) for line in baselines]
    patches = [paper_patch(image, mesh, corner, scale, size, cv2.INTER_CUBIC) for corner in corners]
    rows = min(len(patches), _ROWS_PER_COLUMN)
    for word in ocr_words(_tiled(patches, rows)):
        x, y = (word.box_px[0] + word.box_px[2]) / 2, (word.box_px[1] + word.box_px[3]) / 2
        column, row = int(x // size[0]), int(y // size[1])
        tile = column * rows + row
        if tile < len(corners):
            origin_px = (column * size[0], row * size[1])
            yield Word(word.text, _image_box(word, origin_px, corners[tile], mesh))


def _tiled(patches: Sequence[NDArray[np.uint8]], rows: int) -> NDArray[np.uint8]:
    """Return the patches in columns of `rows`, one column after the other. Empty places are white."""
    height, width, channels = patches[0].shape
    columns = -(-len(patches) // rows)
    sheet = np.full((rows * height, columns * width, channels), 255, np.uint8)
    for k, patch in enumerate(patches):
        left, top = k // rows * width, k % rows * height
        sheet[top : top + height, left : left + width] = patch
    return sheet


def _image_box(
    word: Word, origin_px: tuple[int, int], corner_mm: tuple[float, float], mesh: Mesh
) -> tuple[float, float, float, float]:
    """Return the box of a word around its corners in the image."""
    left, top, right, bottom = word.box_px
    u = corner_mm[0] + (np.array([left, right, left, right]) - origin_px[0]) / _PX_PER_MM
    v = corner_mm[1] + (np.array([top, top, bottom, bottom]) - origin_px[1]) / _PX_PER_MM
    x, y = mesh.pixels_from_mm(u, v)
    return float(x.min()), float(y.min()), float(x.max()), float(y.max())
