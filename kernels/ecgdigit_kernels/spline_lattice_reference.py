"""NumPy reference of the kernels in `spline_lattice`. The tests compare the kernels with it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def catmull_rom(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the cubic convolution kernel with a = -1/2 (Keys, 1981)."""
    d = np.abs(distance)
    near = 1.5 * d**3 - 2.5 * d**2 + 1
    far = -0.5 * d**3 + 2.5 * d**2 - 4 * d + 2
    return np.where(d <= 1, near, np.where(d < 2, far, 0.0))


def lattice_values_reference(
    nodes: NDArray[np.float64], row: NDArray[np.float64], column: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the sum of all nodes times their kernels, valid at least one cell inside the lattice."""
    down = catmull_rom(row[:, None] - np.arange(nodes.shape[0]))
    along = catmull_rom(column[:, None] - np.arange(nodes.shape[1]))
    return np.asarray(np.einsum("nr,nc,rck->nk", down, along, nodes))
