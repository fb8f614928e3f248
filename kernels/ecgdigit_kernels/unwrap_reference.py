"""`unwrapped_phase` with a heap, in Python; the tests compare the kernel with it."""

from __future__ import annotations

import heapq

import numpy as np
from numpy.typing import NDArray

from ecgdigit_kernels.unwrap import LARGEST_SURPRISE


def unwrapped_phase_reference(
    phase: NDArray[np.float32],
    along: NDArray[np.float32],
    down: NDArray[np.float32],
    level: NDArray[np.uint8],
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """The surest unvisited neighbour of a region joins it, if it meets its prediction."""
    out = np.zeros(phase.shape, np.float32)
    label = np.zeros(phase.shape, np.int32)
    region = 0
    for seed in np.argsort(-level.ravel().astype(np.int64), kind="stable"):
        place = (int(seed) // phase.shape[1], int(seed) % phase.shape[1])
        if level[place] == 0 or label[place] != 0:
            continue
        region += 1
        queue = [(0, place, float(phase[place]))]
        while queue:
            _, (i, j), expected = heapq.heappop(queue)
            value = phase[i, j] + np.round(expected - phase[i, j])
            if label[i, j] != 0 or abs(value - expected) > LARGEST_SURPRISE:
                continue
            out[i, j], label[i, j] = value, region
            for y, x in ((i + 1, j), (i - 1, j), (i, j + 1), (i, j - 1)):
                if not (0 <= y < phase.shape[0] and 0 <= x < phase.shape[1]) or level[y, x] == 0:
                    continue
                turn = (along[i, j] + along[y, x]) / 2 * (x - j)
                turn += (down[i, j] + down[y, x]) / 2 * (y - i)
                heapq.heappush(queue, (-int(level[y, x]), (y, x), float(value + turn)))
    return out, label
