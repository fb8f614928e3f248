"""Windows resampled alone against the whole recording resampled and then cut."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import resample

from ecgdigit_kernels.resample import resampled


def recording() -> NDArray[np.float64]:
    """10 s at 500 Hz: wander, beats, and a different height at every window's end."""
    t = np.arange(5000) / 500
    beats = np.exp(-0.5 * (((t % 0.83) - 0.4) / 0.015) ** 2)
    waves = 0.2 * np.exp(-0.5 * (((t % 0.83) - 0.62) / 0.05) ** 2)
    return np.asarray(beats + waves + 0.4 * np.sin(t * 1.3) + 0.1 * t)


@pytest.mark.parametrize("rate", [250, 256, 512, 1000, 1024])
def test_a_window_alone_equals_the_whole_then_cut(rate: int) -> None:
    signal = recording()
    # Even at the recording's own ends the truth rings; inner windows show this function's part.
    whole = resample(np.concatenate([signal, signal[::-1]]), 20 * rate)[: 10 * rate]
    count = 5 * rate // 2
    for quarter in (1, 2):
        window = signal[quarter * 1250 : (quarter + 1) * 1250].astype(np.float32)
        truth = whole[quarter * count : (quarter + 1) * count]
        error = resampled(window, count) - truth
        plain = resample(window.astype(np.float64), count) - truth
        assert np.abs(error[5:-5]).max() < 0.004
        assert np.square(error).sum() < 0.25 * np.square(plain).sum()


def test_no_time_is_lost_or_gained() -> None:
    t = np.arange(1250) / 500
    got = resampled(np.sin(2 * np.pi * 7 * t).astype(np.float32), 2562)
    places = np.arange(2562) * 2.5 / 2562
    np.testing.assert_allclose(got[20:-20], np.sin(2 * np.pi * 7 * places)[20:-20], atol=2e-3)


@pytest.mark.parametrize(("n", "count"), [(1, 5), (2, 3), (3, 50), (7, 1), (1250, 1250)])
def test_short_signals_and_equal_counts(n: int, count: int) -> None:
    got = resampled(np.full(n, 0.7, np.float32), count)
    assert got.shape == (count,)
    np.testing.assert_allclose(got, 0.7, atol=1e-6)


def test_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing to resample"):
        resampled(np.zeros(0, np.float32), 5)
    with pytest.raises(ValueError, match="nothing to resample"):
        resampled(np.zeros(5, np.float32), 0)
