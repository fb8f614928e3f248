"""Tests of the plane fit: flat pages have a plane, bent pages do not."""

from __future__ import annotations

import numpy as np
import pytest

from ecgdigit_rt.geometry.homography import apply_homography
from ecgdigit_rt.geometry.planarity import fit_plane, pixel_centres

SHAPE = (150, 200)
TRUE = np.array([[0.31, 0.004, 1.0], [-0.003, 0.32, 2.0], [1e-4, -5e-5, 1.0]])
OFF = np.array([[0, 0, 0.03], [0, 0, -0.02], [0, 0, 0]])


def phases(bend: float, noise: float, hidden_share: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    counts = apply_homography(TRUE, pixel_centres(SHAPE))
    x = np.linspace(0, np.pi, SHAPE[1])
    counts = counts + bend * np.sin(x)[None, :, None]
    counts = counts + rng.normal(0, noise, counts.shape)
    weight = np.ones(counts.shape, np.float32)
    weight[: round(hidden_share * SHAPE[0])] = 0
    return (counts - np.round(counts)).astype(np.float32), weight


@pytest.mark.parametrize("hidden", [0.0, 0.4])
def test_a_flat_page_is_fitted_more_accurately_than_its_noise(hidden: float) -> None:
    wrapped_phase, weight = phases(0.0, 0.015, hidden)
    plane = fit_plane(TRUE + OFF, wrapped_phase, weight, 3.1)
    assert plane is not None
    error = plane.periods - apply_homography(TRUE, pixel_centres(SHAPE))
    assert np.abs(error).max() < 0.01
    assert plane.noise == pytest.approx(0.015, rel=0.2)
    assert plane.nonplanarity < 0.5


@pytest.mark.parametrize("bend", [0.02, 0.04, 0.06])
def test_nonplanarity_is_relative_to_its_limit(bend: float) -> None:
    """A half wave deviates from its best plane by about 0.4 of its height. The limit is 0.02 periods."""
    wrapped_phase, weight = phases(bend, 0.008)
    plane = fit_plane(TRUE, wrapped_phase, weight, 3.1)
    assert plane is not None
    assert plane.nonplanarity == pytest.approx(0.4 * bend / 0.02, rel=0.1)


def test_a_stain_does_not_bend_the_plane() -> None:
    wrapped_phase, weight = phases(0.0, 0.008)
    wrapped_phase[40:48, 60:70] += 0.2
    plane = fit_plane(TRUE, wrapped_phase, weight, 3.1)
    assert plane is not None
    assert np.abs(plane.periods - apply_homography(TRUE, pixel_centres(SHAPE))).max() < 0.01


@pytest.mark.parametrize(("bend", "noise"), [(0.15, 0.008), (1.0, 0.008), (0.0, 0.1)])
def test_bent_or_noisy_fields_have_no_plane(bend: float, noise: float) -> None:
    wrapped_phase, weight = phases(bend, noise)
    assert fit_plane(TRUE, wrapped_phase, weight, 3.1) is None


def test_a_field_without_weight_has_no_plane() -> None:
    wrapped_phase, weight = phases(0.0, 0.01)
    assert fit_plane(TRUE, wrapped_phase, 0 * weight, 3.1) is None
