"""The flood against its reference and against phases whose count is known."""

from __future__ import annotations

import numpy as np

from ecgdigit_kernels.unwrap import unwrap_phase
from ecgdigit_kernels.unwrap_reference import unwrapped_phase_reference


def test_regions_and_counts_equal_the_reference_and_the_truth() -> None:
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:40, :60].astype(np.float32)
    truth = 0.21 * x + 0.03 * y + 0.5 * np.sin(y / 15)
    down, along = np.gradient(truth)
    noisy = truth + rng.normal(0, 0.04, truth.shape)
    phase = (noisy - np.round(noisy)).astype(np.float32)
    level = rng.integers(1, 256, truth.shape).astype(np.uint8)
    level[:, 28:31] = 0  # two regions
    level[10:14, 5:12] = 0
    fields = (phase, along.astype(np.float32), down.astype(np.float32), level)
    count, label = unwrap_phase(*fields)
    expected, expected_label = unwrapped_phase_reference(*fields)
    assert label.max() == 2
    for region in (1, 2):
        inside = label == region
        assert len(np.unique(expected_label[inside])) == 1
        assert np.ptp(np.round(count[inside] - expected[inside], 3)) == 0
        # noisy, not truth: unwrapping may not smooth
        assert np.ptp((count - noisy)[inside]) < 1e-4
    np.testing.assert_array_equal(label == 0, level == 0)
