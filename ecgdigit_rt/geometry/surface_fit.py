"""Fit of a spline surface to the difference between the grid's phases and a homography.

Paper is smooth except at its creases, so the prior on curvature is a Cauchy distribution. Where the surface
bends much more than paper usually does, bending costs less in the next round of the least-squares fit.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_kernels.banded import solve_banded
from ecgdigit_kernels.spline_lattice import lattice_grid
from ecgdigit_kernels.surface import add_roughness, lattice_shape, normal_equations, second_differences
from ecgdigit_rt.errors import NoGridFound
from ecgdigit_rt.geometry.planarity import MIN_NOISE_PERIODS, MIN_WEIGHT, phase_noise, wrapped_residual

MIN_PIXELS = 50
"""Minimum number of pixels in a fit. All pixels in this module are folded: two by two pixels of the phase
fields. Hand-picked, not tuned."""

_COARSE_PERIODS, _FINE_PERIODS = 2.0, 1.5
"""Distance between nodes of the first surfaces and of the last one, in periods. Measured for the last one:
0.75 or 1.0 periods change the result by at most 0.1 dB."""

# Hand-picked, not tuned.
_MIN_COARSE_PX, _MIN_FINE_PX = 6.0, 3.0  # minimum distances between nodes
_INITIAL_CURVATURE = 0.02  # second difference of the initial surface over one period, in periods
_INITIAL_NOISE = 0.05  # noise assumed for the initial surface, in periods
_BRANCH_SCALE = 0.2  # residual in periods at which a pixel loses three quarters of its weight
_CREASE = 1.5  # curvature that halves the cost of bending, as a multiple of the typical one
_COARSE_ROUNDS, _FINE_ROUNDS = 2, 6  # maximum numbers of rounds with the Cauchy prior
_CONVERGED = 0.02  # mean change of the relief (see `_relief`) below which the rounds end
_RIDGE = 1e-6  # strength of the pull of the nodes towards 0
_MIN_AGREEMENT = 0.6  # minimum fraction of inliers around a pixel

_CURVATURE = 0.00033
"""Typical second difference of a bent page over one period, in periods. Measured on 25 pages: 0.003 instead
of 0.03 improved renders from 12.5 to 18.4 dB and colour scans from 18.4 to 22.1 dB. The current value, which
goes with the Cauchy prior, was not measured separately."""

_CORRELATED_PX = 1.0
"""Number of pixels that have the same error. Measured without the ink mask: 0.8 and 0.4 instead of 1.7 cost
0.3 and 1.0 dB on photos and crumpled sheets. With the mask, 1.0 is better than 1.7 by 0.2 dB."""

_OUTLIER = 4.7
"""Cut-off of Tukey's biweight in standard deviations, for 95 % efficiency on Gaussian noise. Measured: 2.5
costs 0.25 dB."""


@dataclass(frozen=True, slots=True)
class SurfaceFit:
    """Map from pixels to periods: a homography plus a spline surface.

    matrix: the homography. nodes: the nodes of the surface in periods, (rows, columns, 2). spacing: the
    distance between nodes in pixels.
    """

    matrix: NDArray[np.float64]
    nodes: NDArray[np.float64]
    spacing: float


@dataclass(frozen=True, slots=True)
class GridSamples:
    """Both phases at the pixels of the field. All arrays are (h, w, 2).

    wrapped_phase: periods, -0.5 to 0.5. plane: periods of the homography, to which a surface is added.
    weight: 0 where a pixel is not part of the page's grid. period_px: number of pixels per period.
    """

    wrapped_phase: NDArray[np.float32]
    plane: NDArray[np.float64]
    weight: NDArray[np.float32]
    period_px: float


def coarse_spacing(period_px: float) -> float:
    """Return the distance between nodes of the first surfaces, in pixels."""
    return max(_COARSE_PERIODS * period_px, _MIN_COARSE_PX)


def flat_fit(matrix: NDArray[np.float64], shape: tuple[int, ...], spacing: float) -> SurfaceFit:
    """Return a homography with a surface of zeros for an image of this shape."""
    return SurfaceFit(matrix, np.zeros((*lattice_shape(shape[0], shape[1], spacing), 2)), spacing)


def initial_fit(matrix: NDArray[np.float64], counts: NDArray[np.float32], samples: GridSamples) -> SurfaceFit:
    """Fit a surface to the unwrapped counts (h, w, 2), which are NaN where unknown.

    This surface only has to assign every pixel to its period, so it may bend freely.
    """
    known = np.isfinite(counts)
    bends = np.where(known, counts - samples.plane, 0)
    weight = np.where(known, samples.weight, np.float32(0))
    spacing = coarse_spacing(samples.period_px)
    curvature = _INITIAL_CURVATURE * (spacing / samples.period_px) ** 2
    strength = _roughness_strength(_INITIAL_NOISE, curvature)
    fit = SurfaceFit(matrix, _fit_surface(bends, weight, spacing, strength, curvature), spacing)
    # Regions that were joined with a wrong number of periods now have large residuals and lose their weight.
    residual = bends - surface_periods(fit, counts.shape)
    weight *= (1 / (1 + (residual / _BRANCH_SCALE) ** 2) ** 2).astype(np.float32)
    return SurfaceFit(matrix, _fit_surface(bends, weight, spacing, strength, curvature), spacing)


def refined_fit(fit: SurfaceFit, samples: GridSamples) -> tuple[SurfaceFit, float, NDArray[np.float32]]:
    """Refine an initial fit, first with coarse and then with fine nodes.

    Returns the fit, the noise in periods and the weights of the pixels. Raises NoGridFound.
    """
    fine = max(_FINE_PERIODS * samples.period_px, _MIN_FINE_PX)
    fit, _, _ = _refine(fit, samples, fit.spacing, _COARSE_ROUNDS)
    return _refine(fit, samples, fine, _FINE_ROUNDS)


def surface_periods(fit: SurfaceFit, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return the contribution of the surface to the periods at the pixel centres, (h, w, 2)."""
    start, step = 0.5 / fit.spacing + 1, 1 / fit.spacing
    return np.stack(lattice_grid(fit.nodes, (start, step, shape[0]), (start, step, shape[1])), -1)


def _refine(
    fit: SurfaceFit, samples: GridSamples, spacing: float, rounds: int
) -> tuple[SurfaceFit, float, NDArray[np.float32]]:
    """Fit a surface again, without outliers, with every phase unwrapped to the value nearest to the last fit.

    Raises NoGridFound.
    """
    weight, shape = samples.weight, samples.wrapped_phase.shape
    bends = surface_periods(fit, shape)
    residual = wrapped_residual(samples.wrapped_phase, samples.plane + bends)
    valid = weight > MIN_WEIGHT
    if np.count_nonzero(valid) < MIN_PIXELS:
        raise NoGridFound("too little of the grid is clearly visible")
    noise = phase_noise(residual, valid)
    tukey = np.maximum(1 - (residual / (_OUTLIER * noise)) ** 2, 0) ** 2
    used = (weight * tukey).astype(np.float32)
    # Lines of another slope agree with the fit only in one stripe per period. A pixel is therefore used only
    # if most pixels around it agree.
    box = (2 * int(samples.period_px) + 1,) * 2
    agreeing = cv2.blur(((tukey > 0) & valid).astype(np.float32), box)
    used[agreeing < _MIN_AGREEMENT * cv2.blur(valid.astype(np.float32), box)] = 0
    curvature = _CURVATURE * (spacing / samples.period_px) ** 2
    strength = _roughness_strength(noise, curvature)
    nodes = _fit_surface(bends + residual, used, spacing, strength, curvature, rounds)
    return SurfaceFit(fit.matrix, nodes, spacing), noise, used


def _roughness_strength(noise: float, curvature: float) -> float:
    """Return the weight of the roughness, from the squared ratio of noise to typical curvature."""
    return _CORRELATED_PX * (max(noise, MIN_NOISE_PERIODS) / curvature) ** 2


def _fit_surface(
    bends: NDArray[np.floating],
    weight: NDArray[np.float32],
    spacing: float,
    strength: float,
    curvature: float,
    rounds: int = 1,
) -> NDArray[np.float64]:
    """Return the nodes (rows, columns, 2) of the surface that fits `bends` (h, w, 2).

    `curvature` is the typical second difference of paper. Each of the `rounds` after the first reduces the
    cost of bending where the previous surface bends more than paper usually does. The rounds end early if
    these costs hardly change, as on flat pages.
    """
    h, w = bends.shape[:2]
    is_tall = h > w  # the bandwidth grows with the lattice's first side, so the shorter side is first
    fields = [(bends[..., k], weight[..., k]) for k in range(2)]
    if is_tall:
        fields = [(values.T, weights.T) for values, weights in fields]
    rows, columns = lattice_shape(fields[0][0].shape[0], fields[0][0].shape[1], spacing)
    systems = [normal_equations(weights, values.astype(np.float32), spacing) for values, weights in fields]
    relief = np.ones((3, columns, rows))
    for _ in range(rounds):
        solved: list[NDArray[np.float64]] = []
        for band, right_hand_side in systems:
            stiff = band.copy()
            add_roughness(stiff, rows, strength, _RIDGE, relief)
            solved.append(solve_banded(stiff, right_hand_side).reshape(columns, rows))
        nodes = np.stack(solved, -1)
        last, relief = relief, _relief(nodes, curvature)
        if np.abs(relief - last).mean() < _CONVERGED:
            break
    return np.ascontiguousarray(nodes if is_tall else nodes.transpose(1, 0, 2))


def _relief(nodes: NDArray[np.float64], curvature: float) -> NDArray[np.float64]:
    """Return the relief: factors of the cost of bending, (3, columns, rows), 1 where nothing bends.

    The factor is lower where the surface bends more. `nodes` is (columns, rows, 2).
    """
    bent = sum(second_differences(nodes[..., k]) ** 2 for k in range(2))
    bent = np.stack([cv2.blur(term, (3, 3)) for term in np.asarray(bent)])
    return np.asarray(1 / (1 + bent / (_CREASE * curvature) ** 2))
