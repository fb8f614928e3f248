"""Dynamic time warping agrees with the complete table and with known distances."""

from __future__ import annotations

import numpy as np
import pytest

from ecgdigit_kernels.dtw import dtw_distance
from ecgdigit_kernels.dtw_reference import dtw_distance_reference


@pytest.mark.parametrize(("first", "second"), [(1, 1), (1, 3), (2, 2), (17, 17), (30, 26), (26, 30)])
@pytest.mark.parametrize("reach", [0, 1, 4, 40])
def test_the_band_equals_the_reference(first: int, second: int, reach: int) -> None:
    rng = np.random.default_rng(first + 100 * reach)
    a, b = rng.normal(size=first), rng.normal(size=second)
    if reach < abs(first - second):
        with pytest.raises(ValueError, match="too small"):
            dtw_distance(a, b, reach)
        return
    expected = dtw_distance_reference(a, b, reach)
    assert dtw_distance(a, b, reach) == pytest.approx(expected, rel=1e-12)
    assert dtw_distance(b, a, reach) == pytest.approx(expected, rel=1e-12)


def test_distances_computed_by_hand() -> None:
    """[0, 1] and [0, 3]: 2·0 + 2·2 on the diagonal, 2·0 + 1·1 + 1·2 via 1 against 0; divided by 2 + 2."""
    assert dtw_distance(np.array([0.0, 1]), np.array([0.0, 3]), 0) == pytest.approx(1)
    assert dtw_distance(np.array([0.0, 1]), np.array([0.0, 3]), 1) == pytest.approx(0.75)
    assert dtw_distance(np.array([2.0]), np.array([2.5]), 0) == pytest.approx(0.5)


def test_distances_fall_from_the_mean_difference_as_the_band_widens() -> None:
    rng = np.random.default_rng(4)
    a, b = rng.normal(size=300), rng.normal(size=300)
    assert dtw_distance(a, a, 20) == 0
    assert dtw_distance(a, b, 0) == pytest.approx(float(np.abs(a - b).mean()))
    distances = [dtw_distance(a, b, reach) for reach in (0, 1, 3, 10, 50)]
    assert distances == sorted(distances, reverse=True)
    assert distances[-1] < 0.7 * distances[0]


def test_a_stretched_curve_is_close_if_the_band_is_wide_enough() -> None:
    at = np.linspace(0, 1, 500)
    bump = np.exp(-np.square((at - 0.5) / 0.04))
    stretched = np.interp(at, at + 0.02 * np.sin(np.pi * at), bump)  # 10 samples late in the middle
    difference = float(np.abs(bump - stretched).mean())
    assert dtw_distance(bump, stretched, 15) < 0.05 * difference
    assert dtw_distance(bump, stretched, 3) > 0.3 * difference


def test_empty_and_2d_curves_are_rejected() -> None:
    with pytest.raises(ValueError, match="not empty"):
        dtw_distance(np.empty(0), np.ones(1), 3)
    with pytest.raises(ValueError, match="not empty"):
        dtw_distance(np.ones((2, 2)), np.ones(2), 3)
