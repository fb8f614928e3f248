"""Fit of a spline surface to what a homography leaves of the grid's phases.

Paper is smooth except at its creases. So the prior on curvature is Cauchy's: where both surfaces bend much
more than paper usually does, bending costs less in the next round of the same least squares.
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
"""Smallest number of pixels of a fit, in folded pixels (two by two of the fields), like all pixels here.
Chosen, not tuned."""

_COARSE_PERIODS, _FINE_PERIODS = 2.0, 1.5
"""Distance of the nodes of the first surfaces and of the last. Measured for the last: 0.75 or 1.0 periods
change the result by 0.1 dB at most."""

# Chosen, not tuned.
_MIN_COARSE_PX, _MIN_FINE_PX = 6.0, 3.0  # distance of the nodes
_INITIAL_CURVATURE = 0.02  # periods, of the initial surface
_INITIAL_NOISE = 0.05  # periods
_BRANCH_SCALE = 0.2  # residual in periods at which a pixel loses most of its weight
_CREASE = 1.5  # curvature of a crease, as a multiple of the typical one
_COARSE_ROUNDS, _FINE_ROUNDS = 2, 6  # of the Cauchy prior
_CONVERGED = 0.02  # mean change of the relief at which rounds end
_RIDGE = 1e-6  # pull of the nodes towards 0
_MIN_AGREEMENT = 0.6  # share of inliers around a pixel

_CURVATURE = 0.00033
"""Typical second difference of a bent page over one period, in periods. Measured on 25 pages: 0.003 instead
of 0.03 brought renders from 12.5 to 18.4 dB and colour scans from 18.4 to 22.1 dB. The value was lowered
further together with the Cauchy prior; that step has no measurement of its own."""

_CORRELATED_PX = 1.0
"""Pixels that share one error. Measured without the ink mask: 0.8 or 0.4 instead of 1.7 cost 0.3 and 1.0 dB
on photos and crumpled sheets. With the mask, 1.0 is better by 0.2 dB."""

_OUTLIER = 4.7
"""Cut-off of Tukey's biweight in standard deviations: 95 % efficiency on Gaussian noise. Measured: 2.5 costs
0.25 dB."""


@dataclass(frozen=True, slots=True)
class SurfaceFit:
    """Map from pixels to periods: a homography plus a surface of (rows, columns, 2) nodes."""

    matrix: NDArray[np.float64]
    nodes: NDArray[np.float64]
    spacing: float


@dataclass(frozen=True, slots=True)
class GridSamples:
    """Samples of both phases on the field's pixels, each (h, w, 2).

    wrapped_phase: periods, -0.5 to 0.5. plane: periods of the perspective, to which a surface is added.
    weight: 0 where a pixel is not part of the page's grid. period_px: pixels per period.
    """

    wrapped_phase: NDArray[np.float32]
    plane: NDArray[np.float64]
    weight: NDArray[np.float32]
    period_px: float


def coarse_spacing(period_px: float) -> float:
    """Return the distance of the nodes of the first surfaces, in pixels."""
    return max(_COARSE_PERIODS * period_px, _MIN_COARSE_PX)


def flat_fit(matrix: NDArray[np.float64], shape: tuple[int, ...], spacing: float) -> SurfaceFit:
    """Return a homography with a surface of zeros for an image of this shape."""
    return SurfaceFit(matrix, np.zeros((*lattice_shape(shape[0], shape[1], spacing), 2)), spacing)


def initial_fit(matrix: NDArray[np.float64], counts: NDArray[np.float32], samples: GridSamples) -> SurfaceFit:
    """Fit a surface to the unwrapped counts (h, w, 2), NaN where unknown.

    This surface only has to assign every pixel to its period, so it may bend freely.
    """
    known = np.isfinite(counts)
    bends = np.where(known, counts - samples.plane, 0)
    weight = np.where(known, samples.weight, np.float32(0))
    spacing = coarse_spacing(samples.period_px)
    curvature = _INITIAL_CURVATURE * (spacing / samples.period_px) ** 2
    strength = _roughness_strength(_INITIAL_NOISE, curvature)
    fit = SurfaceFit(matrix, _fit_surface(bends, weight, spacing, strength, curvature), spacing)
    # Regions joined by a wrong whole number have large residuals now: they lose their weight.
    residual = bends - surface_periods(fit, counts.shape)
    weight *= (1 / (1 + (residual / _BRANCH_SCALE) ** 2) ** 2).astype(np.float32)
    return SurfaceFit(matrix, _fit_surface(bends, weight, spacing, strength, curvature), spacing)


def refined_fit(fit: SurfaceFit, samples: GridSamples) -> tuple[SurfaceFit, float, NDArray[np.float32]]:
    """Refine an initial fit, first with coarse and then with fine nodes.

    Returns the fit, the noise in periods and the weights that were used. Raises NoGridFound.
    """
    fine = max(_FINE_PERIODS * samples.period_px, _MIN_FINE_PX)
    fit, _, _ = _refine(fit, samples, fit.spacing, _COARSE_ROUNDS)
    return _refine(fit, samples, fine, _FINE_ROUNDS)


def surface_periods(fit: SurfaceFit, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return the surface's part of the periods at the pixel centres, (h, w, 2)."""
    start, step = 0.5 / fit.spacing + 1, 1 / fit.spacing
    return np.stack(lattice_grid(fit.nodes, (start, step, shape[0]), (start, step, shape[1])), -1)


def _refine(
    fit: SurfaceFit, samples: GridSamples, spacing: float, rounds: int
) -> tuple[SurfaceFit, float, NDArray[np.float32]]:
    """Fit once more, with every phase in the period nearest to the last fit and without outliers."""
    weight, shape = samples.weight, samples.wrapped_phase.shape
    bends = surface_periods(fit, shape)
    residual = wrapped_residual(samples.wrapped_phase, samples.plane + bends)
    valid = weight > MIN_WEIGHT
    if np.count_nonzero(valid) < MIN_PIXELS:
        raise NoGridFound("too little of the grid is clear")
    noise = phase_noise(residual, valid)
    tukey = np.maximum(1 - (residual / (_OUTLIER * noise)) ** 2, 0) ** 2
    used = (weight * tukey).astype(np.float32)
    # Lines of another slope agree in stripes, one per period: a pixel counts if most pixels around it agree.
    box = (2 * int(samples.period_px) + 1,) * 2
    agreeing = cv2.blur(((tukey > 0) & valid).astype(np.float32), box)
    used[agreeing < _MIN_AGREEMENT * cv2.blur(valid.astype(np.float32), box)] = 0
    curvature = _CURVATURE * (spacing / samples.period_px) ** 2
    strength = _roughness_strength(noise, curvature)
    nodes = _fit_surface(bends + residual, used, spacing, strength, curvature, rounds)
    return SurfaceFit(fit.matrix, nodes, spacing), noise, used


def _roughness_strength(noise: float, curvature: float) -> float:
    """Return the weight of the roughness: squared noise over the squared typical second difference."""
    return _CORRELATED_PX * (max(noise, MIN_NOISE_PERIODS) / curvature) ** 2


def _fit_surface(
    value: NDArray[np.floating],
    weight: NDArray[np.float32],
    spacing: float,
    strength: float,
    curvature: float,
    rounds: int = 1,
) -> NDArray[np.float64]:
    """Return the surface's nodes (rows, columns, 2) for both counts.

    `curvature` is the typical second difference of paper. Each of `rounds` makes bending cheaper where the
    last one bent more. Rounds end early if that changes little, as on flat pages.
    """
    h, w = value.shape[:2]
    is_tall = h > w  # the band is as wide as the lattice's first side, so the shorter side comes first
    fields = [(value[..., k], weight[..., k]) for k in range(2)]
    if is_tall:
        fields = [(values.T, weights.T) for values, weights in fields]
    rows, columns = lattice_shape(fields[0][0].shape[0], fields[0][0].shape[1], spacing)
    systems = [normal_equations(weights, values.astype(np.float32), spacing) for values, weights in fields]
    relief = np.ones((3, columns, rows))
    for _ in range(rounds):
        solved: list[NDArray[np.float64]] = []
        for band, side in systems:
            stiff = band.copy()
            add_roughness(stiff, rows, strength, _RIDGE, relief)
            solved.append(solve_banded(stiff, side).reshape(columns, rows))
        nodes = np.stack(solved, -1)
        last, relief = relief, _relief(nodes, curvature)
        if np.abs(relief - last).mean() < _CONVERGED:
            break
    return np.ascontiguousarray(nodes if is_tall else nodes.transpose(1, 0, 2))


def _relief(nodes: NDArray[np.float64], curvature: float) -> NDArray[np.float64]:
    """Return factors of the roughness (3, columns, rows): 1 where nodes (columns, rows, 2) do not bend."""
    bent = sum(second_differences(nodes[..., k]) ** 2 for k in range(2))
    bent = np.stack([cv2.blur(term, (3, 3)) for term in np.asarray(bent)])
    return np.asarray(1 / (1 + bent / (_CREASE * curvature) ** 2))
