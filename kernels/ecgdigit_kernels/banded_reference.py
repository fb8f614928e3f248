"""NumPy reference of `solve_banded` with a dense matrix. The tests compare the kernel with it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def matrix_from_band(band: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the symmetric (n, n) matrix of a band (n, bandwidth + 1) in the format of `solve_banded`."""
    n, width = band.shape
    upper = np.zeros((n, n + width))
    for c, line in enumerate(band):
        upper[c, c : c + width] = line
    return np.asarray(upper[:, :n] + np.triu(upper[:, :n], 1).T)


def solve_banded_reference(band: NDArray[np.float64], rhs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the solution x of A x = rhs by a dense factorization."""
    return np.asarray(np.linalg.solve(matrix_from_band(band), rhs))
