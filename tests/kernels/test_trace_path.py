"""The path and sub-bin kernels agree with their NumPy references."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from ecgdigit_kernels.trace_path import subpixel_position, trace_path
from ecgdigit_kernels.trace_path_reference import (
    path_cost,
    subpixel_position_reference,
    trace_path_reference,
)

Array = NDArray[np.floating]


def gaussian_logits(heights: Array, bins: int, sigma: float = 1.0) -> NDArray[np.float32]:
    """Return logits (bins, columns) of a Gaussian of `sigma` bins at `heights` (continuous bins)."""
    centres = np.arange(bins)[:, None] + 0.5
    return np.asarray(-0.5 * ((centres - heights[None, :]) / sigma) ** 2, np.float32)


@pytest.mark.parametrize("shape", [(2, 1), (7, 3), (40, 130), (160, 65)])
@pytest.mark.parametrize("jump", [0.05, 0.3, 4.0])
def test_the_path_has_the_cost_of_the_reference(shape: tuple[int, int], jump: float) -> None:
    rng = np.random.default_rng(shape[0])
    logits = rng.normal(0, 4, shape).astype(np.float32)
    weight = rng.uniform(0, 1, shape[1]).astype(np.float32)
    got = path_cost(logits, weight, jump, trace_path(logits, weight, jump))
    best = path_cost(logits, weight, jump, trace_path_reference(logits, weight, jump))
    assert got == pytest.approx(best, abs=1e-3 * shape[1])  # float32 sums against float64


def test_the_path_follows_its_row_across_a_brighter_row() -> None:
    columns = np.arange(200, dtype=np.float64)
    straight = np.full(200, 30.3)
    other = 80.0 - columns * 0.5  # crosses at column 100
    logits = np.log(np.exp(gaussian_logits(straight, 96)) + np.exp(gaussian_logits(other, 96)) * 0.8 + 1e-6)
    logits[:, 95:105] += np.log(1 + 1.5 * np.exp(gaussian_logits(other[95:105], 96)))
    path = trace_path(logits.astype(np.float32), np.ones(200, np.float32), 0.3)
    assert np.abs(path + 0.5 - straight).max() < 2


def test_columns_of_zero_weight_are_ignored() -> None:
    logits = gaussian_logits(np.full(60, 20.5), 64)
    logits[:, 20:40] = gaussian_logits(np.full(20, 50.5), 64)
    weight = np.ones(60, np.float32)
    weight[20:40] = 0
    assert np.all(trace_path(logits, weight, 0.2) == 20)


def test_a_tall_spike_is_followed() -> None:
    heights = np.full(120, 100.0)
    heights[55:66] = 100 - 70 * (1 - np.abs(np.arange(-5, 6)) / 6)
    path = trace_path(gaussian_logits(heights, 160), np.ones(120, np.float32), 0.15)
    assert np.abs(path + 0.5 - heights).max() <= 1


@pytest.mark.parametrize("half_width", [0, 3, 8, 200])
def test_subpixel_position_equals_the_reference(half_width: int) -> None:
    rng = np.random.default_rng(3)
    logits = rng.normal(0, 6, (160, 301)).astype(np.float32)
    path = rng.integers(0, 160, 301).astype(np.int32)
    position, mass, spread = subpixel_position(logits, path, half_width)
    expected, expected_mass, expected_spread = subpixel_position_reference(logits, path, half_width)
    # The series for exp is accurate to 1e-4, and its floor is 2e-9 of the best bin of the column.
    has_mass = expected_mass > 1e-5
    np.testing.assert_allclose(position[has_mass], expected[has_mass], atol=2e-2)
    np.testing.assert_allclose(mass, expected_mass, atol=2e-4)
    np.testing.assert_allclose(spread[has_mass], expected_spread[has_mass], rtol=1e-3, atol=2e-2)


def test_subpixel_position_recovers_fractions_of_a_bin() -> None:
    heights = np.linspace(20, 60, 500)
    logits = gaussian_logits(heights, 96)
    path = trace_path(logits, np.ones(500, np.float32), 0.1)
    position, mass, spread = subpixel_position(logits, path, 8)
    np.testing.assert_allclose(position, heights, atol=1e-3)
    assert mass.min() > 0.999
    np.testing.assert_allclose(spread, 1, atol=0.03)  # the standard deviation of the Gaussian


def test_wrong_shapes_are_rejected() -> None:
    logits = np.zeros((16, 5), np.float32)
    with pytest.raises(ValueError, match="columns"):
        trace_path(logits, np.ones(4, np.float32), 0.1)
    with pytest.raises(ValueError, match="positive"):
        trace_path(logits, np.ones(5, np.float32), 0.0)
    with pytest.raises(ValueError, match="columns"):
        subpixel_position(logits, np.zeros(4, np.int32), 8)
