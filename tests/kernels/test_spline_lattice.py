"""The lattice kernels agree with the spline formula, and the inverse with the values."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from ecgdigit_kernels.spline_lattice import extend_lattice, lattice_grid, lattice_position, lattice_values
from ecgdigit_kernels.spline_lattice_reference import lattice_values_reference


def bent_lattice(rows: int = 12, columns: int = 15) -> NDArray[np.float64]:
    r, c = np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij")
    x = 30 * c + 4 * r + 3 * np.sin(r / 3) + 2 * np.cos(c / 4)
    y = 28 * r - 3 * c + 3 * np.sin(c / 3 + 1)
    return np.stack([x, y], -1).astype(np.float64)


def test_values_equal_the_reference() -> None:
    rng = np.random.default_rng(0)
    row, column = rng.uniform(1, 10, 200), rng.uniform(1, 13, 200)
    expected = lattice_values_reference(bent_lattice(), row, column)
    np.testing.assert_allclose(lattice_values(bent_lattice(), row, column), expected, atol=1e-9)


def test_quadratics_are_exact_inside_and_lines_beyond() -> None:
    r, c = np.meshgrid(np.arange(6.0), np.arange(7.0), indexing="ij")
    nodes = np.stack([c * c + r, 2 * r - c * r], -1)
    got = lattice_values(nodes, np.array([2.3]), np.array([3.6]))
    np.testing.assert_allclose(got, [[3.6**2 + 2.3, 4.6 - 3.6 * 2.3]], atol=1e-12)
    plane = np.stack([3 * c + r, 2 * r - c], -1)
    got = lattice_values(plane, np.array([-4.5, 9.0]), np.array([-2.25, 11.5]))
    np.testing.assert_allclose(got, [[-11.25, -6.75], [43.5, 6.5]], atol=1e-12)
    assert extend_lattice(plane, (1, 2), (3, 4)).shape == (9, 14, 2)


@pytest.mark.parametrize("first", [-3.7, 0.0, 2.15])
def test_a_grid_equals_scattered_values(first: float) -> None:
    rows, columns = (first, 0.13, 40), (first, 0.0213, 700)
    x, y = lattice_grid(bent_lattice(), rows, columns, scale=0.5, offset=-0.5)
    r, c = np.meshgrid(first + 0.13 * np.arange(40), first + 0.0213 * np.arange(700), indexing="ij")
    expected = lattice_values(bent_lattice(), r.ravel(), c.ravel()).reshape(40, 700, 2) * 0.5 - 0.5
    np.testing.assert_allclose(x, expected[..., 0], atol=2e-4)  # float32 of a few hundred
    np.testing.assert_allclose(y, expected[..., 1], atol=2e-4)


def test_position_inverts_values() -> None:
    rng = np.random.default_rng(1)
    places = np.stack([rng.uniform(-2, 13, 300), rng.uniform(-2, 16, 300)], 1)
    targets = lattice_values(bent_lattice(), places[:, 0], places[:, 1])
    guess = places + rng.normal(0, 0.4, places.shape)
    np.testing.assert_allclose(lattice_position(bent_lattice(), targets, guess), places, atol=1e-6)


def test_wrong_nodes_are_rejected() -> None:
    with pytest.raises(ValueError, match="nodes"):
        lattice_values(np.zeros((4, 5)), np.zeros(1), np.zeros(1))
    with pytest.raises(ValueError, match="finite"):
        lattice_values(bent_lattice(), np.array([np.nan]), np.zeros(1))
