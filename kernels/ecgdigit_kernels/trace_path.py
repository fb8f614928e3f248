"""Trace through a strip: the best path over height bins, and its sub-bin position.

The logits of a strip are float32 (bins, columns), C-contiguous, as the network returns them. Bin 0 is at the
top. The softmax over bins is never stored: its normalization, a constant per column, does not change the
path, and the local expectation needs only the bins around the path.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecgdigit_kernels.jit import fastmath_kernel, inline_kernel, kernel

LOGIT_FLOOR = -20.0
"""Minimum of a logit relative to the maximum of its column. It prevents a single column from excluding a
path. Hand-picked, not tuned."""

_BLOCK = 64  # number of columns transposed together: 64 x 160 float32 (40 KiB) fit an L1 cache of 48 KiB


def trace_path(
    logits: NDArray[np.float32], weight: NDArray[np.float32], jump_penalty: float
) -> NDArray[np.int32]:
    """Return the path k(c) that maximizes sum of weight[c] * log p(k, c) - jump_penalty * |k(c) - k(c-1)|.

    `logits` is float32 (bins, columns). log p is the logit minus the maximum of its column, but at least
    `LOGIT_FLOOR`. `weight` is float32 (columns,) and not negative. Columns of weight 0 are ignored.
    `jump_penalty` is in nats per bin and positive. Returns int32 (columns,). Raises ValueError if the shapes
    do not match or the penalty is not positive.

    The algorithm is Viterbi's recursion. The minimum over all previous bins under a linear penalty is a
    distance transform (Felzenszwalb and Huttenlocher, Distance transforms of sampled functions, 2012). It is
    computed in O(bins * log bins) per column instead of O(bins ** 2).
    """
    _check(logits, weight.shape[0])
    if not jump_penalty > 0:
        raise ValueError(f"jump_penalty must be positive, got {jump_penalty}")
    return _path(
        np.ascontiguousarray(logits, np.float32),
        np.ascontiguousarray(weight, np.float32),
        np.float32(jump_penalty),
    )


def subpixel_position(
    logits: NDArray[np.float32], path: NDArray[np.int32], half_width: int
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Return the expected position in each column over the bins within `half_width` of the path.

    Returns (position, mass, spread), float32 (columns,) each. `position` is in bins, with the centre of bin k
    at k + 0.5. `mass` is the probability of the bins in the window, 0 to 1. `spread` is the root mean square
    distance in bins from `position`, under the whole distribution of the column. Raises ValueError if the
    shapes do not match.
    """
    _check(logits, path.shape[0])
    return _expectation(
        np.ascontiguousarray(logits, np.float32), np.ascontiguousarray(path, np.int32), half_width
    )


def _check(logits: NDArray[np.float32], columns: int) -> None:
    if logits.ndim != 2 or logits.shape[0] < 2 or logits.shape[1] < 1:
        raise ValueError(f"logits must be (bins, columns), got {logits.shape}")
    if logits.shape[1] != columns:
        raise ValueError(f"logits have {logits.shape[1]} columns, but the other argument has {columns}")


@fastmath_kernel
def _block_top(logits: NDArray[np.float32], first: int, count: int, top: NDArray[np.float32]) -> None:
    """Write the maxima of `count` columns, starting at column `first`, to `top`."""
    for c in range(count):
        top[c] = logits[0, first + c]
    for k in range(1, logits.shape[0]):
        line = logits[k, first : first + count]
        for c in range(count):
            top[c] = max(top[c], line[c])


@fastmath_kernel
def _path(logits: NDArray[np.float32], weight: NDArray[np.float32], jump: np.float32) -> NDArray[np.int32]:
    bins, columns = logits.shape
    cost = np.empty((columns, bins), np.float32)  # cost of the best path that ends in each bin
    lowest = np.empty(columns, np.float32)
    block = np.empty((_BLOCK, bins), np.float32)
    top = np.empty(_BLOCK, np.float32)
    floor = np.float32(LOGIT_FLOOR)
    margin = 1
    while margin < bins:
        margin *= 2
    # Two buffers with margins of high cost on both sides, so that the inner loops need no bounds checks.
    here = np.empty(bins + 2 * margin, np.float32)
    there = np.empty(bins + 2 * margin, np.float32)
    here[:] = np.float32(1e30)
    there[:] = np.float32(1e30)
    for first in range(0, columns, _BLOCK):
        count = min(_BLOCK, columns - first)
        _block_top(logits, first, count, top)
        for k in range(bins):
            line = logits[k, first : first + count]
            for c in range(count):
                block[c, k] = line[c]
        for c in range(count):
            evidence = block[c]
            current = cost[first + c]
            scale = weight[first + c]
            best = top[c]
            if first + c == 0:
                for k in range(bins):
                    current[k] = -scale * max(evidence[k] - best, floor)
                continue
            before = cost[first + c - 1]
            low = _minimum(before)
            lowest[first + c - 1] = low
            # The minimum cost of each column is subtracted, so that float32 remains accurate.
            start = here[margin : margin + bins]
            for k in range(bins):
                start[k] = before[k] - low
            # The minimum over all j of before[j] + jump * |j - k| is computed with strides 1, 2, 4, ...,
            # because every distance is a sum of such strides. Two running minima would need fewer
            # operations, but these loops are vectorized.
            stride = 1
            while stride < bins:
                # Without the conversion, the product of int64 and float32 would be float64.
                _relax(here, there, margin, bins, stride, np.float32(stride) * jump)
                here, there = there, here
                stride *= 2
            reached = here[margin : margin + bins]
            for k in range(bins):
                current[k] = reached[k] - scale * max(evidence[k] - best, floor)
    lowest[columns - 1] = _minimum(cost[columns - 1])
    return _backtrack(cost, lowest, jump)


@fastmath_kernel
def _minimum(values: NDArray[np.float32]) -> np.float32:
    low: np.float32 = values[0]
    for k in range(values.size):
        low = min(low, values[k])
    return low


@fastmath_kernel
def _relax(
    source: NDArray[np.float32],
    out: NDArray[np.float32],
    margin: int,
    bins: int,
    stride: int,
    step: np.float32,
) -> None:
    """Write the minimum of each cost and its two neighbours at distance `stride`, plus `step`, to `out`."""
    centre = source[margin : margin + bins]
    left = source[margin - stride : margin - stride + bins]
    right = source[margin + stride : margin + stride + bins]
    target = out[margin : margin + bins]
    for k in range(bins):
        shifted = min(left[k], right[k]) + step
        target[k] = min(shifted, centre[k])


@kernel
def _backtrack(cost: NDArray[np.float32], lowest: NDArray[np.float32], jump: np.float32) -> NDArray[np.int32]:
    """Return the path that ends in the bin of lowest cost. `lowest` is the lowest cost in each column."""
    columns, bins = cost.shape
    path = np.empty(columns, np.int32)
    k = int(np.argmin(cost[columns - 1]))
    path[columns - 1] = k
    for c in range(columns - 2, -1, -1):
        row = cost[c]
        best = row[k]
        choice = k
        slack = best - lowest[c]  # a bin whose jump penalty exceeds this cannot win
        reach = 1
        while reach < bins and np.float32(reach) * jump < slack:
            penalty = np.float32(reach) * jump
            if k - reach >= 0 and row[k - reach] + penalty < best:
                best = row[k - reach] + penalty
                choice = k - reach
            if k + reach < bins and row[k + reach] + penalty < best:
                best = row[k + reach] + penalty
                choice = k + reach
            reach += 1
        k = choice
        path[c] = k
    return path


@inline_kernel
def _exp(x: np.float32) -> np.float32:
    """Return exp(x) for x <= 0, accurate to 1e-4. Values of x below `LOGIT_FLOOR` are replaced with it.

    A short series at x / 64 is squared six times. This code has no branches, so that the
    compiler vectorizes it. The exponential of the library is eight times slower.
    """
    t = max(x, np.float32(-20.0)) * np.float32(1.0 / 64.0)
    e = np.float32(1.0 / 24.0) + t * np.float32(1.0 / 120.0)
    e = np.float32(1.0 / 6.0) + t * e
    e = np.float32(0.5) + t * e
    e = np.float32(1.0) + t * e
    e = np.float32(1.0) + t * e
    e = e * e
    e = e * e
    e = e * e
    e = e * e
    e = e * e
    return e * e


@fastmath_kernel
def _expectation(
    logits: NDArray[np.float32], path: NDArray[np.int32], half_width: int
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    bins, columns = logits.shape
    position = np.empty(columns, np.float32)
    mass = np.empty(columns, np.float32)
    spread = np.empty(columns, np.float32)
    top = np.empty(_BLOCK, np.float32)
    total = np.empty(_BLOCK, np.float32)
    first_moment = np.empty(_BLOCK, np.float32)  # both moments are about the middle bin, for precision
    second_moment = np.empty(_BLOCK, np.float32)
    middle = bins // 2
    for first in range(0, columns, _BLOCK):
        count = min(_BLOCK, columns - first)
        _block_top(logits, first, count, top)
        total[:] = np.float32(0.0)
        first_moment[:] = np.float32(0.0)
        second_moment[:] = np.float32(0.0)
        for k in range(bins):
            line = logits[k, first : first + count]
            away = np.float32(k - middle)
            for c in range(count):
                p = _exp(line[c] - top[c])
                total[c] += p
                first_moment[c] += p * away
                second_moment[c] += p * away * away
        for c in range(count):
            column = first + c
            low = max(path[column] - half_width, 0)
            high = min(path[column] + half_width + 1, bins)
            near = np.float32(0.0)
            moment = np.float32(0.0)
            for k in range(low, high):
                p = _exp(logits[k, column] - top[c])
                near += p
                moment += p * np.float32(k - path[column])
            position[column] = np.float32(path[column]) + np.float32(0.5) + moment / near
            mass[column] = min(near / total[c], np.float32(1.0))
            at = position[column] - np.float32(0.5) - np.float32(middle)
            squared = (second_moment[c] - np.float32(2.0) * at * first_moment[c]) / total[c] + at * at
            spread[column] = np.sqrt(max(squared, np.float32(0.0)))
    return position, mass, spread
