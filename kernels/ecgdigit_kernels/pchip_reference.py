"""SciPy reference of `fill_gaps`. The tests compare the kernel with it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator


def fill_gaps_reference(values: NDArray[np.float32], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Interpolate between valid values, and repeat the outermost valid values beyond them."""
    indices = np.flatnonzero(valid)
    if indices.size == 0:
        return np.zeros(values.size, np.float32)
    at = np.clip(np.arange(values.size), indices[0], indices[-1])
    known = values[indices].astype(np.float64)
    filled = known[np.zeros(at.size, int)] if indices.size == 1 else PchipInterpolator(indices, known)(at)
    return np.where(valid, values, filled).astype(np.float32)
