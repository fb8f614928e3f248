"""NumPy reference of `dtw_distance` with the complete table. The tests compare the kernel with it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def dtw_distance_reference(first: NDArray[np.float64], second: NDArray[np.float64], reach: int) -> float:
    """Return the distance by Sakoe and Chiba's recursion over all cells, infinite outside the band."""
    n, m = first.size, second.size
    difference = np.abs(first[:, None] - second[None, :])
    difference[np.abs(np.arange(n)[:, None] - np.arange(m)) > reach] = math.inf
    total = np.full((n + 1, m + 1), math.inf)
    total[0, 0] = 0.0
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            d = difference[i - 1, j - 1]
            total[i, j] = min(total[i - 1, j] + d, total[i, j - 1] + d, total[i - 1, j - 1] + 2 * d)
    return float(total[n, m]) / (n + m)
