"""Mesh of the grid by demodulation, instead of the grid stage.

The image of the grid lines is multiplied by a complex carrier at the frequency of the grid and averaged over
about one period. The result gives the local phase of the grid. The mesh is fitted to this phase in the same
way as to the phase that the grid stage predicts.

Near ink, the phase is wrong by some hundredths of a period, and the mesh follows these errors. To decide
whether a sheet is flat, the phase is averaged over several periods, which preserves bends and suppresses
these errors. The mesh of a flat sheet is replaced with a plane.
"""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_kernels.homography import fit_homography
from ecgdigit_rt.classical.grid_frequency import Wave, find_grid_frequencies
from ecgdigit_rt.errors import NoGridFound
from ecgdigit_rt.geometry.homography import apply_homography
from ecgdigit_rt.geometry.ink_mask import mask_near_ink
from ecgdigit_rt.geometry.locate_stage import grid_stage_view
from ecgdigit_rt.geometry.mesh import Mesh
from ecgdigit_rt.geometry.mesh_fit import MARGIN_PERIODS, mesh_from_phase

# Hand-picked, not tuned.
_CELL_PX = 4  # side of a cell of the phase
_INK_REACH_PX = 5  # distance from ink within which pixels are ignored
_MIN_VALID_SHARE = 0.5  # minimum fraction of pixels that remain if ink is ignored
_BACKGROUND_PX = 61  # side of the window over which the background is averaged
_MAX_CONTRAST = 2.0  # limit relative to strong lines, so that one dark line cannot outweigh many pale ones
_SIGMA_PERIODS = 0.8  # width of the Gaussian that separates the grid frequency from its harmonics
_FLAT_SIGMA_PERIODS = 2.5  # width of the Gaussian for the decision whether a sheet is flat
_ALREADY_FLAT_MM = 0.005  # maximum RMS distance from a plane at which the mesh is returned unchanged
_TYPICAL_QUANTILE = 0.7  # quantile of the strength that counts as a clear grid

_FLAT_MM = 0.2
"""Maximum root-mean-square distance of a flat sheet's nodes from a plane. Measured: at most 0.12 on flat
sheets, at least 0.4 on bent sheets."""


def grid_mesh(image: NDArray[np.uint8]) -> Mesh:
    """Return the mesh of the grid in an image (height, width, 3) uint8. It is a plane if the sheet is flat.

    Raises NoGridFound.
    """
    view, factor = grid_stage_view(image)
    lines, valid = _line_image(view)
    frequencies = find_grid_frequencies(lines)

    def mesh(sigma_periods: float) -> Mesh:
        sigma = sigma_periods * frequencies.period_px / _CELL_PX
        fields = [_phase(lines, valid, wave, sigma) for wave in (frequencies.u, frequencies.v)]
        return mesh_from_phase(fields[0], fields[1], factor * _CELL_PX)

    fine = mesh(_SIGMA_PERIODS)
    if is_planar(fine, _ALREADY_FLAT_MM):
        return fine
    try:
        is_flat = is_planar(mesh(_FLAT_SIGMA_PERIODS))
    except NoGridFound:  # bent by more than half a period within the Gaussian
        is_flat = False
    return planar_mesh(fine) if is_flat else fine


def is_planar(mesh: Mesh, max_distance_mm: float = _FLAT_MM) -> bool:
    """Return whether a homography fits the detected nodes within a root-mean-square distance."""
    inner = _inner_nodes(mesh)
    distance = (planar_mesh(mesh).pixels - mesh.pixels)[inner]
    middle = [(mesh.extent_mm[k] + mesh.extent_mm[k + 2]) / 2 for k in range(2)]
    px_per_mm = mesh.px_per_mm(middle[0], middle[1])[0]
    return bool(np.sqrt((distance**2).sum(-1).mean()) < max_distance_mm * px_per_mm)


def planar_mesh(mesh: Mesh) -> Mesh:
    """Return the mesh of the homography that best fits the detected nodes."""
    inner = _inner_nodes(mesh)
    rows, columns = mesh.pixels.shape[:2]
    nodes = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), -1).astype(np.float64)
    pixels = mesh.pixels[inner].reshape(-1, 2).astype(np.float64)
    # The fit is from pixels to nodes, because the constants of `fit_homography` assume targets in
    # periods.
    matrix = fit_homography(pixels, nodes[inner].reshape(-1, 2), np.ones(len(pixels)))
    inverse = np.asarray(np.linalg.inv(matrix), np.float64)
    return dataclasses.replace(mesh, pixels=apply_homography(inverse, nodes).astype(np.float32))


def _inner_nodes(mesh: Mesh) -> tuple[slice, slice]:
    """Return the slices of the detected nodes, without the margins that every mesh has around them."""
    rows, columns = mesh.pixels.shape[:2]
    return slice(MARGIN_PERIODS, rows - MARGIN_PERIODS), slice(MARGIN_PERIODS, columns - MARGIN_PERIODS)


def _line_image(view: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the grid lines (bright) without ink, and the mask of valid pixels (1 or 0), both (h, w).

    Coloured lines are dark in at least one channel, so the darkest channel shows lines of any colour.
    """
    valid = 1 - mask_near_ink(view, 1, _INK_REACH_PX).astype(np.float32)
    if valid.mean() < _MIN_VALID_SHARE:  # the dark pixels are the grid itself
        valid[:] = 1
    dark = 255 - view.min(2).astype(np.float32)
    box = (_BACKGROUND_PX, _BACKGROUND_PX)
    share = cv2.blur(valid, box)
    dark = (dark - cv2.blur(dark * valid, box) / np.maximum(share, 1e-3)) * valid
    limit = _MAX_CONTRAST * float(np.percentile(np.abs(dark[::3, ::3]), 90))
    return np.clip(dark, -limit, limit), valid


def _phase(
    lines: NDArray[np.float32], valid: NDArray[np.float32], wave: Wave, sigma: float
) -> NDArray[np.complex64]:
    """Return exp(2πi · number of periods) times the confidence, complex64 (rows, columns).

    Cells are `_CELL_PX` wide and high. `sigma` is the standard deviation of the averaging Gaussian, in cells.
    """
    height, width = (-(-side // _CELL_PX) for side in lines.shape)
    pad = (0, height * _CELL_PX - lines.shape[0], 0, width * _CELL_PX - lines.shape[1])
    angles = [2 * np.pi * wave[k] * (np.arange(lines.shape[1 - k]) + 0.5) for k in range(2)]
    carrier = np.exp(-1j * angles[1])[:, None] * np.exp(-1j * angles[0])[None, :]

    def average(field: NDArray[np.floating]) -> NDArray[np.float32]:
        padded = cv2.copyMakeBorder(field.astype(np.float32), *pad, cv2.BORDER_CONSTANT)
        cells = cv2.resize(padded, (width, height), interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.GaussianBlur(cells, (0, 0), sigma), np.float32)

    baseband = average(lines * carrier.real) + 1j * average(lines * carrier.imag)
    baseband /= np.maximum(average(valid), 0.1)
    x, y = (np.arange(count) * _CELL_PX + _CELL_PX / 2 for count in (width, height))
    remodulation = np.exp(2j * np.pi * wave[1] * y)[:, None] * np.exp(2j * np.pi * wave[0] * x)[None, :]
    strength = np.abs(baseband)
    typical = max(float(np.quantile(strength[::3, ::3], _TYPICAL_QUANTILE)), 1e-9)
    rho = np.minimum(strength / typical, 1) * np.minimum(average(valid), 1)
    return np.asarray(remodulation * baseband / np.maximum(strength, 1e-9) * rho, np.complex64)
