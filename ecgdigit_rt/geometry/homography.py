"""Homographies: robust fitting, and mapping of points.

A homography divides by a denominator that is linear in the source coordinates. If it maps paper to a photo,
the denominator is proportional to the distance of the paper from the camera, along the optical axis.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

# Hand-picked, not tuned.
_ITERATIONS = 6
_PERSPECTIVE_PRIOR = 0.6  # prior standard deviation of each perspective coefficient, see `fit_homography`
_MIN_SCALE = 0.02  # added to the scale of the residuals, in target units, so that it is never zero
_MIN_DENOMINATOR = 0.1  # minimum denominator of a point, relative to that of the centroid


def fit_homography(
    source: NDArray[np.float64], target: NDArray[np.float64], weight: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Fit the (3, 3) matrix that maps `source` (n, 2) to `target` (n, 2) by Cauchy-weighted least squares.

    In each iteration the linear equations are divided by the denominators of the previous iteration. The
    minimized error thereby becomes the distance in target units (Sanathanan and Koerner, 1963). `weight` is
    (n,). A perspective coefficient is the change of the denominator over a step along one axis. The
    denominator is 1 at the centroid of the points, and the step is the largest distance of a point from the
    centroid along either axis.
    """
    source_centroid = np.average(source, axis=0, weights=weight)
    half = float(np.abs(source - source_centroid).max()) + 1e-12
    x, y = ((source - source_centroid) / half).T
    target_centroid = np.average(target, axis=0, weights=weight)
    u, v = (target - target_centroid).T
    base = np.stack([x, y, np.ones_like(x)])
    square = u * u + v * v
    inlier: NDArray[Any] = np.ones_like(x)
    denominator: NDArray[Any] = np.ones_like(x)
    p: NDArray[Any] = np.zeros(8)
    for _ in range(_ITERATIONS):
        w = weight * inlier / denominator**2
        matrix, right_hand_side = _normal_equations(*(((w * f) * base) @ base.T for f in (1.0, u, v, square)))
        ridge = np.full(8, 1e-9 * np.trace(matrix))
        ridge[6:] += 1 / _PERSPECTIVE_PRIOR**2
        p = np.linalg.solve(matrix + np.diag(ridge), right_hand_side)
        denominator = np.maximum(1 + p[6] * x + p[7] * y, _MIN_DENOMINATOR)
        residual = np.hypot(
            (p[0] * x + p[1] * y + p[2]) / denominator - u, (p[3] * x + p[4] * y + p[5]) / denominator - v
        )
        scale = 1.5 * float(np.median(residual)) + _MIN_SCALE
        inlier = 1 / (1 + (residual / (2 * scale)) ** 2)
    matrix = np.array([[p[0], p[1], p[2]], [p[3], p[4], p[5]], [p[6], p[7], 1.0]])
    normalize = np.array([[1, 0, -source_centroid[0]], [0, 1, -source_centroid[1]], [0, 0, half]]) / half
    denormalize = np.array([[1, 0, target_centroid[0]], [0, 1, target_centroid[1]], [0, 0, 1]])
    return np.asarray(denormalize @ matrix @ normalize)


def _normal_equations(
    plain: NDArray[np.float64],
    by_u: NDArray[np.float64],
    by_v: NDArray[np.float64],
    by_square: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the (8, 8) matrix and the right-hand side from four moment matrices of (x, y, 1), each (3, 3).

    The moments are weighted by 1, u, v and u² + v². The result is the system of normal equations for the
    equations (x, y, 1, 0, 0, 0, -ux, -uy) = u and (0, 0, 0, x, y, 1, -vx, -vy) = v, which are not built
    explicitly.
    """
    matrix = np.zeros((8, 8))
    matrix[:3, :3] = matrix[3:6, 3:6] = plain
    matrix[:3, 6:], matrix[3:6, 6:] = -by_u[:, :2], -by_v[:, :2]
    matrix[6:, :6] = matrix[:6, 6:].T
    matrix[6:, 6:] = by_square[:2, :2]
    return matrix, np.concatenate([by_u[:, 2], by_v[:, 2], -by_square[:2, 2]])


def apply_homography(matrix: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Map points (..., 2) by a homography (3, 3). Denominators within 1e-6 of zero are replaced with 1e-6."""
    denominator = points[..., 0] * matrix[2, 0] + points[..., 1] * matrix[2, 1] + matrix[2, 2]
    denominator = np.where(np.abs(denominator) < 1e-6, 1e-6, denominator)
    u = points[..., 0] * matrix[0, 0] + points[..., 1] * matrix[0, 1] + matrix[0, 2]
    v = points[..., 0] * matrix[1, 0] + points[..., 1] * matrix[1, 1] + matrix[1, 2]
    return np.stack([u / denominator, v / denominator], -1)
