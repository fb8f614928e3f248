"""The banded solver against the dense one."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from ecgdigit_kernels.banded import solve_banded
from ecgdigit_kernels.banded_reference import matrix_from_band, solve_banded_reference


def positive_band(unknowns: int, width: int, seed: int = 0) -> NDArray[np.float64]:
    """A band with a dominant diagonal, zeros beyond the last row."""
    band = np.random.default_rng(seed).normal(size=(unknowns, width))
    band[:, 0] = 2.0 * width
    for c in range(unknowns):
        band[c, unknowns - c :] = 0
    return band


@pytest.mark.parametrize(
    ("unknowns", "width"), [(1, 1), (5, 2), (40, 7), (40, 8), (41, 9), (200, 37), (20, 20)]
)
def test_the_solution_equals_the_dense_one(unknowns: int, width: int) -> None:
    band = positive_band(unknowns, width)
    side = np.random.default_rng(1).normal(size=unknowns)
    given = band.copy(), side.copy()
    np.testing.assert_allclose(
        solve_banded(band, side), solve_banded_reference(band, side), rtol=1e-12, atol=1e-14
    )
    np.testing.assert_array_equal(band, given[0])
    np.testing.assert_array_equal(side, given[1])


def test_a_stiff_matrix_is_solved_to_its_condition() -> None:
    """A thousandfold roughness on a line, as the surface fit makes them: condition about 1e7."""
    n = 120
    second = np.diff(np.eye(n), 2, axis=0)
    matrix = 1e3 * second.T @ second + 1e-3 * np.eye(n)
    band = np.zeros((n, 3))
    for d in range(3):
        band[: n - d, d] = np.diag(matrix, d)
    np.testing.assert_allclose(matrix_from_band(band), matrix)
    truth = np.random.default_rng(2).normal(size=n)
    np.testing.assert_allclose(solve_banded(band, matrix @ truth), truth, atol=1e-7)


def test_what_cannot_be_solved_is_refused() -> None:
    band = positive_band(10, 3)
    band[4, 0] = -1
    with pytest.raises(np.linalg.LinAlgError, match="positive definite"):
        solve_banded(band, np.ones(10))
    with pytest.raises(ValueError, match="band"):
        solve_banded(band, np.ones(9))
