"""NumPy reference of `homography`. The tests compare the kernel with it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecgdigit_kernels.homography import ITERATIONS, MIN_DENOMINATOR, MIN_SCALE, PERSPECTIVE_PRIOR, RIDGE


def fit_homography_reference(
    source: NDArray[np.float64], target: NDArray[np.float64], weight: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Solve the equations of all points, two each, by the normal equations."""
    source_centroid = np.average(source, axis=0, weights=weight)
    half = float(np.abs(source - source_centroid).max()) + 1e-12
    x, y = ((source - source_centroid) / half).T
    target_centroid = np.average(target, axis=0, weights=weight)
    u, v = (target - target_centroid).T
    one, zero = np.ones_like(x), np.zeros_like(x)
    equations = np.concatenate(
        [
            np.stack([x, y, one, zero, zero, zero, -u * x, -u * y], 1),
            np.stack([zero, zero, zero, x, y, one, -v * x, -v * y], 1),
        ]
    )
    values = np.concatenate([u, v])
    inlier, denominator, p = one, one, np.zeros(8)
    for _ in range(ITERATIONS):
        w = np.tile(weight * inlier / denominator**2, 2)
        matrix = equations.T @ (w[:, None] * equations)
        prior = np.array([0.0] * 6 + [1 / PERSPECTIVE_PRIOR**2] * 2)
        ridge = np.diag(RIDGE * np.trace(matrix) + prior)
        p = np.linalg.solve(matrix + ridge, equations.T @ (w * values))
        denominator = np.maximum(1 + p[6] * x + p[7] * y, MIN_DENOMINATOR)
        residual = np.hypot(
            (p[0] * x + p[1] * y + p[2]) / denominator - u, (p[3] * x + p[4] * y + p[5]) / denominator - v
        )
        scale = 1.5 * float(np.median(residual)) + MIN_SCALE
        inlier = 1 / (1 + (residual / (2 * scale)) ** 2)
    matrix = np.append(p, 1.0).reshape(3, 3)
    normalize = np.array([[1, 0, -source_centroid[0]], [0, 1, -source_centroid[1]], [0, 0, half]]) / half
    denormalize = np.array([[1, 0, target_centroid[0]], [0, 1, target_centroid[1]], [0, 0, 1]])
    return np.asarray(denormalize @ matrix @ normalize)
