"""A page that lies flat is a plane; one that bends is not."""

from __future__ import annotations

import numpy as np
import pytest

from ecgdigit_rt.geometry.homography import apply_homography
from ecgdigit_rt.geometry.planarity import field_centres, flat_sheet

SHAPE = (150, 200)
TRUE = np.array([[0.31, 0.004, 1.0], [-0.003, 0.32, 2.0], [1e-4, -5e-5, 1.0]])
OFF = np.array([[0, 0, 0.03], [0, 0, -0.02], [0, 0, 0]])


def phases(bend: float, noise: float, share_hidden: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    counts = apply_homography(TRUE, field_centres(SHAPE))
    x = np.linspace(0, np.pi, SHAPE[1])
    counts = counts + bend * np.sin(x)[None, :, None]
    counts = counts + rng.normal(0, noise, counts.shape)
    weight = np.ones(counts.shape, np.float32)
    weight[: round(share_hidden * SHAPE[0])] = 0
    return (counts - np.round(counts)).astype(np.float32), weight


@pytest.mark.parametrize("hidden", [0.0, 0.4])
def test_a_flat_page_is_told_better_than_its_noise(hidden: float) -> None:
    turns, weight = phases(0.0, 0.015, hidden)
    sheet = flat_sheet(TRUE + OFF, turns, weight, 3.1)
    assert sheet is not None
    miss = sheet.values - apply_homography(TRUE, field_centres(SHAPE))
    assert np.abs(miss).max() < 0.01
    assert sheet.noise == pytest.approx(0.015, rel=0.2)
    assert sheet.bend < 0.5


@pytest.mark.parametrize("bend", [0.02, 0.04, 0.06])
def test_what_the_plane_misses_is_told_in_shares_of_what_it_may(bend: float) -> None:
    """A half wave less its best plane strays by some 0.4 of its height, and 0.02 periods are one share."""
    turns, weight = phases(bend, 0.008)
    sheet = flat_sheet(TRUE, turns, weight, 3.1)
    assert sheet is not None
    assert sheet.bend == pytest.approx(0.4 * bend / 0.02, rel=0.1)


def test_a_stain_does_not_bend_it() -> None:
    turns, weight = phases(0.0, 0.008)
    turns[40:48, 60:70] += 0.2
    sheet = flat_sheet(TRUE, turns, weight, 3.1)
    assert sheet is not None
    assert np.abs(sheet.values - apply_homography(TRUE, field_centres(SHAPE))).max() < 0.01


@pytest.mark.parametrize(("bend", "noise"), [(0.15, 0.008), (1.0, 0.008), (0.0, 0.1)])
def test_what_bends_or_is_all_noise_is_no_plane(bend: float, noise: float) -> None:
    turns, weight = phases(bend, noise)
    assert flat_sheet(TRUE, turns, weight, 3.1) is None


def test_nothing_seen_is_no_plane() -> None:
    turns, weight = phases(0.0, 0.01)
    assert flat_sheet(TRUE, turns, 0 * weight, 3.1) is None
