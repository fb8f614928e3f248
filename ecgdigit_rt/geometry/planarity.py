"""Whether a page lies flat: then a homography says all, and says it better than a surface that may bend.

A surface follows the network's own small errors: 0.015 mm on a drawn page, 0.04 mm on a pale one, which
is most of a 500 Hz sample. Where a plane leaves nothing but such errors, it is taken.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.geometry.homography import apply_homography, fit_homography

LEAST_NOISE = 0.004
"""Of the phase, in periods: what every page has."""

_LEAST_PIXELS = 50
_SAMPLES = (4_000, 4_000, 4_000, 20_000)  # of the field's pixels, round after round
_FIRST_NOISE, _MOST_NOISE = 0.08, 0.03  # periods: of the first guess, of the last
_SHARES, _LIMITS = (0.9, 0.98), np.array([0.02, 0.05])
"""So many of the places of a flat page miss the plane by no more than this (periods): by 0.007 to 0.019
and 0.011 to 0.046. Of bent ones, one of the two is 1.8 times as much at least."""


@dataclass(frozen=True, slots=True)
class FlatSheet:
    """A plane that fits the page, more or less.

    matrix: field pixels to periods. values: (h, w, 2), the periods at field pixel centres.
    used: (h, w, 2), the weights of the pixels. noise: of the phase, in periods. bend: what the plane
    misses, 1 where that is as much as a flat page may miss.
    """

    matrix: NDArray[np.float64]
    values: NDArray[np.float64]
    used: NDArray[np.float32]
    noise: float
    bend: float


def flat_sheet(
    matrix: NDArray[np.float64], turns: NDArray[np.float32], weight: NDArray[np.float32], period_px: float
) -> FlatSheet | None:
    """The page as a plane, None where it is far from any.

    matrix: a first guess. turns: (h, w, 2), phases of both directions in periods. weight: (h, w, 2).
    """
    seen = weight > 0.02
    if np.count_nonzero(seen) < _LEAST_PIXELS:
        return None
    values = apply_homography(matrix, field_centres(turns.shape))
    for samples in _SAMPLES:
        miss = nearest_miss(turns, values)
        noise = max(1.4826 * float(np.median(np.abs(miss[seen][::5]))), LEAST_NOISE)
        if noise > _FIRST_NOISE:  # far from any plane
            return None
        used = (weight * np.maximum(1 - (miss / (4.7 * noise)) ** 2, 0) ** 2).astype(np.float32)
        both = np.minimum(used[..., 0], used[..., 1])
        i, j = np.nonzero(both > 0)
        if i.size < _LEAST_PIXELS:
            return None
        pick = np.linspace(0, i.size - 1, min(i.size, samples)).astype(np.intp)
        i, j = i[pick], j[pick]
        share = both[i, j].astype(np.float64)
        matrix = fit_homography(np.stack([j + 0.5, i + 0.5], 1), (values + miss)[i, j], share)
        values = apply_homography(matrix, field_centres(turns.shape))
    if noise > _MOST_NOISE:
        return None
    bend = _bend(nearest_miss(turns, values), weight, seen, period_px)
    return FlatSheet(matrix, values, used, noise, bend)


def _bend(
    miss: NDArray[np.float32], weight: NDArray[np.float32], seen: NDArray[np.bool_], period_px: float
) -> float:
    """By how much means over two periods still miss the plane: noise does not survive them, bends do."""
    box = (2 * int(period_px) + 1,) * 2
    share, local = cv2.blur(weight, box), cv2.blur(miss * weight, box)
    enough = share > 0.3 * float(np.median(share[seen][::5]))
    left = np.quantile(np.abs(local[enough] / share[enough])[::5], _SHARES)
    return float((left / _LIMITS).max())


def nearest_miss(turns: NDArray[np.float32], values: NDArray[np.floating]) -> NDArray[np.float32]:
    """What is missing from `values` to the nearest count with the phase `turns`."""
    miss = (turns - values).astype(np.float32)
    return np.asarray(miss - np.round(miss), np.float32)


def field_centres(shape: tuple[int, ...]) -> NDArray[np.float64]:
    x, y = np.meshgrid(np.arange(shape[1]) + 0.5, np.arange(shape[0]) + 0.5)
    return np.stack([x, y], -1)
