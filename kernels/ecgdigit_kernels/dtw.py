"""Dynamic time warping in a band: a distance between two curves that tolerates small shifts in time.

The algorithm is the symmetric form without a slope constraint (P = 0) of Sakoe and Chiba, Dynamic programming
algorithm optimization for spoken word recognition, 1978. The weights of a path add up to the number of
samples of both curves.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ecgdigit_kernels.jit import kernel


def dtw_distance(first: NDArray[np.float64], second: NDArray[np.float64], reach: int) -> float:
    """Return the minimum weighted mean of |first[i] - second[j]| over paths with |i - j| <= reach.

    `first` (n,) and `second` (m,) are float64, finite and not empty. The distance has the unit of the curves.
    A path is a sequence of pairs (i, j) from the first sample of both curves to their last. Each step
    advances one curve by one sample (weight 1) or both curves by one sample (weight 2). The weighted sum of
    the differences is divided by n + m. Therefore the distance is 0 for equal curves and, for curves of equal
    length, at most their mean absolute difference.

    The computation takes O(n * reach) time and O(m) memory. Raises ValueError if a curve is empty or not 1-D,
    or if no path exists because reach < |n - m|.
    """
    if first.ndim != 1 or second.ndim != 1 or not first.size or not second.size:
        raise ValueError(f"curves must be 1-D and not empty, got {first.shape} and {second.shape}")
    if reach < abs(first.size - second.size):
        raise ValueError(f"reach {reach} is too small for curves of {first.size} and {second.size} samples")
    first, second = (np.ascontiguousarray(curve, np.float64) for curve in (first, second))
    return float(_min_sum(first, second, reach)) / (first.size + second.size)


@kernel
def _min_sum(first: NDArray[np.float64], second: NDArray[np.float64], reach: int) -> float:
    count = second.size
    # Cell j belongs to second[j - 1]. A cell of infinite cost on each side limits the band.
    previous = np.full(count + 2, math.inf)
    current = np.full(count + 2, math.inf)
    previous[0] = 0.0
    for i in range(1, first.size + 1):
        low, high = max(1, i - reach), min(count, i + reach)
        current[low - 1] = math.inf
        for j in range(low, high + 1):
            difference = abs(first[i - 1] - second[j - 1])
            current[j] = min(min(previous[j], current[j - 1]) + difference, previous[j - 1] + 2 * difference)
        current[high + 1] = math.inf
        previous, current = current, previous
    total: float = previous[count]
    return total
