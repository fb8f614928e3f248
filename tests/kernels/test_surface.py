"""The banded normal equations agree with the dense formula."""

from __future__ import annotations

import numpy as np
import pytest

from ecgdigit_kernels.banded_reference import matrix_from_band
from ecgdigit_kernels.surface import add_roughness, lattice_shape, normal_equations
from ecgdigit_kernels.surface_reference import normal_equations_reference, roughness_reference


@pytest.mark.parametrize(("shape", "spacing"), [((13, 21), 4.0), ((30, 17), 6.3)])
def test_normal_equations_equal_the_dense_sums(shape: tuple[int, int], spacing: float) -> None:
    rng = np.random.default_rng(0)
    weight = (rng.uniform(0, 1, shape) * (rng.uniform(0, 1, shape) > 0.3)).astype(np.float32)
    value = rng.normal(0, 1, shape).astype(np.float32)
    band, rhs = normal_equations(weight, value, spacing)
    matrix, expected = normal_equations_reference(weight, value, spacing)
    np.testing.assert_allclose(matrix_from_band(band), matrix, atol=1e-9)
    np.testing.assert_allclose(rhs, expected, atol=1e-5)


def test_roughness_equals_the_dense_energy() -> None:
    rows, columns = lattice_shape(13, 21, 4.0)
    band = np.zeros((rows * columns, 3 * rows + 4))
    add_roughness(band, rows, 2.0, 0.5)
    expected = 2 * roughness_reference(rows, columns) + 0.5 * np.eye(rows * columns)
    np.testing.assert_allclose(matrix_from_band(band), expected, atol=1e-12)
