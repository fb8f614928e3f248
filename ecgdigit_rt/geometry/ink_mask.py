"""Where ink stands that is no grid: curves, pulses and text, much darker than the lines under them."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_DARKER = 0.4  # than the paper around
_PAPER_PX = 9  # wider than any stroke
_AROUND_PX = 60
_MOST = 0.5
"""Of a page, what may lie near ink: curves and text leave 0.10 to 0.42, lines as dark as ink 0.60 and up."""


def mask_near_ink(page: NDArray[np.uint8], cell_px: int, reach_cells: int) -> NDArray[np.bool_]:
    """Cells of `cell_px` pixels within `reach_cells` of ink; none where a page is dark all over.

    page: (height, width, 3) uint8. Coloured lines are bright in one channel at least, ink is in none.
    Returns bool (rows, columns), rows and columns rounded up.
    """
    value = cv2.max(cv2.max(page[..., 0], page[..., 1]), page[..., 2])
    quarter = cv2.resize(
        cv2.dilate(value, np.ones((_PAPER_PX, _PAPER_PX), np.uint8)),
        None,
        fx=0.25,
        fy=0.25,
        interpolation=cv2.INTER_AREA,
    )
    around = cv2.blur(quarter, (_AROUND_PX // 4, _AROUND_PX // 4))
    paper = cv2.resize(around, (value.shape[1], value.shape[0]))
    ink = cv2.compare(value, cv2.convertScaleAbs(paper, alpha=1 - _DARKER), cv2.CMP_LT)
    # The largest of every cell: of all that begins at its corner, every cell_px-th.
    spread = cv2.dilate(ink, np.ones((cell_px, cell_px), np.uint8), anchor=(0, 0))
    cells = spread[::cell_px, ::cell_px]
    side = 2 * reach_cells + 1
    near = np.asarray(cv2.dilate(cells, np.ones((side, side), np.uint8)) > 0)
    return near if np.count_nonzero(near) <= _MOST * near.size else np.zeros(near.shape, bool)
