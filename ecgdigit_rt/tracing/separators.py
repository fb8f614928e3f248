"""Extrapolation of leads under the separator between them.

At 25 mm/s, a separator of 0.75 mm hides about eight samples (of 500 Hz) on each side of a lead boundary.
Hidden columns are detected by the entropy of the predicted distribution. In a visible column, the entropy is
hardly larger than that of the Gaussian training target.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.stages import COLUMNS_PER_MM

_MAX_DISTANCE_MM = 0.3
"""Distance from a lead boundary within which a separator may hide the trace. Hand-picked, not tuned."""
_CLEAR_NATS, _HIDDEN_NATS = 2.3, 2.8
"""Maximum entropy of a clear column, and entropy from which a column is fully hidden. Measured: visible
columns have 1.4 to 1.9 nats. Columns in the middle of a separator have 2.3 to 3.2 nats, and their predicted
height is wrong by 1.1 mm on average."""

# Hand-picked, not tuned.
_SLOPE_COLUMNS = 4  # number of columns over which the slope is measured
_FADE_COLUMNS = 0.2 * COLUMNS_PER_MM  # decay length of the extrapolated slope, in columns
_MIN_COLUMNS = 4 * _SLOPE_COLUMNS  # minimum number of columns of a lead that is extrapolated


def extrapolate_under_separators(
    height_mm: NDArray[np.float32], logits: NDArray[np.float32], boundary_distance_mm: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Return the heights (columns,) of one lead, with hidden ends extrapolated from the visible part.

    `logits` is (bins, columns). `boundary_distance_mm` (columns,) is the distance of each column from the
    nearest lead boundary.
    """
    near = np.flatnonzero(boundary_distance_mm < _MAX_DISTANCE_MM)
    if not near.size or height_mm.size < _MIN_COLUMNS:
        return height_mm
    hidden = np.zeros(height_mm.size)
    hidden[near] = np.clip((_entropy(logits[:, near]) - _CLEAR_NATS) / (_HIDDEN_NATS - _CLEAR_NATS), 0, 1)
    out, half = height_mm.copy(), height_mm.size // 2
    _extrapolate_end(out[half:], hidden[half:])
    _extrapolate_end(out[:half][::-1], hidden[:half][::-1])
    return out


def _entropy(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    p = np.exp(logits.astype(np.float64) - logits.max(0))
    p /= p.sum(0)
    return np.asarray(-(p * np.log(np.maximum(p, 1e-12))).sum(0), np.float64)


def _extrapolate_end(height: NDArray[np.float32], hidden: NDArray[np.float64]) -> None:
    """Extrapolate the end of `height` in place, from the columns before the first hidden one.

    `hidden` is the degree, 0 to 1, to which each column is hidden. It is the weight of the extrapolated
    height.
    """
    columns = np.flatnonzero(hidden)
    if not columns.size or columns[0] <= _SLOPE_COLUMNS:
        return
    first, last_clear = columns[0], columns[0] - 1
    slope = (height[last_clear] - height[last_clear - _SLOPE_COLUMNS]) / _SLOPE_COLUMNS
    away = np.arange(1, height.size - last_clear)
    level = height[last_clear] + slope * _FADE_COLUMNS * (1 - np.exp(-away / _FADE_COLUMNS))
    height[first:] += (hidden[first:] * (level - height[first:])).astype(np.float32)
