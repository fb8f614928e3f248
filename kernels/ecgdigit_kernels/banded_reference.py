"""`solved_band` with the whole matrix written out, in NumPy; the tests compare the kernel with it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def matrix_from_band(band: NDArray[np.float64]) -> NDArray[np.float64]:
    """The symmetric (n, n) matrix of a band (n, reach + 1) as `solved_band` takes it."""
    n, width = band.shape
    upper = np.zeros((n, n + width))
    for c, line in enumerate(band):
        upper[c, c : c + width] = line
    return np.asarray(upper[:, :n] + np.triu(upper[:, :n], 1).T)


def solve_banded_reference(band: NDArray[np.float64], side: NDArray[np.float64]) -> NDArray[np.float64]:
    """x of A x = side, by a dense factorisation."""
    return np.asarray(np.linalg.solve(matrix_from_band(band), side))
