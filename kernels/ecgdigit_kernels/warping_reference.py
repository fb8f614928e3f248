"""`warping` with the whole table written out; the tests compare the kernel with it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def warped_distance_reference(first: NDArray[np.float64], second: NDArray[np.float64], reach: int) -> float:
    """Sakoe and Chiba's recursion over every cell; those outside the band are infinitely far."""
    n, m = first.size, second.size
    apart = np.abs(first[:, None] - second[None, :])
    apart[np.abs(np.arange(n)[:, None] - np.arange(m)) > reach] = math.inf
    total = np.full((n + 1, m + 1), math.inf)
    total[0, 0] = 0.0
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            d = apart[i - 1, j - 1]
            total[i, j] = min(total[i - 1, j] + d, total[i, j - 1] + d, total[i - 1, j - 1] + 2 * d)
    return float(total[n, m]) / (n + m)
