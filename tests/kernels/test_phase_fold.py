"""Folded fields agree with the reference and with known phases."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from ecgdigit_kernels.phase_fold import fold_phase
from ecgdigit_kernels.phase_fold_reference import fold_phase_reference


def max_periodic_difference(a: NDArray[np.floating], b: NDArray[np.floating], period: float) -> float:
    """Return the largest difference modulo `period`."""
    difference = a.astype(np.float64) - b
    return float(np.abs(difference - period * np.round(difference / period)).max())


@pytest.mark.parametrize("shape", [(2, 2), (24, 38), (25, 37)])
@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_folded_fields_equal_the_reference(shape: tuple[int, int], noise: float) -> None:
    rng = np.random.default_rng(3)
    y, x = np.mgrid[: shape[0], : shape[1]]
    phase = 0.15 * x - 0.02 * y + 0.3 * np.sin(y / 9) + rng.normal(0, noise / (2 * np.pi), shape)
    field = (rng.uniform(0.1, 1, shape) * np.exp(2j * np.pi * phase)).astype(np.complex64)
    got, expected = fold_phase(field), fold_phase_reference(field)
    # 1e-5: error of the angle polynomial and of float32.
    assert max_periodic_difference(got.wrapped_phase, expected.wrapped_phase, 1.0) < 1e-5
    assert max_periodic_difference(got.gradient_x, expected.gradient_x, 2.0) < 1e-5
    assert max_periodic_difference(got.gradient_y, expected.gradient_y, 2.0) < 1e-5
    np.testing.assert_allclose(got.rho, expected.rho, atol=1e-5)
    np.testing.assert_allclose(got.coherence, expected.coherence, atol=1e-5)


@pytest.mark.parametrize("slope", [(0.15, 0.02), (-0.3, 0.1), (0.02, 0.45), (0.0, -0.2)])
def test_a_plane_keeps_its_phase_and_length(slope: tuple[float, float]) -> None:
    y, x = np.mgrid[:20, :30] + 0.5
    field = (0.7 * np.exp(2j * np.pi * (slope[0] * x + slope[1] * y))).astype(np.complex64)
    got = fold_phase(field)
    row, column = np.mgrid[:10, :15]
    expected = slope[0] * (2 * column + 1) + slope[1] * (2 * row + 1)
    assert max_periodic_difference(got.wrapped_phase, expected, 1.0) < 1e-5
    np.testing.assert_allclose(got.rho, 0.7, atol=1e-5)
    np.testing.assert_allclose(got.gradient_x, 2 * slope[0], atol=1e-5)
    np.testing.assert_allclose(got.gradient_y, 2 * slope[1], atol=1e-5)
    np.testing.assert_allclose(got.coherence, 1.0, atol=1e-5)


def test_a_block_has_half_the_noise_of_a_pixel() -> None:
    rng = np.random.default_rng(4)
    y, x = np.mgrid[:200, :300] + 0.5
    field = np.exp(2j * np.pi * (0.15 * x + 0.01 * y) + 1j * rng.normal(0, 0.3, x.shape))
    row, column = np.mgrid[:100, :150]
    expected = 0.15 * (2 * column + 1) + 0.01 * (2 * row + 1)
    error = fold_phase(field.astype(np.complex64)).wrapped_phase - expected
    error -= np.round(error)
    assert 0.9 < np.std(error) * 2 * np.pi / 0.15 < 1.15


def test_an_empty_field_folds_to_zero() -> None:
    got = fold_phase(np.zeros((8, 10), np.complex64))
    for part in (got.rho, got.coherence):
        np.testing.assert_array_equal(part, np.zeros((4, 5)))
    assert all(np.isfinite(part).all() for part in (got.wrapped_phase, got.gradient_x, got.gradient_y))
    with pytest.raises(ValueError, match="2 x 2"):
        fold_phase(np.zeros((1, 10), np.complex64))
