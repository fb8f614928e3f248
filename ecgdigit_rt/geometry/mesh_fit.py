"""Fit of the mesh to the phase fields of the grid.

The number of periods in each direction is fitted as a function of the image position. In the image the
samples are on a regular grid, and only their values are noisy. The model is a homography for the perspective
plus a spline surface for the bends of the paper. The mesh is the inverse of this function at whole periods.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_kernels.homography import fit_homography
from ecgdigit_kernels.spline_lattice import lattice_position
from ecgdigit_rt.errors import NoGridFound
from ecgdigit_rt.geometry.homography import apply_homography
from ecgdigit_rt.geometry.mesh import STEP_MM, Mesh
from ecgdigit_rt.geometry.phase import PhaseField, phase_field, unwrap_field
from ecgdigit_rt.geometry.planarity import fit_plane, pixel_centres
from ecgdigit_rt.geometry.surface_fit import (
    MIN_PIXELS,
    GridSamples,
    SurfaceFit,
    coarse_spacing,
    flat_fit,
    initial_fit,
    refined_fit,
    surface_periods,
)

MARGIN_PERIODS = 4
"""Margin of the mesh around the detected grid, for strips near the edge of the grid. Hand-picked, not
tuned."""

# Hand-picked, not tuned.
_MIN_FIELD_PX = 16  # minimum length of the shorter side of a phase field
_MIN_PERIODS = 4.0  # minimum length of the shorter side of a grid, in periods
_MAX_PERIODS = 300  # maximum length of the longer side of a grid, in periods
_MAX_NOISE = 0.06  # maximum noise of a grid's phase, in periods
_MAX_SLOPE = 0.2  # maximum relative change of the local period by bends and creases
_PERSPECTIVE_PIXELS = 1000  # maximum number of pixels that the initial homography is fitted to


def mesh_from_phase(
    phase_u: NDArray[np.complex64],
    phase_v: NDArray[np.complex64],
    scale: float,
    max_nonplanarity: float = 1.0,
) -> Mesh:
    """Fit a mesh to the phase fields of both directions. Raises NoGridFound.

    The mesh is exactly planar if the nonplanarity of the page is at most `max_nonplanarity`.

    The fields are complex64 (h, w): rho * exp(2πi · u / 5 mm), and the same for v. The confidence rho is
    between 0 and 1. `scale` is the number of original pixels per field pixel, so that the centre of field
    pixel (i, j) is at ((j + 0.5) * scale, (i + 0.5) * scale). u grows to the right and v downwards, within 45
    degrees. u and v are 0 at a vertex near the top left of the detected grid.
    """
    if phase_u.shape != phase_v.shape or phase_u.ndim != 2 or min(phase_u.shape) < _MIN_FIELD_PX:
        raise NoGridFound("the image is too small")
    fields = (phase_field(phase_u, "right"), phase_field(phase_v, "down"))
    if fields[0] is None or fields[1] is None:
        raise NoGridFound("no two perpendicular sets of regular lines were detected")
    pair = (fields[0], fields[1])
    counts = np.stack([unwrap_field(pair[0]), unwrap_field(pair[1])], -1)
    matrix = _fit_perspective(counts, pair)
    shape = counts.shape
    plane = apply_homography(matrix, pixel_centres(shape))
    period_px = min(field.period_px for field in pair)
    weight = np.stack([_grid_weight(pair[k], plane[..., k]) for k in range(2)], -1)
    wrapped_phase = np.stack([field.wrapped_phase for field in pair], -1)
    flat = fit_plane(matrix, wrapped_phase, weight, period_px)
    nonplanarity = np.inf if flat is None else flat.nonplanarity
    if flat is not None and nonplanarity <= max_nonplanarity:
        fit = flat_fit(flat.matrix, shape, coarse_spacing(period_px))
        return _mesh_from_fit(fit, flat.periods, flat.weight, period_px, flat.noise, scale, nonplanarity)
    samples = GridSamples(wrapped_phase, plane, weight, period_px)
    fit, noise, used = refined_fit(initial_fit(matrix, counts, samples), samples)
    if noise > _MAX_NOISE:
        raise NoGridFound("the detected lines do not form a regular grid")
    periods = plane + surface_periods(fit, shape)
    return _mesh_from_fit(fit, periods, used, period_px, noise, scale, nonplanarity)


def _fit_perspective(counts: NDArray[np.float32], pair: tuple[PhaseField, PhaseField]) -> NDArray[np.float64]:
    """Fit the homography from pixels to periods. Raises NoGridFound."""
    both = np.isfinite(counts).all(-1)
    i, j = np.nonzero(both)
    if i.size < MIN_PIXELS:
        raise NoGridFound("too little of the grid is clearly visible")
    pick = np.linspace(0, i.size - 1, min(i.size, _PERSPECTIVE_PIXELS)).astype(np.intp)
    i, j = i[pick], j[pick]
    target = counts[i, j].astype(np.float64)
    if np.ptp(target, axis=0).min() < _MIN_PERIODS:
        raise NoGridFound("too little of the grid is clearly visible")
    weight = np.minimum(pair[0].rho[i, j], pair[1].rho[i, j]).astype(np.float64) ** 2
    return fit_homography(np.stack([j + 0.5, i + 0.5], 1), target, weight + 1e-6)


def _grid_weight(field: PhaseField, plane: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return rho squared where local period and direction agree with the homography, otherwise 0."""
    plane_y, plane_x = np.gradient(plane.astype(np.float32))
    difference = np.hypot(field.gradient_x - plane_x, field.gradient_y - plane_y)
    agrees = (field.quality > 0) & (difference < _MAX_SLOPE * np.hypot(plane_x, plane_y))
    return np.where(agrees, field.rho**2, 0).astype(np.float32)


def _mesh_from_fit(
    fit: SurfaceFit,
    periods: NDArray[np.float64],
    used: NDArray[np.float32],
    period_px: float,
    noise: float,
    scale: float,
    nonplanarity: float,
) -> Mesh:
    """Invert the fit at whole periods. Raises NoGridFound.

    `periods` contains the fitted periods at the pixel centres, `used` the weights of the pixels, both (h, w,
    2). `noise` is in periods of `period_px`. `scale` is the number of original pixels per field pixel. All
    other pixels here are folded: they are two field pixels wide and high.
    """
    scale *= 2
    support = cv2.blur(used.min(-1), (2 * int(period_px / 2) + 1,) * 2)
    supported = support > 0.25 * float(np.quantile(support[::4, ::4], 0.9))
    inside = periods[supported]
    if len(inside) < MIN_PIXELS:
        raise NoGridFound("too little of the grid is clearly visible")
    low = np.floor(np.quantile(inside[::5], 0.002, axis=0) + 0.1).astype(int)
    high = np.ceil(np.quantile(inside[::5], 0.998, axis=0) - 0.1).astype(int)
    if (high - low).min() < _MIN_PERIODS or (high - low).max() > _MAX_PERIODS:
        raise NoGridFound("the area with regular lines is too small or too large for a page")
    u = np.arange(low[0] - MARGIN_PERIODS, high[0] + MARGIN_PERIODS + 1)
    v = np.arange(low[1] - MARGIN_PERIODS, high[1] + MARGIN_PERIODS + 1)
    targets = np.stack(np.meshgrid(u, v), -1).reshape(-1, 2).astype(np.float64)
    rows, columns = fit.nodes.shape[:2]
    nodes_x, nodes_y = np.meshgrid(np.arange(columns) - 1, np.arange(rows) - 1)
    node_px = np.asarray(np.stack([nodes_x, nodes_y], -1) * fit.spacing, np.float64)
    node_periods = apply_homography(fit.matrix, node_px) + fit.nodes
    initial_px = apply_homography(np.asarray(np.linalg.inv(fit.matrix), np.float64), targets)
    position = lattice_position(node_periods, targets, initial_px[:, ::-1] / fit.spacing + 1)
    field_px = (position[:, ::-1] - 1) * fit.spacing
    field_px = np.where(np.isfinite(field_px), field_px, initial_px)
    inner = (targets >= low).all(1) & (targets <= high).all(1)
    return Mesh(
        pixels=(field_px * scale).astype(np.float32).reshape(v.size, u.size, 2),
        origin_mm=(-MARGIN_PERIODS * STEP_MM, -MARGIN_PERIODS * STEP_MM),
        residual_px=noise * period_px * scale,
        coverage=_fraction_inside(supported, field_px[inner]),
        nonplanarity=nonplanarity,
    )


def _fraction_inside(mask: NDArray[np.bool_], points: NDArray[np.float64]) -> float:
    """Return the fraction of the points (x, y) that are inside the mask."""
    j, i = np.floor(points).astype(int).T
    inside = (i >= 0) & (i < mask.shape[0]) & (j >= 0) & (j < mask.shape[1])
    return float(np.count_nonzero(mask[i[inside], j[inside]])) / len(points)
