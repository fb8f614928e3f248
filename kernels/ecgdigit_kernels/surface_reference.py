"""NumPy reference of the kernels in `surface` with a dense basis. The tests compare the kernels with it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecgdigit_kernels.spline_lattice_reference import catmull_rom
from ecgdigit_kernels.surface import lattice_shape


def normal_equations_reference(
    weight: NDArray[np.float32], value: NDArray[np.float32], spacing: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return B^T W B and B^T W y with the dense basis B (pixels, unknowns)."""
    h, w = weight.shape
    rows, columns = lattice_shape(h, w, spacing)
    down = catmull_rom(_centres(h, spacing)[:, None] - np.arange(rows))
    along = catmull_rom(_centres(w, spacing)[:, None] - np.arange(columns))
    basis = np.einsum("ir,jc->ijcr", down, along).reshape(h * w, -1)
    weights = weight.ravel().astype(np.float64)
    matrix = basis.T @ (weights[:, None] * basis)
    return np.asarray(matrix), np.asarray(basis.T @ (weights * value.ravel()))


def roughness_reference(rows: int, columns: int) -> NDArray[np.float64]:
    """Return the thin-plate energy as a dense matrix over unknowns c * rows + r."""
    r2 = np.diff(np.eye(rows), 2, axis=0)
    c2 = np.diff(np.eye(columns), 2, axis=0)
    r1 = np.diff(np.eye(rows), axis=0)
    c1 = np.diff(np.eye(columns), axis=0)
    parts = [
        np.kron(np.eye(columns), r2),
        np.kron(c2, np.eye(rows)),
        np.sqrt(2) * np.kron(c1, r1),
    ]
    return np.asarray(sum(p.T @ p for p in parts))


def _centres(count: int, spacing: float) -> NDArray[np.float64]:
    """Return the pixel centres in lattice units."""
    return np.asarray((np.arange(count, dtype=np.float64) + 0.5) / spacing + 1)
