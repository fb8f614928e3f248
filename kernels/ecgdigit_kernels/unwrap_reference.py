"""Python reference of `unwrap_phase` that uses a heap. The tests compare the kernel with it."""

from __future__ import annotations

import heapq

import numpy as np
from numpy.typing import NDArray

from ecgdigit_kernels.unwrap import MAX_PREDICTION_ERROR


def unwrap_phase_reference(
    phase: NDArray[np.float32],
    gradient_x: NDArray[np.float32],
    gradient_y: NDArray[np.float32],
    quality: NDArray[np.uint8],
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Grow each region by its unvisited neighbour of highest quality, if its phase is near the prediction."""
    out = np.zeros(phase.shape, np.float32)
    label = np.zeros(phase.shape, np.int32)
    region = 0
    for seed in np.argsort(-quality.ravel().astype(np.int64), kind="stable"):
        pixel = (int(seed) // phase.shape[1], int(seed) % phase.shape[1])
        if quality[pixel] == 0 or label[pixel] != 0:
            continue
        region += 1
        queue = [(0, pixel, float(phase[pixel]))]
        while queue:
            _, (i, j), expected = heapq.heappop(queue)
            value = phase[i, j] + np.round(expected - phase[i, j])
            if label[i, j] != 0 or abs(value - expected) > MAX_PREDICTION_ERROR:
                continue
            out[i, j], label[i, j] = value, region
            for y, x in ((i + 1, j), (i - 1, j), (i, j + 1), (i, j - 1)):
                if not (0 <= y < phase.shape[0] and 0 <= x < phase.shape[1]) or quality[y, x] == 0:
                    continue
                change = (gradient_x[i, j] + gradient_x[y, x]) / 2 * (x - j)
                change += (gradient_y[i, j] + gradient_y[y, x]) / 2 * (y - i)
                heapq.heappush(queue, (-int(quality[y, x]), (y, x), float(value + change)))
    return out, label
