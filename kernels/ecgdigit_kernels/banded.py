"""Symmetric positive definite equations with a band: Cholesky's factorisation, single-threaded.

LAPACK does the same, through a pool of threads that loses more than it wins on matrices of a few
megabytes, and waits long where other work keeps the cores busy.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecgdigit_kernels.jit import loose_kernel

_TOGETHER = 8  # columns taken off at once: that many products per load and store of the target


def solve_banded(band: NDArray[np.float64], side: NDArray[np.float64]) -> NDArray[np.float64]:
    """The x of A x = side.

    band: (n, reach + 1), line c holds A[c, c], A[c + 1, c], ..., A[c + reach, c], and 0 beyond the
    last row. side: (n,). Values must be finite. Raises ValueError when the shapes do not fit and
    numpy.linalg.LinAlgError when the matrix is not positive definite.
    """
    if band.ndim != 2 or side.shape != band.shape[:1]:
        raise ValueError(f"a band (n, reach + 1) and a side (n,) are needed, got {band.shape}, {side.shape}")
    # With zeros after each line, lines of different reach can be added at one length.
    work = np.zeros((band.shape[0], band.shape[1] + _TOGETHER))
    work[:, : band.shape[1]] = band
    if not _factor(work, band.shape[1]):
        raise np.linalg.LinAlgError("the banded matrix is not positive definite")
    return _substituted(work, band.shape[1], np.array(side, np.float64))


@loose_kernel
def _factor(work: NDArray[np.float64], width: int) -> bool:
    """L of A = L L^T over A, in place; False when a pivot is not positive."""
    for c in range(work.shape[0]):
        own = work[c]
        k = max(0, c - width + 1)
        while k + _TOGETHER <= c:
            _take_off(own, work, k, c - k, width)
            k += _TOGETHER
        while k < c:
            line = work[k, c - k : width]
            factor = line[0]
            for r in range(line.size):
                own[r] -= factor * line[r]
            k += 1
        if not own[0] > 0.0:
            return False
        scale = 1.0 / np.sqrt(own[0])
        for r in range(width):
            own[r] *= scale
    return True


@loose_kernel
def _take_off(own: NDArray[np.float64], work: NDArray[np.float64], k: int, d: int, width: int) -> None:
    """own -= sum of work[k + m]'s part from its row c on, times its first value, for m from 0 to 7."""
    count = width - d + _TOGETHER - 1
    x0, x1 = work[k, d : d + count], work[k + 1, d - 1 : d - 1 + count]
    x2, x3 = work[k + 2, d - 2 : d - 2 + count], work[k + 3, d - 3 : d - 3 + count]
    x4, x5 = work[k + 4, d - 4 : d - 4 + count], work[k + 5, d - 5 : d - 5 + count]
    x6, x7 = work[k + 6, d - 6 : d - 6 + count], work[k + 7, d - 7 : d - 7 + count]
    a0, a1, a2, a3, a4, a5, a6, a7 = x0[0], x1[0], x2[0], x3[0], x4[0], x5[0], x6[0], x7[0]
    for r in range(count):
        one = a0 * x0[r] + a1 * x1[r] + a2 * x2[r] + a3 * x3[r]
        two = a4 * x4[r] + a5 * x5[r] + a6 * x6[r] + a7 * x7[r]
        own[r] -= one + two


@loose_kernel
def _substituted(work: NDArray[np.float64], width: int, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """x of L L^T x = side, over the side given."""
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
