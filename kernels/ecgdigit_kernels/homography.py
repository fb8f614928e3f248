"""Robust fit of a homography."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecgdigit_kernels.jit import kernel

# Hand-picked, not tuned.
ITERATIONS = 6
PERSPECTIVE_PRIOR = 0.6  # prior standard deviation of each perspective coefficient, see `fit_homography`
MIN_SCALE = 0.02  # added to the scale of the residuals, in target units, so that it is never zero
MIN_DENOMINATOR = 0.1  # minimum denominator of a point, relative to that of the centroid
RIDGE = 1e-9  # added to the diagonal of the normal equations, relative to its sum, so that they can be solved


def fit_homography(
    source: NDArray[np.float64], target: NDArray[np.float64], weight: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Fit the (3, 3) matrix that maps `source` (n, 2) to `target` (n, 2) by Cauchy-weighted least squares.

    In each iteration the linear equations are divided by the denominators of the previous iteration. The
    minimized error thereby becomes the distance in target units (Sanathanan and Koerner, 1963). `weight` is
    (n,). A perspective coefficient is the change of the denominator over a step along one axis. The
    denominator is 1 at the centroid of the points, and the step is the largest distance of a point from the
    centroid along either axis. Raises ValueError if the points are not finite.
    """
    arrays = [np.ascontiguousarray(values, np.float64) for values in (source, target, weight)]
    matrix, is_solved = _fit(*arrays)
    if not is_solved:
        raise ValueError("a homography needs finite points with a positive weight")
    return matrix


@kernel
def _fit(
    source: NDArray[np.float64], target: NDArray[np.float64], weight: NDArray[np.float64]
) -> tuple[NDArray[np.float64], bool]:
    """Return the matrix, and whether the equations could be solved."""
    count = source.shape[0]
    total = sx = sy = su = sv = 0.0
    for n in range(count):
        total += weight[n]
        sx += weight[n] * source[n, 0]
        sy += weight[n] * source[n, 1]
        su += weight[n] * target[n, 0]
        sv += weight[n] * target[n, 1]
    if not total > 0.0:
        return np.zeros((3, 3)), False
    mx, my, mu, mv = sx / total, sy / total, su / total, sv / total
    half = 0.0
    for n in range(count):
        half = max(half, abs(source[n, 0] - mx), abs(source[n, 1] - my))
    half += 1e-12
    inlier, denominator = np.ones(count), np.ones(count)
    residual = np.empty(count)
    p = np.zeros(8)
    for _iteration in range(ITERATIONS):
        moments = np.zeros((4, 3, 3))  # of (x, y, 1), weighted by 1, u, v and u² + v²
        for n in range(count):
            w = weight[n] * inlier[n] / denominator[n] ** 2
            x, y = (source[n, 0] - mx) / half, (source[n, 1] - my) / half
            u, v = target[n, 0] - mu, target[n, 1] - mv
            factors = (w, w * u, w * v, w * (u * u + v * v))
            for k in range(4):
                f = factors[k]
                moments[k, 0, 0] += f * x * x
                moments[k, 0, 1] += f * x * y
                moments[k, 0, 2] += f * x
                moments[k, 1, 1] += f * y * y
                moments[k, 1, 2] += f * y
                moments[k, 2, 2] += f
        matrix, right = _normal_equations(moments)
        ridge = RIDGE * np.trace(matrix)
        for k in range(8):
            matrix[k, k] += ridge
        for k in range(6, 8):
            matrix[k, k] += 1 / PERSPECTIVE_PRIOR**2
        if not _solve(matrix, right):
            return np.zeros((3, 3)), False
        p = right
        for n in range(count):
            x, y = (source[n, 0] - mx) / half, (source[n, 1] - my) / half
            d = max(1 + p[6] * x + p[7] * y, MIN_DENOMINATOR)
            du = (p[0] * x + p[1] * y + p[2]) / d - (target[n, 0] - mu)
            dv = (p[3] * x + p[4] * y + p[5]) / d - (target[n, 1] - mv)
            denominator[n] = d
            residual[n] = np.hypot(du, dv)
        scale = 1.5 * np.median(residual) + MIN_SCALE
        for n in range(count):
            inlier[n] = 1 / (1 + (residual[n] / (2 * scale)) ** 2)
    fitted = np.array([[p[0], p[1], p[2]], [p[3], p[4], p[5]], [p[6], p[7], 1.0]])
    out = np.empty((3, 3))
    for r in range(3):  # from coordinates relative to the centroids to those of the caller
        shift = mu if r == 0 else mv if r == 1 else 0.0
        row = (fitted[r] + shift * fitted[2]) if r < 2 else fitted[2]
        out[r, 0] = row[0] / half
        out[r, 1] = row[1] / half
        out[r, 2] = row[2] - (row[0] * mx + row[1] * my) / half
    return out, bool(np.isfinite(out).all())


@kernel
def _normal_equations(moments: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the (8, 8) matrix and the right-hand side from four moment matrices of (x, y, 1), (4, 3, 3).

    Only the upper triangles of the moments are read. The result is the system of normal equations for the
    equations (x, y, 1, 0, 0, 0, -ux, -uy) = u and (0, 0, 0, x, y, 1, -vx, -vy) = v, which are not built
    explicitly.
    """
    for k in range(4):
        moments[k, 1, 0], moments[k, 2, 0], moments[k, 2, 1] = (
            moments[k, 0, 1],
            moments[k, 0, 2],
            moments[k, 1, 2],
        )
    matrix, right = np.zeros((8, 8)), np.zeros(8)
    matrix[:3, :3] = moments[0]
    matrix[3:6, 3:6] = moments[0]
    matrix[:3, 6:] = -moments[1, :, :2]
    matrix[3:6, 6:] = -moments[2, :, :2]
    matrix[6:, :3] = -moments[1, :2]
    matrix[6:, 3:6] = -moments[2, :2]
    matrix[6:, 6:] = moments[3, :2, :2]
    right[:3] = moments[1, :, 2]
    right[3:6] = moments[2, :, 2]
    right[6:] = -moments[3, :2, 2]
    return matrix, right


@kernel
def _solve(matrix: NDArray[np.float64], right: NDArray[np.float64]) -> bool:
    """Solve a symmetric positive definite system in place by Cholesky factors. Return whether it could be."""
    size = right.size
    for j in range(size):
        pivot = matrix[j, j]
        for k in range(j):
            pivot -= matrix[j, k] ** 2
        if not pivot > 0.0:
            return False
        matrix[j, j] = np.sqrt(pivot)
        for i in range(j + 1, size):
            value = matrix[i, j]
            for k in range(j):
                value -= matrix[i, k] * matrix[j, k]
            matrix[i, j] = value / matrix[j, j]
    for i in range(size):
        for k in range(i):
            right[i] -= matrix[i, k] * right[k]
        right[i] /= matrix[i, i]
    for i in range(size - 1, -1, -1):
        for k in range(i + 1, size):
            right[i] -= matrix[k, i] * right[k]
        right[i] /= matrix[i, i]
    return True
