"""Symmetric positive definite banded systems, solved by a single-threaded Cholesky factorization.

LAPACK provides an equivalent solver (pbsv). However, on matrices of a few megabytes, the threads of the BLAS
behind it cost more time than they save. They also wait for each other if other work occupies the cores.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecgdigit_kernels.jit import fastmath_kernel

_UNROLL = 8
"""Number of rows subtracted together, so that each element of the target row is loaded and stored once for
eight rows. `_subtract_rows` is written for exactly this number. Hand-picked, not tuned."""


def solve_banded(band: NDArray[np.float64], rhs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the solution x (n,) of A x = rhs.

    `band` is (n, bandwidth + 1), where bandwidth is the number of subdiagonals. Its row c is column c of the
    lower triangle: A[c, c], A[c + 1, c], ..., A[c + bandwidth, c], with zeros beyond the last row of A. `rhs`
    is (n,). All elements must be finite. Raises ValueError if the shapes do not match, or
    numpy.linalg.LinAlgError if the matrix is not positive definite.
    """
    if band.ndim != 2 or rhs.shape != band.shape[:1]:
        raise ValueError(f"band must be (n, bandwidth + 1) and rhs (n,), got {band.shape} and {rhs.shape}")
    # Zeros after each row let eight rows that end at different columns be subtracted in one loop.
    work = np.zeros((band.shape[0], band.shape[1] + _UNROLL))
    work[:, : band.shape[1]] = band
    if not _factorize(work, band.shape[1]):
        raise np.linalg.LinAlgError("the banded matrix is not positive definite")
    return _substitute(work, band.shape[1], np.array(rhs, np.float64))


@fastmath_kernel
def _factorize(work: NDArray[np.float64], width: int) -> bool:
    """Overwrite the band of A with that of L, where A = L L^T. Return False if a pivot is not positive."""
    for c in range(work.shape[0]):
        target = work[c]
        k = max(0, c - width + 1)
        while k + _UNROLL <= c:
            _subtract_rows(target, work, k, c - k, width)
            k += _UNROLL
        while k < c:
            line = work[k, c - k : width]
            factor = line[0]
            for r in range(line.size):
                target[r] -= factor * line[r]
            k += 1
        if not target[0] > 0.0:
            return False
        scale = 1.0 / np.sqrt(target[0])
        for r in range(width):
            target[r] *= scale
    return True


@fastmath_kernel
def _subtract_rows(
    target: NDArray[np.float64], work: NDArray[np.float64], k: int, d: int, width: int
) -> None:
    """Subtract rows k to k + 7 of `work`, each times its factor, from `target`.

    `target` is row k + d of `work`, and its first element is on the diagonal. The part of each row that is
    aligned with `target` starts at element d - i of row k + i. This element is also the factor.
    """
    count = width - d + _UNROLL - 1
    x0, x1 = work[k, d : d + count], work[k + 1, d - 1 : d - 1 + count]
    x2, x3 = work[k + 2, d - 2 : d - 2 + count], work[k + 3, d - 3 : d - 3 + count]
    x4, x5 = work[k + 4, d - 4 : d - 4 + count], work[k + 5, d - 5 : d - 5 + count]
    x6, x7 = work[k + 6, d - 6 : d - 6 + count], work[k + 7, d - 7 : d - 7 + count]
    a0, a1, a2, a3, a4, a5, a6, a7 = x0[0], x1[0], x2[0], x3[0], x4[0], x5[0], x6[0], x7[0]
    for r in range(count):
        first_four = a0 * x0[r] + a1 * x1[r] + a2 * x2[r] + a3 * x3[r]
        last_four = a4 * x4[r] + a5 * x5[r] + a6 * x6[r] + a7 * x7[r]
        target[r] -= first_four + last_four


@fastmath_kernel
def _substitute(work: NDArray[np.float64], width: int, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Solve L L^T x = b in place. `x` contains b first and the solution at the end. Return `x`."""
    n = x.size
    for c in range(n):
        line = work[c]
        x[c] /= line[0]
        value = x[c]
        for r in range(1, min(width, n - c)):
            x[c + r] -= value * line[r]
    for c in range(n - 1, -1, -1):
        line = work[c]
        total = x[c]
        for r in range(1, min(width, n - c)):
            total -= line[r] * x[c + r]
        x[c] = total / line[0]
    return x
