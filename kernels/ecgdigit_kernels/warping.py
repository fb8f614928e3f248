"""Dynamic time warping in a band: how far two curves differ where time may give way a little.

Sakoe and Chiba, Dynamic programming algorithm optimization for spoken word recognition, 1978: the
symmetric form without a slope constraint (P = 0), whose weights sum to the count of both curves' samples.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ecgdigit_kernels.jit import kernel


def dtw_distance(first: NDArray[np.float64], second: NDArray[np.float64], reach: int) -> float:
    """The least weighted mean of |first[i] - second[j]| over paths with |i - j| <= reach; in their unit.

    first: float64 (n,), second: float64 (m,), finite, at least one value each. A path leads from the first
    samples to the last ones in steps of one sample of either curve, weight 1, or of both, weight 2; the
    sum is divided by n + m. So it is 0 for equal curves and never more than their mean absolute difference.
    O(n * reach) time, O(m) memory. Raises ValueError where a curve is empty or reach < |n - m|, which
    leaves no path.
    """
    if first.ndim != 1 or second.ndim != 1 or not first.size or not second.size:
        raise ValueError(f"two curves of one value or more are needed, got {first.shape}, {second.shape}")
    if reach < abs(first.size - second.size):
        raise ValueError(f"a band of {reach} joins no curves of {first.size} and {second.size} samples")
    one, other = (np.ascontiguousarray(curve, np.float64) for curve in (first, second))
    return float(_least_sum(one, other, reach)) / (first.size + second.size)


@kernel
def _least_sum(first: NDArray[np.float64], second: NDArray[np.float64], reach: int) -> float:
    count = second.size
    # Cell j stands for second[j - 1]; a wall of infinity goes along both edges of the band.
    before = np.full(count + 2, math.inf)
    here = np.full(count + 2, math.inf)
    before[0] = 0.0
    for i in range(1, first.size + 1):
        low, high = max(1, i - reach), min(count, i + reach)
        here[low - 1] = math.inf
        for j in range(low, high + 1):
            apart = abs(first[i - 1] - second[j - 1])
            here[j] = min(min(before[j], here[j - 1]) + apart, before[j - 1] + 2 * apart)
        here[high + 1] = math.inf
        before, here = here, before
    least: float = before[count]
    return least
