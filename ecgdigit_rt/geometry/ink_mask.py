"""Mask of dark ink (traces, pulses, text) that must not bias the grid phase."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

# Hand-picked, not tuned.
_DARKNESS = 0.4  # minimum darkness of ink, relative to the surrounding paper
_PAPER_DILATION_PX = 9  # side of the maximum filter that removes strokes; wider than any stroke
_PAPER_BLUR_PX = 60  # side of the window over which the brightness of the paper is averaged

_MAX_MASKED = 0.5
"""Maximum fraction of a page that may be masked. Measured: traces and text mask 0.10 to 0.42 of a page, grids
as dark as ink mask at least 0.60."""


def mask_near_ink(page: NDArray[np.uint8], cell_px: int, reach_cells: int) -> NDArray[np.bool_]:
    """Return the mask of cells within `reach_cells` of ink, without any cell if the grid is as dark as ink.

    The grid counts as dark if more than `_MAX_MASKED` of the page would be masked.
    `page` is (height, width, 3) uint8 RGB. Ink is dark in all channels, whereas coloured grid lines are
    bright in at least one. The mask is (rows, columns) in cells of `cell_px` pixels per side; the numbers
    of rows and columns are rounded up.
    """
    value = cv2.max(cv2.max(page[..., 0], page[..., 1]), page[..., 2])
    quarter = cv2.resize(
        cv2.dilate(value, np.ones((_PAPER_DILATION_PX, _PAPER_DILATION_PX), np.uint8)),
        None,
        fx=0.25,
        fy=0.25,
        interpolation=cv2.INTER_AREA,
    )
    smooth = cv2.blur(quarter, (_PAPER_BLUR_PX // 4, _PAPER_BLUR_PX // 4))
    paper = cv2.resize(smooth, (value.shape[1], value.shape[0]))
    ink = cv2.compare(value, cv2.convertScaleAbs(paper, alpha=1 - _DARKNESS), cv2.CMP_LT)
    # A dilation anchored at the corner and subsampled by cell_px is the maximum of each cell.
    spread = cv2.dilate(ink, np.ones((cell_px, cell_px), np.uint8), anchor=(0, 0))
    cells = spread[::cell_px, ::cell_px]
    side = 2 * reach_cells + 1
    near = np.asarray(cv2.dilate(cells, np.ones((side, side), np.uint8)) > 0)
    return near if np.count_nonzero(near) <= _MAX_MASKED * near.size else np.zeros(near.shape, bool)
