"""Under the bar between two leads nothing is seen of either: each is continued from where it is.

A bar of 0.75 mm hides the last eight samples of one lead and the first eight of the next. Stage 2 says so
itself: of a column that it sees, its distribution has hardly more entropy than the Gaussian it was taught.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.stages import COLUMNS_PER_MM

_REACH_MM = 0.3  # of a bar, to both sides of the seam
_CLEAR, _HIDDEN = 2.3, 2.8
"""Nats. Columns that are seen have 1.4 to 1.9, those in the middle of a bar 2.3 to 3.2, where the height
that is read there is wrong by 1.1 mm in the mean."""
_SLOPE_COLUMNS = 4
_FADE_COLUMNS = 0.2 * COLUMNS_PER_MM  # a slope does not last
_SHORTEST = 4 * _SLOPE_COLUMNS


def extrapolate_under_separators(
    height_mm: NDArray[np.float32], logits: NDArray[np.float32], from_seam_mm: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Heights (columns,) of one lead, with its hidden ends continued from where it is seen.

    logits: (bins, columns). from_seam_mm: (columns,), how far each column stands from the next seam.
    """
    near = np.flatnonzero(from_seam_mm < _REACH_MM)
    if not near.size or height_mm.size < _SHORTEST:
        return height_mm
    doubt = np.zeros(height_mm.size)
    doubt[near] = np.clip((_entropy(logits[:, near]) - _CLEAR) / (_HIDDEN - _CLEAR), 0, 1)
    out, half = height_mm.copy(), height_mm.size // 2
    _continue_end(out[half:], doubt[half:])
    _continue_end(out[:half][::-1], doubt[:half][::-1])
    return out


def _entropy(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    p = np.exp(logits.astype(np.float64) - logits.max(0))
    p /= p.sum(0)
    return np.asarray(-(p * np.log(np.maximum(p, 1e-12))).sum(0), np.float64)


def _continue_end(height: NDArray[np.float32], doubt: NDArray[np.float64]) -> None:
    """Continue the end of `height`, in place, from before the first column that is in doubt."""
    hidden = np.flatnonzero(doubt)
    if not hidden.size or hidden[0] <= _SLOPE_COLUMNS:
        return
    first, seen = hidden[0], hidden[0] - 1
    slope = (height[seen] - height[seen - _SLOPE_COLUMNS]) / _SLOPE_COLUMNS
    away = np.arange(1, height.size - seen)
    level = height[seen] + slope * _FADE_COLUMNS * (1 - np.exp(-away / _FADE_COLUMNS))
    height[first:] += (doubt[first:] * (level - height[first:])).astype(np.float32)
