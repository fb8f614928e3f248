"""Filled gaps agree with SciPy's interpolator."""

from __future__ import annotations

import numpy as np
import pytest

from ecgdigit_kernels.pchip import fill_gaps
from ecgdigit_kernels.pchip_reference import fill_gaps_reference


@pytest.mark.parametrize("share", [0.02, 0.1, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("shape", ["noise", "wave", "steps"])
def test_gaps_equal_the_reference(shape: str, share: float) -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        places = np.arange(200)
        values = {
            "noise": rng.normal(size=200),
            "wave": np.sin(places / 9.0) * places,
            "steps": np.round(places / 30.0) + (places > 120),
        }[shape].astype(np.float32)
        valid = rng.random(200) < share
        got = fill_gaps(values, valid)
        scale = float(np.abs(values).max())
        np.testing.assert_allclose(got, fill_gaps_reference(values, valid), atol=1e-6 * scale)
        np.testing.assert_array_equal(got[valid], values[valid])


@pytest.mark.parametrize("places", [[4], [0, 9], [2, 5], [0, 3, 9], [1, 2, 8], [1, 7, 8]])
def test_few_values_equal_the_reference(places: list[int]) -> None:
    values = np.array([3, -1, 4, 1, -5, 9, 2, -6, 5, 3], np.float32)
    valid = np.zeros(10, bool)
    valid[places] = True
    np.testing.assert_allclose(fill_gaps(values, valid), fill_gaps_reference(values, valid), atol=1e-5)


def test_invalid_values_are_never_read() -> None:
    values = np.array([np.nan, 1, np.nan, np.nan, 4, np.nan], np.float32)
    got = fill_gaps(values, np.isfinite(values))
    np.testing.assert_allclose(got, [1, 1, 2, 3, 4, 4], atol=1e-6)
    np.testing.assert_array_equal(fill_gaps(values, np.zeros(6, bool)), np.zeros(6))
    with pytest.raises(ValueError, match="equally long"):
        fill_gaps(values, np.zeros(5, bool))
