"""The banded solver agrees with the dense one."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from ecgdigit_kernels.banded import solve_banded
from ecgdigit_kernels.banded_reference import matrix_from_band, solve_banded_reference


def positive_band(unknowns: int, width: int, seed: int = 0) -> NDArray[np.float64]:
    """Return a band with a dominant diagonal and zeros beyond the last row."""
    band = np.random.default_rng(seed).normal(size=(unknowns, width))
    band[:, 0] = 2.0 * width
    for c in range(unknowns):
        band[c, unknowns - c :] = 0
    return band


@pytest.mark.parametrize(
    ("unknowns", "width"), [(1, 1), (5, 2), (40, 7), (40, 8), (41, 9), (200, 37), (20, 20)]
)
def test_the_solution_equals_the_dense_solution(unknowns: int, width: int) -> None:
    band = positive_band(unknowns, width)
    rhs = np.random.default_rng(1).normal(size=unknowns)
    copies = band.copy(), rhs.copy()
    np.testing.assert_allclose(
        solve_banded(band, rhs), solve_banded_reference(band, rhs), rtol=1e-12, atol=1e-14
    )
    np.testing.assert_array_equal(band, copies[0])
    np.testing.assert_array_equal(rhs, copies[1])


def test_an_ill_conditioned_matrix_is_solved_accurately() -> None:
    """Roughness of strength 1000 on a line, as in the surface fit, has a condition number of about 1e7."""
    n = 120
    second = np.diff(np.eye(n), 2, axis=0)
    matrix = 1e3 * second.T @ second + 1e-3 * np.eye(n)
    band = np.zeros((n, 3))
    for d in range(3):
        band[: n - d, d] = np.diag(matrix, d)
    np.testing.assert_allclose(matrix_from_band(band), matrix)
    truth = np.random.default_rng(2).normal(size=n)
    np.testing.assert_allclose(solve_banded(band, matrix @ truth), truth, atol=1e-7)


def test_indefinite_matrices_and_mismatched_shapes_are_rejected() -> None:
    band = positive_band(10, 3)
    band[4, 0] = -1
    with pytest.raises(np.linalg.LinAlgError, match="positive definite"):
        solve_banded(band, np.ones(10))
    with pytest.raises(ValueError, match="band"):
        solve_banded(band, np.ones(9))
