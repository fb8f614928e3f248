"""The mesh follows the grid lines along the rows.

The mesh is a smooth surface through the major lines. Three kinds of displacement remain along the rows:
sheet-fed scanners transport the paper unevenly, bent paper deviates from the surface, and the surface follows
lines that the drawing program snapped to pixels. The displacement that all rows have in common comes from
both kinds of lines (module `snapping`). What the bands of rows have beyond it comes from the minor lines,
smoothed by a Wiener filter whose signal power is that of the page itself.
"""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.geometry.grid_lines.major_lines import major_line_shifts
from ecgdigit_rt.geometry.grid_lines.minor_lines import BLOCK_MM, MinorLines, minor_line_shifts, minor_lines
from ecgdigit_rt.geometry.grid_lines.profiles import BAND_MM, Box, band_profiles
from ecgdigit_rt.geometry.grid_lines.shifts import NO_SHIFTS, Shifts
from ecgdigit_rt.geometry.grid_lines.snapping import displacement, line_evidence
from ecgdigit_rt.geometry.mesh import STEP_MM, Mesh
from ecgdigit_rt.geometry.mesh_fit import MARGIN_PERIODS

Values = NDArray[np.float64]

_MIN_LENGTH_MM = 150.0
_MIN_MAJOR, _MIN_MINOR = 25, 18  # minimum numbers of clear shifts
_MAX_DISAGREEMENT_MM = 0.06
"""Median difference between the shifts of both kinds of lines above which the minor ones are those of
something else. Moiré on photos of screens reaches 0.1 mm. Major lines at whole pixels of 150 dpi differ by
0.04 mm."""
_MIN_CLEAR_ALONE = 0.8  # minimum fraction of clear shifts of minor lines on paper without major ones
_NATIVE_RESULTANT = 0.9
"""Concentration of the line positions within a pixel (length of the mean of unit vectors) above which the
image itself is the drawing, and the paper cannot be displaced. Measured: at least 0.96 on drawings, at most
0.22 on scans and photos."""
_MIN_COMMON_MM = 0.01  # standard deviation of the common displacement below which the paper is flat
_MIN_BANDS_MM = 0.009  # the same for the differences between the bands
_MIN_CLEAR_BANDS, _MIN_CLEAR_TILT = 0.85, 0.75
"""Minimum fractions of clear shifts for which each band has its own displacement, and for which the lines may
tilt. Measured: at least 0.9 on most pages, 0.7 on a photo of a screen with moiré, where the bands are
wrong."""
_END_BLOCKS = 8  # number of blocks at both ends that do not count for the differences

_TRUSTED_MM = 0.06  # maximum standard deviation of a shift of a band
_OUTLIER_MM = 0.06  # maximum difference of a shift from the median around it
_MIN_ISLAND, _MAX_HOLE = 5, 3  # minimum number of shifts without a gap of more than three blocks
_MAX_RESIDUAL_MM = 0.10  # maximum deviation of a shift from the smoothed ones
_SNAP_MM, _WIENER = 0.008, 1.5
"""Standard deviation of the snapping within a window, and factor of the noise in the Wiener filter."""
_POOL = 1.5  # standard deviation, in coefficients, over which the power of the shifts is averaged


def follow_grid_lines(mesh: Mesh, image: NDArray[np.uint8]) -> Mesh:
    """Return the mesh, displaced along the rows so that the grid lines are where they are on paper.

    `image` is the upright image that the mesh belongs to, (height, width, 3) uint8 RGB. Returns `mesh` itself
    if too few lines are visible, if they agree with it, or if the image is the drawing itself.
    """
    margin = MARGIN_PERIODS * STEP_MM
    u0, v0, u1, v1 = mesh.extent_mm
    box = u0 + margin, v0 + margin, u1 - margin, v1 - margin
    if box[2] - box[0] < _MIN_LENGTH_MM or box[3] - box[1] < BAND_MM:
        return mesh
    profiles = band_profiles(mesh, image, box)
    major = major_line_shifts(profiles)
    if _is_drawing(mesh, major, (box[1] + box[3]) / 2):
        return mesh
    lines = minor_lines(profiles)
    minor = minor_line_shifts(lines)
    if len(major) < _MIN_MAJOR:
        major = NO_SHIFTS
    if not _is_reliable(minor, major):
        minor = NO_SHIFTS
    if not len(major) + len(minor):
        return mesh
    across = None if len(minor) else line_evidence(_major_lines_across(mesh, image, box))
    common = displacement(major, minor, across).at(lines.u_mm)[None]
    differences = _band_differences(lines, common) if len(minor) else None
    if differences is None and common.std() < _MIN_COMMON_MM:
        return mesh
    shifts = np.repeat(common, lines.values.shape[1], axis=0)
    return _displaced(mesh, shifts if differences is None else shifts + differences, box)


def _is_reliable(minor: Shifts, major: Shifts) -> bool:
    """Return whether the shifts of the minor lines are those of lines: they agree with the major lines.

    Without major lines, they must be clear over most of a long stretch of paper.
    """
    if len(minor) < _MIN_MINOR:
        return False
    if len(major):
        difference = minor.mm - np.interp(minor.at_mm, major.at_mm, major.mm)
        return float(np.median(np.abs(difference - np.median(difference)))) < _MAX_DISAGREEMENT_MM
    length = float(minor.at_mm[-1] - minor.at_mm[0])
    return length > _MIN_LENGTH_MM and len(minor) > _MIN_CLEAR_ALONE * length / (2 * BLOCK_MM)


def _major_lines_across(mesh: Mesh, image: NDArray[np.uint8], box: Box) -> Shifts:
    """Return the shifts of the major lines in the direction across the rows."""
    pixels = np.ascontiguousarray(mesh.pixels.transpose(1, 0, 2))
    transposed = dataclasses.replace(mesh, pixels=pixels, origin_mm=mesh.origin_mm[::-1])
    return major_line_shifts(band_profiles(transposed, image, (box[1], box[0], box[3], box[2])))


def _is_drawing(mesh: Mesh, major: Shifts, v_mm: float) -> bool:
    """Return whether the major lines are at whole pixels of this very image."""
    if len(major) < _MIN_MAJOR:
        return False
    x, _ = mesh.pixels_from_mm(major.at_mm + major.mm, v_mm)
    return bool(np.abs(np.exp(2j * np.pi * x).mean()) > _NATIVE_RESULTANT)


def _band_differences(lines: MinorLines, common: Values) -> Values | None:
    """Return the shifts (bands, blocks) of each band beyond the common ones, or None if there are none."""
    start = np.repeat(common, lines.values.shape[1], axis=0)
    estimates, information = lines.estimate(lines.common.phases(common), start)
    residuals = estimates - start
    information = _trusted(residuals, information)
    seen = np.flatnonzero((information > 0).any(0))
    if not seen.size:
        return None
    first, last = int(seen[0]), int(seen[-1])
    clear = float((information[:, first : last + 1] > 1 / _TRUSTED_MM**2).mean())
    if clear < _MIN_CLEAR_TILT:
        return None
    differences = _held(_smoothed(residuals, information), first, last)
    if clear < _MIN_CLEAR_BANDS:
        differences = _tilt(differences)
    inner = differences[:, first + _END_BLOCKS : last + 1 - _END_BLOCKS]
    if not inner.size or (inner - inner.mean(0)).std() < _MIN_BANDS_MM:
        return None
    return differences


def _tilt(differences: Values) -> Values:
    """Return the part of the differences (bands, blocks) that is linear across the bands."""
    across = np.arange(len(differences)) - (len(differences) - 1) / 2
    return np.asarray(across[:, None] * (across @ differences) / max(float(across @ across), 1e-9))


def _trusted(shifts: Values, information: Values) -> Values:
    """Return the information of shifts (bands, blocks), reduced or zero where they are not trustworthy.

    Outliers, isolated shifts, and everything beyond the first and the last group of shifts are left out.
    """
    found = np.zeros_like(information)
    for shift, own, out in zip(shifts, information, found, strict=True):
        clear = own > 1 / _TRUSTED_MM**2
        index = np.flatnonzero(clear)
        if index.size < 2 * _MIN_ISLAND:
            continue
        near = np.lib.stride_tricks.sliding_window_view(np.pad(shift[index], 4, mode="edge"), 9)
        is_outlier = np.abs(shift[index] - np.median(near, axis=1)) > _OUTLIER_MM
        kept = index[~is_outlier]
        groups = np.split(kept, np.flatnonzero(np.diff(kept) > _MAX_HOLE) + 1)
        large = [group for group in groups if group.size >= _MIN_ISLAND]
        if not large:
            continue
        inside = slice(large[0][0], large[-1][-1] + 1)
        out[inside] = np.where(clear[inside], own[inside], 0.1 * own[inside])
        out[index[is_outlier]] = 0
    return found


def _held(shifts: Values, first: int, last: int) -> Values:
    """Return shifts with constant values beyond a range of blocks."""
    index = np.clip(np.arange(shifts.shape[1]), first, last)
    return shifts[:, index]


def _smoothed(shifts: Values, information: Values) -> Values:
    """Smooth shifts (bands, blocks), and again without those that deviate from the first result."""
    smooth = _wiener(shifts, information)
    kept = np.where(np.abs(shifts - smooth) > _MAX_RESIDUAL_MM, 0.01 * information, information)
    return _wiener(shifts, kept)


def _wiener(shifts: Values, information: Values) -> Values:
    """Return the shifts with the power that exceeds the noise. Missing shifts are interpolated first."""
    weight, product = (_blurred(values, 0.7, 2.0) for values in (information, information * shifts))
    around = product / np.maximum(weight, 1e-12)
    own = information / (information + 0.2 * np.median(information[information > 0]))
    filled = own * shifts + (1 - own) * around
    seen = np.flatnonzero(information.any(0))
    filled = _held(filled, int(seen[0]), int(seen[-1]))
    filled = filled - np.average(filled, weights=information)
    rows, columns = (_cosines(count) for count in shifts.shape)
    coefficients = rows @ filled @ columns.T
    power = _blurred(coefficients**2, 1.0, _POOL)
    noise = 1 / float(information.mean()) + _SNAP_MM**2
    gain = np.maximum(0, 1 - _WIENER * noise / np.maximum(power, 1e-12))
    return np.asarray(rows.T @ (coefficients * gain) @ columns)


def _blurred(values: Values, across: float, along: float) -> Values:
    """Blur values (bands, blocks) by Gaussians with these standard deviations."""
    size = (2 * int(np.ceil(4 * along)) + 1, 2 * int(np.ceil(4 * across)) + 1)
    return np.asarray(
        cv2.GaussianBlur(values, size, sigmaX=along, sigmaY=across, borderType=cv2.BORDER_REPLICATE)
    )


def _cosines(count: int) -> Values:
    """Return the orthonormal discrete cosine transform (DCT-II) as a matrix (count, count)."""
    index = np.arange(count)
    matrix = np.cos(np.pi / count * np.outer(index, index + 0.5)) * np.sqrt(2 / count)
    matrix[0] /= np.sqrt(2)
    return np.asarray(matrix)


def _displaced(mesh: Mesh, shifts: Values, box: Box) -> Mesh:
    """Return the mesh with nodes every `BLOCK_MM`, displaced along the rows by shifts (bands, blocks)."""
    u0, v0, u1, v1 = mesh.extent_mm
    u, v = (np.arange(first, last + 1e-6, BLOCK_MM) for first, last in ((u0, u1), (v0, v1)))
    column = (u - box[0]) / BLOCK_MM - 0.5
    row = (v - box[1]) / BAND_MM - 0.5
    grid_x, grid_y = np.meshgrid(np.clip(column, 0, shifts.shape[1] - 1), np.clip(row, 0, len(shifts) - 1))
    maps = grid_x.astype(np.float32), grid_y.astype(np.float32)
    moves = cv2.remap(shifts.astype(np.float32), *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    x, y = mesh.pixels_from_mm(u[None] + moves, v[:, None])
    return dataclasses.replace(mesh, pixels=np.stack([x, y], -1).astype(np.float32), step_mm=BLOCK_MM)
