"""The kernel agrees with its reference, finds exact homographies, and resists outliers."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from ecgdigit_kernels.homography import fit_homography
from ecgdigit_kernels.homography_reference import fit_homography_reference
from ecgdigit_rt.geometry.homography import apply_homography

MATRIX = np.array([[2.0, 0.2, 300.0], [-0.1, 1.9, 150.0], [2e-4, 1e-4, 1.0]])


def grid() -> NDArray[np.float64]:
    return np.stack(np.meshgrid(np.arange(0.0, 280, 5), np.arange(0.0, 210, 5)), -1).reshape(-1, 2)


def test_an_exact_homography_is_found() -> None:
    fitted = fit_homography(grid(), apply_homography(MATRIX, grid()), np.ones(len(grid())))
    # The prior of the perspective moves the points by less than a hundredth of their unit.
    assert np.abs(apply_homography(fitted, grid()) - apply_homography(MATRIX, grid())).max() < 0.05


@pytest.mark.parametrize("seed", range(5))
def test_the_kernel_equals_the_reference(seed: int) -> None:
    rng = np.random.default_rng(seed)
    points = grid() + rng.normal(0, 1, grid().shape)
    target = apply_homography(MATRIX, points) + rng.normal(0, 0.5, points.shape)
    target[rng.random(len(target)) < 0.1] += 40
    weight = rng.random(len(points))
    fitted, expected = (fit(points, target, weight) for fit in (fit_homography, fit_homography_reference))
    # Both solve the same equations in float64, with sums in another order.
    np.testing.assert_allclose(
        apply_homography(fitted, points), apply_homography(expected, points), atol=1e-6
    )


def test_outliers_are_ignored() -> None:
    target = apply_homography(MATRIX, grid())
    shifted = target.copy()
    shifted[::7] += (30.0, -60.0)
    fitted = fit_homography(grid(), shifted, np.ones(len(target)))
    assert np.abs(apply_homography(fitted, grid()) - target).max() < 0.3


def test_points_that_are_not_finite_are_rejected() -> None:
    for wrong in (np.nan, np.inf):
        points = grid()
        points[3, 1] = wrong
        with pytest.raises(ValueError, match="finite"):
            fit_homography(points, grid(), np.ones(len(points)))
    with pytest.raises(ValueError, match="positive weight"):
        fit_homography(grid(), grid(), np.zeros(len(grid())))
