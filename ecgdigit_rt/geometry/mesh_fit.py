"""From the grid's phase fields to the mesh.

Both counts of periods are fitted over the image, where the samples lie on a regular grid and their
noise is in the value alone: a homography for the perspective, a spline surface for what the paper's
bends add. The mesh is the inverse of that map at whole periods.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_kernels.banded import solve_banded
from ecgdigit_kernels.spline_lattice import lattice_grid, lattice_position
from ecgdigit_kernels.surface import add_roughness, lattice_shape, normal_equations, second_differences
from ecgdigit_rt.errors import NoGridFound
from ecgdigit_rt.geometry.homography import apply_homography, fit_homography
from ecgdigit_rt.geometry.mesh import STEP_MM, Mesh
from ecgdigit_rt.geometry.phase import PhaseField, periods, phase_field
from ecgdigit_rt.geometry.planarity import LEAST_NOISE, field_centres, flat_sheet, nearest_miss

__all__ = ["Mesh", "mesh_from_phase"]

MARGIN = 4  # periods of mesh beyond the grid that was seen, for strips near its edge
_LEAST_PIXELS = 50  # folded ones, as all pixels here: two by two of the fields
_LEAST_PERIODS = 4.0
_MOST_NODES = 300  # per side
_COARSE, _FINE = 2.0, 1.5  # periods between the nodes of the first surfaces and of the last
_COARSE_LEAST, _FINE_LEAST = 6.0, 3.0  # pixels
_CURVATURE = 0.00033  # periods: usual second difference of a bent page over one period
_FREE_CURVATURE = 0.02
_CREASE = 1.5  # times the usual curvature, from which bending is taken for a crease
_COARSE_ROUNDS, _FINE_ROUNDS = 2, 6
_SETTLED = 0.02  # mean change of the relief that is not worth another round
_CORRELATED = 1.0  # pixels that share one error
_MOST_NOISE = 0.06  # periods: beyond, the phases are made up
_OUTLIER = 4.7  # standard deviations
_RIDGE = 1e-6
_LEAST_AGREEMENT = 0.6
_LARGEST_SLOPE = 0.2  # by which bends and creases may change the local period
_ENOUGH = 1000  # pixels for the perspective


@dataclass(frozen=True, slots=True)
class _Fit:
    """Periods = homography + surface, over pixels. surface: (rows, columns, 2) nodes."""

    matrix: NDArray[np.float64]
    surface: NDArray[np.float64]
    spacing: float


def mesh_from_phase(
    a: NDArray[np.complex64], b: NDArray[np.complex64], scale: float, most_bend: float = 1.0
) -> Mesh:
    """The mesh that the phase fields show: a plane where the page bends no more than `most_bend`.

    a, b: complex64 (h, w), rho * exp(2 pi i u / 5 mm) and the same for v; rho 0 to 1 is confidence.
    scale: original pixels per field pixel; field pixel (i, j)'s centre lies at
    ((j + 0.5) * scale, (i + 0.5) * scale). u grows to the right and v down, within 45 degrees.
    Origin: whole periods, near the top left of the grid seen. Raises NoGridFound.
    """
    if a.shape != b.shape or a.ndim != 2 or min(a.shape) < 16:
        raise NoGridFound("the image is too small")
    fields = (phase_field(a, "right"), phase_field(b, "down"))
    if fields[0] is None or fields[1] is None:
        raise NoGridFound("no regular lines in both directions")
    pair = (fields[0], fields[1])
    counts = np.stack([periods(pair[0]), periods(pair[1])], -1)
    matrix = _perspective(counts, pair)
    shape = counts.shape[:2]
    flat = apply_homography(matrix, field_centres(shape))
    period_px = min(field.period_px for field in pair)
    weight = np.stack([_usable(pair[k], flat[..., k]) for k in range(2)], -1)
    sheet = flat_sheet(matrix, np.stack([field.turns for field in pair], -1), weight, period_px)
    bend = np.inf if sheet is None else sheet.bend
    if sheet is not None and bend <= most_bend:
        spacing = max(_COARSE * period_px, _COARSE_LEAST)
        plane = _Fit(sheet.matrix, np.zeros((*lattice_shape(shape[0], shape[1], spacing), 2)), spacing)
        return _mesh(plane, sheet.values, sheet.used, period_px, sheet.noise, scale, bend)
    known = np.isfinite(counts)
    bends = np.where(known, counts - flat, 0)
    first = np.where(known, weight, np.float32(0))
    spacing = max(_COARSE * period_px, _COARSE_LEAST)
    # The first surfaces only have to lead every pixel to its branch: they may bend freely.
    usual = _FREE_CURVATURE * (spacing / period_px) ** 2
    strength = _strength(0.05, usual)
    fit = _Fit(matrix, _fitted(bends, first, spacing, strength, usual), spacing)
    # Regions joined by a wrong whole number stand out now; they lose their weight.
    miss = bends - _bends(fit, shape)
    first *= (1 / (1 + (miss / 0.2) ** 2) ** 2).astype(np.float32)
    fit = _Fit(matrix, _fitted(bends, first, spacing, strength, usual), spacing)
    fine = max(_FINE * period_px, _FINE_LEAST)
    for cell, rounds in ((spacing, _COARSE_ROUNDS), (fine, _FINE_ROUNDS)):
        fit, noise, used = _refined(fit, flat, pair, weight, cell, period_px, rounds)
    if noise > _MOST_NOISE:
        raise NoGridFound("what looks like lines does not agree")
    return _mesh(fit, flat + _bends(fit, shape), used, period_px, noise, scale, bend)


def _strength(noise: float, usual: float) -> float:
    """Weight of the roughness: noise against the paper's usual second difference (periods)."""
    return _CORRELATED * (max(noise, LEAST_NOISE) / usual) ** 2


def _perspective(counts: NDArray[np.float32], pair: tuple[PhaseField, PhaseField]) -> NDArray[np.float64]:
    both = np.isfinite(counts).all(-1)
    i, j = np.nonzero(both)
    if i.size < _LEAST_PIXELS:
        raise NoGridFound("too little of the grid is clear")
    pick = np.linspace(0, i.size - 1, min(i.size, _ENOUGH)).astype(np.intp)
    i, j = i[pick], j[pick]
    target = counts[i, j].astype(np.float64)
    if np.ptp(target, axis=0).min() < _LEAST_PERIODS:
        raise NoGridFound("too little of the grid is clear")
    weight = np.minimum(pair[0].rho[i, j], pair[1].rho[i, j]).astype(np.float64) ** 2
    return fit_homography(np.stack([j + 0.5, i + 0.5], 1), target, weight + 1e-6)


def _usable(field: PhaseField, flat: NDArray[np.float64]) -> NDArray[np.float32]:
    """rho squared where the local period and direction are those of the page, else 0."""
    down, along = np.gradient(flat.astype(np.float32))
    miss = np.hypot(field.along - along, field.down - down)
    fits = (field.level > 0) & (miss < _LARGEST_SLOPE * np.hypot(along, down))
    return np.where(fits, field.rho**2, 0).astype(np.float32)


def _fitted(
    value: NDArray[np.floating],
    weight: NDArray[np.float32],
    spacing: float,
    strength: float,
    usual: float,
    rounds: int = 1,
) -> NDArray[np.float64]:
    """Surface nodes (rows, columns, 2) for both counts. usual: a sheet's ordinary second difference.

    Paper is smooth but for its creases. So where both surfaces together bend much more than is usual,
    bending there costs less in the next of `rounds`: Cauchy's prior on curvature instead of Gauss's.
    Rounds end early where that changes little, as on flat pages.
    """
    h, w = value.shape[:2]
    turned = h > w  # the band is as wide as the lattice's first side: make that the shorter one
    fields = [(value[..., k], weight[..., k]) for k in range(2)]
    if turned:
        fields = [(one.T, weights.T) for one, weights in fields]
    rows, columns = lattice_shape(fields[0][0].shape[0], fields[0][0].shape[1], spacing)
    systems = [normal_equations(weights, one.astype(np.float32), spacing) for one, weights in fields]
    relief = np.ones((3, columns, rows))
    for _ in range(rounds):
        nodes: list[NDArray[np.float64]] = []
        for band, side in systems:
            stiff = band.copy()
            add_roughness(stiff, rows, strength, _RIDGE, relief)
            nodes.append(solve_banded(stiff, side).reshape(columns, rows))
        out = np.stack(nodes, -1)
        last, relief = relief, _relief(out, usual)
        if np.abs(relief - last).mean() < _SETTLED:
            break
    return np.ascontiguousarray(out if turned else out.transpose(1, 0, 2))


def _relief(nodes: NDArray[np.float64], usual: float) -> NDArray[np.float64]:
    """By how much bending is cheaper, (3, columns, rows), 1 where nodes (columns, rows, 2) hardly bend."""
    bent = sum(second_differences(nodes[..., k]) ** 2 for k in range(2))
    bent = np.stack([cv2.blur(one, (3, 3)) for one in np.asarray(bent)])
    return np.asarray(1 / (1 + bent / (_CREASE * usual) ** 2))


def _bends(fit: _Fit, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """The surface's part of the periods at field pixel centres, (h, w, 2)."""
    start, step = 0.5 / fit.spacing + 1, 1 / fit.spacing
    return np.stack(lattice_grid(fit.surface, (start, step, shape[0]), (start, step, shape[1])), -1)


def _refined(
    fit: _Fit,
    flat: NDArray[np.float64],
    pair: tuple[PhaseField, PhaseField],
    weight: NDArray[np.float32],
    spacing: float,
    period_px: float,
    rounds: int,
) -> tuple[_Fit, float, NDArray[np.float32]]:
    """One more fit: every pixel's phase on the branch nearest to the last one, outliers left out.

    Returns the fit, the noise (periods) it met and the weights it used.
    """
    turns = np.stack([field.turns for field in pair], -1)
    bends = _bends(fit, turns.shape)
    miss = nearest_miss(turns, flat + bends)
    seen = weight > 0.02
    if np.count_nonzero(seen) < _LEAST_PIXELS:
        raise NoGridFound("too little of the grid is clear")
    noise = max(1.4826 * float(np.median(np.abs(miss[seen][::5]))), LEAST_NOISE)
    tukey = np.maximum(1 - (miss / (_OUTLIER * noise)) ** 2, 0) ** 2
    used = (weight * tukey).astype(np.float32)
    # Lines of another slope agree in stripes, one per period; a place counts if most around do.
    box = (2 * int(period_px) + 1,) * 2
    agreeing = cv2.blur(((tukey > 0) & seen).astype(np.float32), box)
    used[agreeing < _LEAST_AGREEMENT * cv2.blur(seen.astype(np.float32), box)] = 0
    usual = _CURVATURE * (spacing / period_px) ** 2
    surface = _fitted(bends + miss, used, spacing, _strength(noise, usual), usual, rounds)
    return _Fit(fit.matrix, surface, spacing), noise, used


def _mesh(
    fit: _Fit,
    values: NDArray[np.float64],
    used: NDArray[np.float32],
    period_px: float,
    noise: float,
    scale: float,
    bend: float,
) -> Mesh:
    """Invert the fit at whole periods.

    values: (h, w, 2), the fitted periods. used: (h, w, 2), the weights of the pixels. noise: of the phase,
    in periods of `period_px`. scale: original pixels per field pixel, of which two are one here.
    """
    scale *= 2
    support = cv2.blur(used.min(-1), (2 * int(period_px / 2) + 1,) * 2)
    supported = support > 0.25 * float(np.quantile(support[::4, ::4], 0.9))
    seen = values[supported]
    if len(seen) < _LEAST_PIXELS:
        raise NoGridFound("too little of the grid is clear")
    low = np.floor(np.quantile(seen[::5], 0.002, axis=0) + 0.1).astype(int)
    high = np.ceil(np.quantile(seen[::5], 0.998, axis=0) - 0.1).astype(int)
    if (high - low).min() < _LEAST_PERIODS or (high - low).max() > _MOST_NODES:
        raise NoGridFound("what looks like a grid is no page")
    u = np.arange(low[0] - MARGIN, high[0] + MARGIN + 1)
    v = np.arange(low[1] - MARGIN, high[1] + MARGIN + 1)
    targets = np.stack(np.meshgrid(u, v), -1).reshape(-1, 2).astype(np.float64)
    rows, columns = fit.surface.shape[:2]
    nodes_x, nodes_y = np.meshgrid(np.arange(columns) - 1, np.arange(rows) - 1)
    places = np.asarray(np.stack([nodes_x, nodes_y], -1) * fit.spacing, np.float64)
    full = apply_homography(fit.matrix, places) + fit.surface
    straight = apply_homography(np.asarray(np.linalg.inv(fit.matrix), np.float64), targets)
    found = lattice_position(full, targets, straight[:, ::-1] / fit.spacing + 1)
    field_xy = (found[:, ::-1] - 1) * fit.spacing
    field_xy = np.where(np.isfinite(field_xy), field_xy, straight)
    inner = (targets >= low).all(1) & (targets <= high).all(1)
    return Mesh(
        pixels=(field_xy * scale).astype(np.float32).reshape(v.size, u.size, 2),
        origin_mm=(-MARGIN * STEP_MM, -MARGIN * STEP_MM),
        residual_px=noise * period_px * scale,
        coverage=_share_inside(supported, field_xy[inner]),
        bend=bend,
    )


def _share_inside(mask: NDArray[np.bool_], points: NDArray[np.float64]) -> float:
    j, i = np.floor(points).astype(int).T
    inside = (i >= 0) & (i < mask.shape[0]) & (j >= 0) & (j < mask.shape[1])
    return float(np.count_nonzero(mask[i[inside], j[inside]])) / len(points)
