"""Phase unwrapping: periods become continuous, the surest neighbours first.

A quality-guided flood (Ghiglia and Pritt, Two-Dimensional Phase Unwrapping, 1998, chapter 4): the
step to a neighbour is predicted from the local gradient, so the phase may turn by more than half
a period per pixel under noise and still be followed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecgdigit_kernels.jit import kernel

LARGEST_SURPRISE = 0.27
"""Periods by which a neighbour may miss its prediction and still be joined to the region."""


def unwrapped_phase(
    phase: NDArray[np.float32],
    along: NDArray[np.float32],
    down: NDArray[np.float32],
    level: NDArray[np.uint8],
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Continuous phase per connected region.

    phase: (h, w), periods, any branch. along, down: its gradient, periods per pixel. level:
    quality, 0 (never entered) to 255. Returns the phase in periods, equal to the input modulo 1,
    and the region's number from 1 on (0 where not reached). Regions differ by unknown whole
    periods. Raises ValueError when the shapes differ.
    """
    if not phase.shape == along.shape == down.shape == level.shape or phase.ndim != 2:
        raise ValueError(f"four fields of one shape are needed, got {phase.shape}, {level.shape}")
    return _flood(
        np.ascontiguousarray(phase, np.float32),
        np.ascontiguousarray(along, np.float32),
        np.ascontiguousarray(down, np.float32),
        np.ascontiguousarray(level, np.uint8),
    )


@kernel
def _flood(
    phase: NDArray[np.float32],
    along: NDArray[np.float32],
    down: NDArray[np.float32],
    level: NDArray[np.uint8],
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    h, w = phase.shape
    out = np.zeros((h, w), np.float32)
    label = np.zeros((h, w), np.int32)
    # One stack per quality level instead of a heap: `head` is its top, `below` the entry under.
    head = np.full(256, -1, np.int32)
    below = np.empty(4 * h * w, np.int32)  # entry 4 * pixel + side: a step out of it
    count = np.zeros(257, np.int64)
    for i in range(h):
        for j in range(w):
            count[256 - level[i, j]] += 1
    seeds = np.empty(h * w, np.int64)  # by falling quality
    begin = np.cumsum(count) - count
    for i in range(h):
        for j in range(w):
            slot = 256 - level[i, j]
            seeds[begin[slot]] = i * w + j
            begin[slot] += 1
    region = 0
    for s in range(h * w):
        seed = seeds[s]
        if level[seed // w, seed % w] == 0:
            break
        if label[seed // w, seed % w] != 0:
            continue
        region += 1
        out[seed // w, seed % w] = phase[seed // w, seed % w]
        label[seed // w, seed % w] = region
        place = seed
        top = 0
        while place >= 0:
            i = place // w
            j = place % w
            for side in range(4):
                y = i + (side == 0) - (side == 1)
                x = j + (side == 2) - (side == 3)
                if y < 0 or y >= h or x < 0 or x >= w or label[y, x] != 0 or level[y, x] == 0:
                    continue
                here = level[y, x]
                below[4 * place + side] = head[here]
                head[here] = 4 * place + side
                top = max(top, here)
            place = -1
            while top > 0 and place < 0:
                if head[top] < 0:
                    top -= 1
                    continue
                entry = head[top]
                head[top] = below[entry]
                side = entry % 4
                i = entry // 4 // w
                j = entry // 4 % w
                y = i + (side == 0) - (side == 1)
                x = j + (side == 2) - (side == 3)
                if label[y, x] != 0:
                    continue
                expected = (
                    out[i, j]
                    + 0.5 * (along[i, j] + along[y, x]) * (x - j)
                    + 0.5 * (down[i, j] + down[y, x]) * (y - i)
                )
                value = phase[y, x] + np.round(expected - phase[y, x])
                if abs(value - expected) > LARGEST_SURPRISE:
                    continue
                out[y, x] = value
                label[y, x] = region
                place = y * w + x
    return out, label
