"""NumPy reference of the kernels in `trace_path`. The tests compare the kernels with it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecgdigit_kernels.trace_path import LOGIT_FLOOR


def path_cost(
    logits: NDArray[np.float32],
    weight: NDArray[np.float32],
    jump_penalty: float,
    path: NDArray[np.int32],
) -> float:
    """Return the cost of a path: its floored negative evidence plus the penalty of its jumps."""
    evidence = _evidence(logits, weight)
    jumps = np.abs(np.diff(path.astype(np.float64))).sum()
    return float(evidence[path, np.arange(path.size)].sum() + jump_penalty * jumps)


def trace_path_reference(
    logits: NDArray[np.float32], weight: NDArray[np.float32], jump_penalty: float
) -> NDArray[np.int32]:
    """Return the best path by Viterbi over all pairs of bins, float64, O(bins**2 * columns)."""
    evidence = _evidence(logits, weight)
    bins, columns = evidence.shape
    jump = jump_penalty * np.abs(np.subtract.outer(np.arange(bins), np.arange(bins)))
    cost = evidence[:, 0]
    came_from = np.zeros((bins, columns), np.int32)
    for c in range(1, columns):
        reached = cost[None, :] + jump
        came_from[:, c] = reached.argmin(axis=1)
        cost = reached.min(axis=1) + evidence[:, c]
    path = np.empty(columns, np.int32)
    path[-1] = cost.argmin()
    for c in range(columns - 1, 0, -1):
        path[c - 1] = came_from[path[c], c]
    return path


def subpixel_position_reference(
    logits: NDArray[np.float32], path: NDArray[np.int32], half_width: int
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Return the local expectation, its mass and the spread around it by an explicit softmax, float64."""
    values = logits.astype(np.float64)
    p = np.exp(values - values.max(axis=0))
    p /= p.sum(axis=0)
    bins = np.arange(values.shape[0])[:, None]
    near = np.where(np.abs(bins - path[None, :]) <= half_width, p, 0.0)
    mass = near.sum(axis=0)
    position = (near * (bins + 0.5)).sum(axis=0) / mass
    spread = np.sqrt((p * (bins + 0.5 - position) ** 2).sum(axis=0))
    return position.astype(np.float32), mass.astype(np.float32), spread.astype(np.float32)


def _evidence(logits: NDArray[np.float32], weight: NDArray[np.float32]) -> NDArray[np.float64]:
    values = logits.astype(np.float64)
    below_top = values - values.max(axis=0)
    return np.asarray(-weight.astype(np.float64) * np.maximum(below_top, LOGIT_FLOOR))
