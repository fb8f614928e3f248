"""Strip predictions that an ideal trace network would return."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def logits_from_height(
    height_mm: NDArray[np.float64], half_mm: float = 20.0, sigma: float = 1.0
) -> NDArray[np.float32]:
    """Return logits (bins, columns): a Gaussian of `sigma` bins around the height (columns,) per column."""
    centre = half_mm - (np.arange(round(8 * half_mm)) + 0.5) / 4
    return (-0.5 * ((centre[:, None] - height_mm) * 4 / sigma) ** 2).astype(np.float32)


def presence_between(columns: int, first: int, stop: int) -> NDArray[np.float32]:
    """Return presence logits (columns,) of a trace from column `first` up to, but not including, `stop`."""
    out = np.full(columns, -5, np.float32)
    out[first:stop] = 5
    return out
