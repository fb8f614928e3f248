"""Unwrapped phases agree with the reference and with known phases."""

from __future__ import annotations

import numpy as np
import pytest

from ecgdigit_kernels.unwrap import unwrap_phase
from ecgdigit_kernels.unwrap_reference import unwrap_phase_reference


def test_regions_and_phases_equal_the_reference_and_the_truth() -> None:
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:40, :60].astype(np.float32)
    truth = 0.21 * x + 0.03 * y + 0.5 * np.sin(y / 15)
    gradient_y, gradient_x = np.gradient(truth)
    noisy = truth + rng.normal(0, 0.04, truth.shape)
    phase = (noisy - np.round(noisy)).astype(np.float32)
    quality = rng.integers(1, 256, truth.shape).astype(np.uint8)
    quality[:, 28:31] = 0  # two regions
    quality[10:14, 5:12] = 0
    fields = (phase, gradient_x.astype(np.float32), gradient_y.astype(np.float32), quality)
    unwrapped, label = unwrap_phase(*fields)
    expected, expected_label = unwrap_phase_reference(*fields)
    assert label.max() == 2
    for region in (1, 2):
        inside = label == region
        assert len(np.unique(expected_label[inside])) == 1
        assert np.ptp(np.round(unwrapped[inside] - expected[inside], 3)) == 0
        # noisy, not truth: unwrapping must not smooth
        assert np.ptp((unwrapped - noisy)[inside]) < 1e-4
    np.testing.assert_array_equal(label == 0, quality == 0)


def test_error_names_the_shapes_of_all_fields() -> None:
    field = np.zeros((4, 4), np.float32)
    with pytest.raises(ValueError, match=r"got \(4, 4\), \(4, 3\), \(4, 4\), \(4, 4\)"):
        unwrap_phase(field, field[:, :3], field, np.zeros((4, 4), np.uint8))
