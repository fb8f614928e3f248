"""Continuous count of 5 mm periods over the image, for one direction of the grid.

The grid stage predicts a complex field rho * exp(2πi·U), where U is this count. The field determines U only
modulo 1. U is unwrapped in each connected region, and the regions are then joined across areas without a
readable grid.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_kernels.phase_fold import fold_phase
from ecgdigit_kernels.unwrap import unwrap_phase

# Hand-picked, not tuned.
_CONFIDENCE_BOX = 3  # side of the box over which confidence is averaged, in folded pixels
_MIN_MEAN_CONFIDENCE = 0.12  # minimum average over the box
_MIN_CONFIDENCE = 0.05  # minimum at the pixel itself
_MAX_SKEW = 1.2  # maximum gradient perpendicular to `direction`, relative to the gradient along it
_FREQUENCY_RANGE = (0.6, 1.67)  # range of the local frequency, relative to the median over the grid

_MIN_COHERENCE = 0.6
"""Minimum agreement of the phase gradients around a pixel. Measured: up to about 0.25 for random phases,
about 0.9 for phases with 0.3 rad of noise."""

# Hand-picked, not tuned.
_MIN_REGION_PX = 40  # minimum size of a region, in folded pixels
_MAX_REGIONS = 16  # maximum number of regions that are joined
_REGION_SAMPLES = 500  # maximum number of samples per region when regions are joined
_MISFIT_PERIODS = 0.15  # typical deviation of the true count from the fitted cubic
_INDEPENDENT_SAMPLES = 150.0  # effective number of independent samples on a page
_MAX_OFFSET_ERROR = 0.3  # maximum deviation of a region's offset from a whole number, in periods

Direction = Literal["right", "down"]


@dataclass(frozen=True, slots=True)
class PhaseField:
    """Components of a phase field of shape (h, w), each folded to (h // 2, w // 2).

    A folded pixel is a block of 2 × 2 pixels of the field.
    wrapped_phase: periods, -0.5 to 0.5. rho: confidence. gradient_x, gradient_y: periods per folded pixel.
    quality: uint8, 1 to 255, or 0 where no grid is detected. period_px: median period in folded pixels.
    """

    wrapped_phase: NDArray[np.float32]
    rho: NDArray[np.float32]
    gradient_x: NDArray[np.float32]
    gradient_y: NDArray[np.float32]
    quality: NDArray[np.uint8]
    period_px: float


def phase_field(field: NDArray[np.complex64], direction: Direction) -> PhaseField | None:
    """Split a complex field (h, w) into its components.

    Returns None if the field contains no regular grid whose phase grows in `direction`.
    """
    folded = fold_phase(field)
    rho, gradient_x, gradient_y = folded.rho, folded.gradient_x, folded.gradient_y
    main, cross = (gradient_x, gradient_y) if direction == "right" else (gradient_y, gradient_x)
    is_grid = cv2.blur(rho, (_CONFIDENCE_BOX, _CONFIDENCE_BOX)) > _MIN_MEAN_CONFIDENCE
    is_grid &= folded.coherence > _MIN_COHERENCE
    is_grid &= (rho > _MIN_CONFIDENCE) & (main > 0) & (np.abs(cross) < _MAX_SKEW * main)
    if np.count_nonzero(is_grid) < _MIN_REGION_PX:
        return None
    frequency = np.hypot(gradient_x, gradient_y)
    typical = float(np.median(frequency[is_grid][::5]))
    low, high = _FREQUENCY_RANGE
    is_grid &= (frequency > low * typical) & (frequency < high * typical)
    quality = np.where(is_grid, 1 + 254 * np.clip(rho * folded.coherence, 0, 1), 0).astype(np.uint8)
    return PhaseField(folded.wrapped_phase, rho, gradient_x, gradient_y, quality, 1.0 / typical)


def unwrap_field(field: PhaseField) -> NDArray[np.float32]:
    """Return the continuous count of periods from an arbitrary origin, (h // 2, w // 2).

    It is NaN where unknown.
    """
    count, label = unwrap_phase(field.wrapped_phase, field.gradient_x, field.gradient_y, field.quality)
    sizes = np.bincount(label.ravel())
    sizes[0] = 0
    order = [r for r in np.argsort(sizes)[::-1][:_MAX_REGIONS] if sizes[r] >= _MIN_REGION_PX]
    out = np.full(count.shape, np.nan, np.float32)
    if not order:
        return out
    samples = {int(r): _region_samples(count, label, int(r)) for r in order}
    joined = [int(order[0])]
    offsets = {joined[0]: 0}
    remaining = [int(r) for r in order[1:]]
    while remaining:
        # Join the region with the smallest distance relative to its side length (the square root of its
        # size) next: short extrapolation into a large region is most reliable.
        known = np.concatenate([samples[r] + np.array([0.0, 0.0, offsets[r]]) for r in joined])
        nearest = min(remaining, key=lambda r: _distance(samples[r], known) / np.sqrt(sizes[r]))
        remaining.remove(nearest)
        offset = _missing_periods(known, samples[nearest], sizes[joined].sum(), sizes[nearest])
        if abs(offset - round(offset)) > _MAX_OFFSET_ERROR:
            continue
        offsets[nearest] = round(offset)
        joined.append(nearest)
    for region, offset in offsets.items():
        inside = label == region
        out[inside] = count[inside] + offset
    return out


def _region_samples(count: NDArray[np.float32], label: NDArray[np.int32], region: int) -> NDArray[np.float64]:
    """Return up to `_REGION_SAMPLES` rows of x, y and count.

    x and y are measured from the centre of the image, in units of half its longer side.
    """
    i, j = np.nonzero(label == region)
    pick = np.linspace(0, i.size - 1, min(i.size, _REGION_SAMPLES)).astype(np.intp)
    half = max(count.shape) / 2
    x = (j[pick] + 0.5) / half - count.shape[1] / 2 / half
    y = (i[pick] + 0.5) / half - count.shape[0] / 2 / half
    return np.stack([x, y, count[i[pick], j[pick]].astype(np.float64)], 1)


def _distance(samples: NDArray[np.float64], known: NDArray[np.float64]) -> float:
    """Return the approximate smallest distance between two sets of samples.

    It is computed on every 8th row of `samples` and every 4th row of `known`.
    """
    a, b = samples[::8, None, :2], known[None, ::4, :2]
    return float(np.sqrt(((a - b) ** 2).sum(-1).min()))


def _missing_periods(
    known: NDArray[np.float64], other: NDArray[np.float64], known_size: float, other_size: float
) -> float:
    """Return the periods to add to `other` so that one smooth map fits both regions.

    The map is a cubic in x and y, and the offset is an additional unknown. The quadratic and cubic terms have
    Gaussian priors. Their standard deviations are typical effects of perspective and bending, in periods at
    the edge of the image. The constant and linear terms and the offset are practically unconstrained.
    """
    points = np.concatenate([known, other])
    x, y = points[:, 0], points[:, 1]
    terms = [np.ones_like(x), x, y, x * x, x * y, y * y, x**3, x * x * y, x * y * y, y**3]
    in_other = np.zeros(len(points))
    in_other[len(known) :] = -1.0
    basis = np.stack([*terms, in_other], 1)
    prior_std = np.array([1e4, 1e4, 1e4, 4, 4, 4, 1.0, 1.0, 1.0, 1.0, 1e4])
    total = known_size + other_size
    fraction = np.concatenate(
        [
            np.full(len(known), known_size / total / len(known)),
            np.full(len(other), other_size / total / len(other)),
        ]
    )
    weight = fraction * _INDEPENDENT_SAMPLES / _MISFIT_PERIODS**2
    matrix = basis.T @ (weight[:, None] * basis) + np.diag(1 / prior_std**2)
    return float(np.linalg.solve(matrix, basis.T @ (weight * points[:, 2]))[-1])
