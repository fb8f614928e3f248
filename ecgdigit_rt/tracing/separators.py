"""Extrapolation of leads under the separator between them.

A separator of 0.75 mm hides the last eight samples of one lead and the first eight of the next. The
prediction shows where: the distribution of a visible column has hardly more entropy than the Gaussian target
of the training.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.stages import COLUMNS_PER_MM

_REACH_MM = 0.3  # of a separator, on both sides of the lead boundary. Chosen, not tuned.
_CLEAR_NATS, _HIDDEN_NATS = 2.3, 2.8
"""Entropy of clear and of hidden columns. Visible columns have 1.4 to 1.9 nats. Columns in the middle of a
separator have 2.3 to 3.2, and their predicted height is wrong by 1.1 mm on average."""

# Chosen, not tuned.
_SLOPE_COLUMNS = 4
_FADE_COLUMNS = 0.2 * COLUMNS_PER_MM  # a slope fades over this distance
_MIN_COLUMNS = 4 * _SLOPE_COLUMNS


def extrapolate_under_separators(
    height_mm: NDArray[np.float32], logits: NDArray[np.float32], boundary_distance_mm: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Return the heights (columns,) of one lead with its hidden ends extrapolated from the visible part.

    `logits` is (bins, columns). `boundary_distance_mm` is (columns,): the distance of each column from the
    nearest lead boundary.
    """
    near = np.flatnonzero(boundary_distance_mm < _REACH_MM)
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
    """Extrapolate the end of `height` in place, from before the first hidden column.

    `hidden` is the degree, 0 to 1, to which each column is hidden and replaced.
    """
    columns = np.flatnonzero(hidden)
    if not columns.size or columns[0] <= _SLOPE_COLUMNS:
        return
    first, last_clear = columns[0], columns[0] - 1
    slope = (height[last_clear] - height[last_clear - _SLOPE_COLUMNS]) / _SLOPE_COLUMNS
    away = np.arange(1, height.size - last_clear)
    level = height[last_clear] + slope * _FADE_COLUMNS * (1 - np.exp(-away / _FADE_COLUMNS))
    height[first:] += (hidden[first:] * (level - height[first:])).astype(np.float32)
