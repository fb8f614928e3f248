"""`pchip` as SciPy does it; the tests compare the kernel with it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator


def fill_gaps_reference(values: NDArray[np.float32], seen: NDArray[np.bool_]) -> NDArray[np.float32]:
    """One interpolator through all values seen, held beyond the ends."""
    places = np.flatnonzero(seen)
    if places.size == 0:
        return np.zeros(values.size, np.float32)
    at = np.clip(np.arange(values.size), places[0], places[-1])
    known = values[places].astype(np.float64)
    filled = known[np.zeros(at.size, int)] if places.size == 1 else PchipInterpolator(places, known)(at)
    return np.where(seen, values, filled).astype(np.float32)
