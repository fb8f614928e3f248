"""Fit of a plane to the grid, and the test of whether a page is flat.

The image of a plane is described by a homography. A fitted surface follows the small errors of the network:
0.015 mm on a rendered page and 0.04 mm on a pale one. One sample at 500 Hz is 0.05 mm at 25 mm/s. A
homography does not follow these errors. It is therefore used if such errors can explain its residual.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_kernels.homography import fit_homography
from ecgdigit_rt.geometry.homography import apply_homography

# Hand-picked, not tuned.
MIN_NOISE_PERIODS = 0.004  # lower limit of the estimated noise of the phase
MIN_WEIGHT = 0.02  # weight above which a pixel is included in the estimate of the noise

# Hand-picked, not tuned.
_MIN_PIXELS = 50  # minimum number of pixels in a fit
_SAMPLES = (4_000, 4_000, 4_000, 20_000)  # maximum pixels per iteration; all but the last only find inliers
_MAX_INITIAL_NOISE, _MAX_NOISE = 0.08, 0.03  # maximum noise in periods, in any and in the last iteration

_OUTLIER = 4.7
"""Cut-off of Tukey's biweight in standard deviations, for 95 % efficiency on Gaussian noise."""

_QUANTILES, _LIMITS = (0.9, 0.98), np.array([0.02, 0.05])
"""Quantiles of the absolute averaged residual over a page, and their limits on flat pages, in periods.
Measured: 0.007 to 0.019 and 0.011 to 0.046 on flat pages. On bent pages at least one of the two reaches 1.8
times its limit."""


@dataclass(frozen=True, slots=True)
class PlaneFit:
    """Plane fitted to the two phase fields.

    matrix: homography from folded field pixels to periods. periods: its values at pixel centres, (h, w, 2).
    weight: weights of the pixels in the fit, (h, w, 2). noise: noise of the phase, in periods.
    nonplanarity: deviation of the grid from the plane, as a multiple of the maximum on flat pages.
    """

    matrix: NDArray[np.float64]
    periods: NDArray[np.float64]
    weight: NDArray[np.float32]
    noise: float
    nonplanarity: float


def fit_plane(
    matrix: NDArray[np.float64],
    wrapped_phase: NDArray[np.float32],
    weight: NDArray[np.float32],
    period_px: float,
) -> PlaneFit | None:
    """Fit a homography to the page, or return None if none fits.

    `matrix` is the initial homography from pixels to periods. `wrapped_phase` contains the phases of both
    directions in periods, (h, w, 2). `weight` is (h, w, 2).
    """
    valid = weight > MIN_WEIGHT
    if np.count_nonzero(valid) < _MIN_PIXELS:
        return None
    periods = apply_homography(matrix, pixel_centres(wrapped_phase.shape))
    for samples in _SAMPLES:
        residual = wrapped_residual(wrapped_phase, periods)
        noise = phase_noise(residual, valid)
        if noise > _MAX_INITIAL_NOISE:
            return None
        used = (weight * np.maximum(1 - (residual / (_OUTLIER * noise)) ** 2, 0) ** 2).astype(np.float32)
        both = np.minimum(used[..., 0], used[..., 1])
        i, j = np.nonzero(both > 0)
        if i.size < _MIN_PIXELS:
            return None
        pick = np.linspace(0, i.size - 1, min(i.size, samples)).astype(np.intp)
        i, j = i[pick], j[pick]
        share = both[i, j].astype(np.float64)
        matrix = fit_homography(np.stack([j + 0.5, i + 0.5], 1), (periods + residual)[i, j], share)
        periods = apply_homography(matrix, pixel_centres(wrapped_phase.shape))
    if noise > _MAX_NOISE:
        return None
    nonplanarity = _nonplanarity(wrapped_residual(wrapped_phase, periods), weight, valid, period_px)
    return PlaneFit(matrix, periods, used, noise, nonplanarity)


def _nonplanarity(
    residual: NDArray[np.float32], weight: NDArray[np.float32], valid: NDArray[np.bool_], period_px: float
) -> float:
    """Return the larger of the two quantiles of the averaged residual, each relative to its limit.

    The residual is averaged over boxes of two periods. Averaging suppresses the noise of single pixels and
    preserves bends.
    """
    box = (2 * int(period_px) + 1,) * 2
    share, local = cv2.blur(weight, box), cv2.blur(residual * weight, box)
    enough = share > 0.3 * float(np.median(share[valid][::5]))
    mean = np.quantile(np.abs(local[enough] / share[enough])[::5], _QUANTILES)
    return float((mean / _LIMITS).max())


def wrapped_residual(
    wrapped_phase: NDArray[np.float32], periods: NDArray[np.floating]
) -> NDArray[np.float32]:
    """Return the wrapped phase minus `periods`, modulo whole periods, from -0.5 to 0.5."""
    difference = (wrapped_phase - periods).astype(np.float32)
    return np.asarray(difference - np.round(difference), np.float32)


def phase_noise(residual: NDArray[np.float32], valid: NDArray[np.bool_]) -> float:
    """Return the robust standard deviation of the valid residuals, at least `MIN_NOISE_PERIODS`."""
    return max(1.4826 * float(np.median(np.abs(residual[valid][::5]))), MIN_NOISE_PERIODS)


def pixel_centres(shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return x and y of the pixel centres of an image of this shape, (h, w, 2)."""
    x, y = np.meshgrid(np.arange(shape[1]) + 0.5, np.arange(shape[0]) + 0.5)
    return np.stack([x, y], -1)
