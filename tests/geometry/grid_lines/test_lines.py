"""Profiles of paper: shifts of major and minor lines are measured, and other patterns are not."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.geometry.grid_lines.major_lines import major_line_shifts
from ecgdigit_rt.geometry.grid_lines.minor_lines import minor_line_shifts
from ecgdigit_rt.geometry.grid_lines.profiles import PX_PER_MM, BandProfiles

Values = NDArray[np.float64]
WIDTH_MM, BANDS = 250.0, 6


def wander(u: Values) -> Values:
    return np.asarray(0.1 * np.sin(u / 20))


def profiles(major: float, minor: float, wrong_mm: float = 0.0) -> BandProfiles:
    """Return profiles of paper with lines of these darknesses, displaced by `wander`.

    The line at 100 mm is at a wrong position.
    """
    u = np.asarray((np.arange(round(WIDTH_MM * PX_PER_MM)) + 0.5) / PX_PER_MM, np.float64)
    at = u - wander(u) - wrong_mm * (np.abs(u - 100) < 2)

    def lines(step: float, width: float) -> Values:
        away = np.abs((at + step / 2) % step - step / 2)
        return np.asarray(np.exp(-0.5 * (away / width) ** 2))

    grey = 220 - np.maximum(major * lines(5, 0.15), minor * lines(1, 0.1))
    noisy = grey + np.random.default_rng(0).normal(0, 1.0, (BANDS, u.size))
    return BandProfiles(noisy, np.full(noisy.shape, 80.0), (0.0, 0.0, WIDTH_MM, 20.0 * BANDS))


def test_major_lines_are_measured_to_a_hundredth_of_a_millimetre() -> None:
    found = major_line_shifts(profiles(major=60, minor=15))
    error = found.mm - wander(found.at_mm)
    assert len(found) > 45
    assert np.abs(error - error.mean()).max() < 0.01
    assert np.sqrt(np.median(found.variance)) < 0.01


def test_minor_lines_are_measured_without_the_major_ones() -> None:
    found = minor_line_shifts(profiles(major=60, minor=15))
    error = found.mm - wander(found.at_mm)
    assert len(found) > 40
    assert (error - error.mean()).std() < 0.012
    assert not len(minor_line_shifts(profiles(major=60, minor=0)))


def test_a_wrong_major_line_is_left_out() -> None:
    found = major_line_shifts(profiles(major=60, minor=15, wrong_mm=0.2))
    error = found.mm - wander(found.at_mm)
    assert 100 not in found.at_mm
    assert len(found) > 44
    assert np.abs(error - np.median(error)).max() < 0.01


def test_noise_has_no_lines() -> None:
    empty = profiles(major=0, minor=0)
    assert len(major_line_shifts(empty)) < 10
    assert not len(minor_line_shifts(empty))
