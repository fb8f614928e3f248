"""Random noise from OpenCV's fast generator.

The seed of this generator is drawn from NumPy's generator, so that pages are reproducible.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def gaussian_noise(shape: tuple[int, ...], sigma: float, rng: np.random.Generator) -> NDArray[np.int16]:
    """Return random integers with mean 0 and standard deviation `sigma`.

    `shape` is (height, width) or (height, width, 3).
    """
    out = np.empty(shape, np.int16)
    cv2.setRNGSeed(int(rng.integers(2**31)))
    channels = shape[2] if len(shape) == 3 else 1
    cv2.randn(out, np.zeros(channels), np.full(channels, sigma))
    return out


def smooth_noise(rng: np.random.Generator, shape: tuple[int, ...], cells: float) -> NDArray[np.float32]:
    """Return smooth noise with a variance of about 1, (height, width) float32.

    The noise is interpolated between about `cells` random values along the long side.
    """
    height, width = shape
    long_side = max(height, width)
    small = (max(3, round(height * cells / long_side)), max(3, round(width * cells / long_side)))
    knots = rng.standard_normal(small, dtype=np.float32)
    coarse = cv2.resize(knots, (max(8, width // 4), max(8, height // 4)), interpolation=cv2.INTER_CUBIC)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
