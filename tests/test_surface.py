"""The banded normal equations against the dense formula."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from ecgdigit_kernels.surface import add_roughness, lattice_shape, normal_equations
from ecgdigit_kernels.surface_reference import normal_equations_reference, roughness_reference


def dense(band: NDArray[np.float64]) -> NDArray[np.float64]:
    out = np.zeros((band.shape[1],) * 2)
    for d, line in enumerate(band):
        if d < band.shape[1]:
            n = band.shape[1] - d
            out[np.arange(d, d + n), np.arange(n)] = line[:n]
    return np.asarray(out + np.tril(out, -1).T)


@pytest.mark.parametrize(("shape", "spacing"), [((13, 21), 4.0), ((30, 17), 6.3)])
def test_normal_equations_equal_the_dense_sums(shape: tuple[int, int], spacing: float) -> None:
    rng = np.random.default_rng(0)
    weight = (rng.uniform(0, 1, shape) * (rng.uniform(0, 1, shape) > 0.3)).astype(np.float32)
    value = rng.normal(0, 1, shape).astype(np.float32)
    band, side = normal_equations(weight, value, spacing)
    matrix, expected = normal_equations_reference(weight, value, spacing)
    np.testing.assert_allclose(dense(band), matrix, atol=1e-9)
    np.testing.assert_allclose(side, expected, atol=1e-5)


def test_roughness_equals_the_dense_energy() -> None:
    rows, columns = lattice_shape(13, 21, 4.0)
    band = np.zeros((3 * rows + 4, rows * columns))
    add_roughness(band, rows, 2.0, 0.5)
    expected = 2 * roughness_reference(rows, columns) + 0.5 * np.eye(rows * columns)
    np.testing.assert_allclose(dense(band), expected, atol=1e-12)
