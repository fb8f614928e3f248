"""From the edges of a stroke to the middle of the pen that drew it.

A round pen of radius r that follows a curve leaves ink whose upper edge is the curve dilated by a disc and
whose lower edge is the curve eroded by it. Eroding the upper edge again gives the curve closed by the
disc, dilating the lower edge gives it opened (Serra, Image Analysis and Mathematical Morphology, 1982).
Both are the curve itself, but for places narrower than the pen: there a peak lives on in the closed curve
alone and a valley in the opened one. The middle of the ink's run, which is what is usually taken, flattens
both, QRS complexes first.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]

_THIN = 0.2  # quantile of the runs' heights that a level stroke has
_AROUND_MM = 0.8  # whose mean tells a peak from a valley
_NARROW_MM = 0.1  # by which the closed curve lies above the opened one where it is narrower than the pen


@dataclass(frozen=True, slots=True)
class Run:
    """The run of ink that a path goes through, heights in mm (up is more), float32 (columns,) each.

    clear: bool (columns,), where there is ink on the path at all; elsewhere both heights are the path's.
    """

    upper_mm: Float
    lower_mm: Float
    clear: NDArray[np.bool_]

    @property
    def radius_mm(self) -> float:
        """Half of what a level stroke measures."""
        if not self.clear.any():
            return 0.0
        return 0.5 * float(np.quantile((self.upper_mm - self.lower_mm)[self.clear], _THIN))


def run_of_ink(
    ink: Float, path: NDArray[np.int32], level: float, half_height_mm: float, px_per_mm: float
) -> Run:
    """The runs above `level` through `path`, their ends interpolated between pixels.

    ink: (rows, columns), row 0 at the top, `half_height_mm` above the baseline. path: (columns,) rows.
    """
    rows, columns = ink.shape
    here = np.arange(columns)
    at = np.arange(rows, dtype=np.int32)[:, None]
    clear = ink[path, here] > level
    pale = ink <= level
    above = np.where(pale & (at < path), at, -1).max(0)
    below = np.where(pale & (at > path), at, rows).min(0)
    top = above + _share(ink, np.maximum(above, 0), np.minimum(above + 1, rows - 1), here, level)
    foot = below - _share(ink, np.minimum(below, rows - 1), np.maximum(below - 1, 0), here, level)
    top, foot = np.where(clear, top, path), np.where(clear, foot, path)
    return Run(
        (half_height_mm - (top + 0.5) / px_per_mm).astype(np.float32),
        (half_height_mm - (foot + 0.5) / px_per_mm).astype(np.float32),
        clear,
    )


def _share(
    ink: Float, pale: NDArray[np.integer], dark: NDArray[np.integer], here: NDArray[np.integer], level: float
) -> Float:
    """How far from the pale pixel's centre to the dark one's `level` is reached."""
    first, second = ink[pale, here], ink[dark, here]
    return np.asarray(np.clip((level - first) / np.maximum(second - first, 1e-6), 0, 1), np.float32)


def pen_middle_mm(run: Run, radius_mm: float, columns_per_mm: int) -> Float:
    """The height of the pen's middle in every column, float32 (columns,)."""
    reach = int(radius_mm * columns_per_mm)
    closed = np.full(run.upper_mm.shape, np.inf, np.float32)
    opened = np.full(run.lower_mm.shape, -np.inf, np.float32)
    upper, lower = (np.pad(edge, reach, mode="edge") for edge in (run.upper_mm, run.lower_mm))
    for offset in range(-reach, reach + 1):
        arc = np.float32(np.sqrt(max(radius_mm**2 - (offset / columns_per_mm) ** 2, 0)))
        own = slice(reach + offset, reach + offset + closed.size)
        closed = np.minimum(closed, upper[own] - arc)
        opened = np.maximum(opened, lower[own] + arc)
    middle = (closed + opened) / 2
    width = 2 * round(_AROUND_MM * columns_per_mm / 2) + 1
    around = cv2.blur(middle[None], (width, 1), borderType=cv2.BORDER_REPLICATE)[0]
    narrow = np.maximum(closed - opened, 0)
    # From the opened curve in a valley to the closed one on a peak, without a step between.
    side = np.clip((middle - around) / np.maximum(narrow, _NARROW_MM), -0.5, 0.5)
    return np.asarray(middle + side * narrow, np.float32)
