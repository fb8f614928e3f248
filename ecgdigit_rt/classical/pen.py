"""Centre line of a pen stroke, from the edges of its ink.

A round pen that follows a curve leaves a stroke of ink. Its upper edge is the curve dilated by the disc of
the pen, and its lower edge is the curve eroded by the disc. Erosion of the upper edge yields the curve closed
by the disc. Dilation of the lower edge yields the curve opened by the disc (Serra, Image Analysis and
Mathematical Morphology, 1982). Both equal the curve, except at peaks and valleys narrower than the pen. There
a peak survives only in the closed curve, and a valley only in the opened one. The usual estimate, the middle
of the vertical ink run, flattens peaks and valleys, especially QRS complexes.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]

# Hand-picked, not tuned.
_LEVEL_QUANTILE = 0.2  # quantile of the run heights, taken as the height of a horizontal stroke
_NEIGHBOURHOOD_MM = 0.8  # width of the neighbourhood whose mean distinguishes peaks from valleys
_NARROW_MM = 0.1  # gap between closed and opened curve from which the curve is narrower than the pen


@dataclass(frozen=True, slots=True)
class InkRun:
    """Vertical run of ink around a path, per column.

    `upper_mm` and `lower_mm` are the heights of its edges, float32 (columns,), growing upwards. `has_ink` is
    bool (columns,): whether there is ink on the path. Where it is False, both heights are those of the path.
    """

    upper_mm: Float
    lower_mm: Float
    has_ink: NDArray[np.bool_]

    @property
    def radius_mm(self) -> float:
        """Radius of the pen: half the height of a horizontal stroke."""
        if not self.has_ink.any():
            return 0.0
        return 0.5 * float(np.quantile((self.upper_mm - self.lower_mm)[self.has_ink], _LEVEL_QUANTILE))


def ink_run_from_path(
    ink: Float, path: NDArray[np.int32], level: float, half_height_mm: float, px_per_mm: float
) -> InkRun:
    """Return the runs above `level` through `path`, with edges interpolated between pixels.

    `ink` is (rows, columns). Its upper edge is `half_height_mm` above the baseline. `path` contains the row
    of every column, (columns,).
    """
    rows, columns = ink.shape
    column = np.arange(columns)
    row = np.arange(rows, dtype=np.int32)[:, None]
    has_ink = ink[path, column] > level
    pale = ink <= level
    above = np.where(pale & (row < path), row, -1).max(0)
    below = np.where(pale & (row > path), row, rows).min(0)
    top = above + _crossing(ink, np.maximum(above, 0), np.minimum(above + 1, rows - 1), column, level)
    foot = below - _crossing(ink, np.minimum(below, rows - 1), np.maximum(below - 1, 0), column, level)
    top, foot = np.where(has_ink, top, path), np.where(has_ink, foot, path)
    return InkRun(
        (half_height_mm - (top + 0.5) / px_per_mm).astype(np.float32),
        (half_height_mm - (foot + 0.5) / px_per_mm).astype(np.float32),
        has_ink,
    )


def _crossing(
    ink: Float,
    pale: NDArray[np.integer],
    dark: NDArray[np.integer],
    column: NDArray[np.integer],
    level: float,
) -> Float:
    """Return the position where `level` is crossed: 0 at the centre of the pale pixel, 1 at the dark one."""
    first, second = ink[pale, column], ink[dark, column]
    return np.asarray(np.clip((level - first) / np.maximum(second - first, 1e-6), 0, 1), np.float32)


def pen_centre_mm(run: InkRun, radius_mm: float, columns_per_mm: int) -> Float:
    """Return the height of the pen's centre in every column, float32 (columns,)."""
    reach = int(radius_mm * columns_per_mm)
    closed = np.full(run.upper_mm.shape, np.inf, np.float32)
    opened = np.full(run.lower_mm.shape, -np.inf, np.float32)
    upper, lower = (np.pad(edge, reach, mode="edge") for edge in (run.upper_mm, run.lower_mm))
    for offset in range(-reach, reach + 1):
        arc = np.float32(np.sqrt(max(radius_mm**2 - (offset / columns_per_mm) ** 2, 0)))
        shifted = slice(reach + offset, reach + offset + closed.size)
        closed = np.minimum(closed, upper[shifted] - arc)
        opened = np.maximum(opened, lower[shifted] + arc)
    middle = (closed + opened) / 2
    width = 2 * round(_NEIGHBOURHOOD_MM * columns_per_mm / 2) + 1
    mean = cv2.blur(middle[None], (width, 1), borderType=cv2.BORDER_REPLICATE)[0]
    gap = np.maximum(closed - opened, 0)
    # Continuous blend from the opened curve in a valley to the closed curve on a peak.
    blend = np.clip((middle - mean) / np.maximum(gap, _NARROW_MM), -0.5, 0.5)
    return np.asarray(middle + blend * gap, np.float32)
