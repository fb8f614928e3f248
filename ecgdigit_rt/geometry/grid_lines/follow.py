"""The mesh follows the grid lines along the rows.

The mesh is a smooth surface through the major lines. Three kinds of displacement remain along the rows:
sheet-fed scanners transport the paper unevenly, bent paper deviates from the surface, and the surface follows
lines that the drawing program snapped to pixels. The displacement that all rows have in common comes from
both kinds of lines (module `snapping`). What the bands of rows have beyond it comes from the major lines
alone, smoothed by a Wiener filter whose signal power is that of the page itself.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.geometry.grid_lines.major_lines import band_line_shifts, major_line_shifts
from ecgdigit_rt.geometry.grid_lines.minor_lines import BLOCK_MM, minor_line_shifts
from ecgdigit_rt.geometry.grid_lines.profiles import (
    BAND_MM,
    BandProfiles,
    Box,
    band_profiles,
    darkest_channel,
)
from ecgdigit_rt.geometry.grid_lines.shifts import NO_SHIFTS, Shifts
from ecgdigit_rt.geometry.grid_lines.snapping import NODE_MM, Displacement, displacement, line_evidence
from ecgdigit_rt.geometry.mesh import STEP_MM, Mesh
from ecgdigit_rt.geometry.mesh_fit import MARGIN_PERIODS

Values = NDArray[np.float64]

_MIN_LENGTH_MM = 150.0
_MIN_MAJOR, _MIN_MINOR = 25, 18  # minimum numbers of clear shifts
_MAX_DIFFERENCE_MM, _MAX_MEDIAN_DIFFERENCE_MM = 0.1, 0.045
"""Maximum difference between the shifts of both kinds of lines, and maximum of its median. Moiré on photos of
screens has more. Major lines at whole pixels of 200 dpi differ by up to 0.064 mm, and by 0.032 mm in the
median."""
_MIN_CLEAR_ALONE = 0.8  # minimum fraction of clear shifts of minor lines on paper without major ones
_NATIVE_RESULTANT = 0.9
"""Concentration of the line positions within a pixel (length of the mean of unit vectors) above which the
image itself is the drawing, and the paper cannot be displaced. Measured: at least 0.96 on drawings, at most
0.22 on scans and photos."""
_MIN_COMMON_MM = 0.01  # standard deviation of the common displacement below which the paper is flat
_MIN_BANDS_MM = 0.004
"""The same for the differences between the bands. Measured: at most 0.003 on flat pages."""
_MIN_CLEAR_BANDS = 0.85  # minimum fraction of clear lines of the bands. Measured: at least 0.89 if visible.
_END_LINES = 4  # number of lines at both ends that do not count for the differences

_NOISE_MM = 0.006  # standard deviation of a shift that is assumed at least
_INK_QUANTILE, _PAPER_QUANTILE = 0.005, 0.95  # of the grey levels of an image
_OUTLIER_MM = 0.06  # maximum difference of a shift from the median of the seven lines around it
_MAX_RESIDUAL_MM = 0.10  # maximum deviation of a shift from the smoothed ones
_WIENER = 1.5  # factor of the noise in the Wiener filter
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
    grey = darkest_channel(image)
    profiles = band_profiles(mesh, grey, box)
    major = major_line_shifts(profiles)
    if _is_drawing(mesh, major, (box[1] + box[3]) / 2):
        return mesh
    if len(major) < _MIN_MAJOR:
        major = NO_SHIFTS
    minor = _reliable(minor_line_shifts(profiles), major)
    if not len(major) + len(minor):
        return mesh
    across = None if len(minor) else line_evidence(_major_lines_across(mesh, grey, box))
    common = displacement(major, minor, across)
    differences = None if _is_bilevel(grey) else _band_differences(profiles, major)
    if differences is None and common.mm.std() < _MIN_COMMON_MM:
        return mesh
    return _displaced(mesh, common, differences, box[1])


def _is_drawing(mesh: Mesh, major: Shifts, v_mm: float) -> bool:
    """Return whether the major lines are at whole pixels of this very image."""
    if len(major) < _MIN_MAJOR:
        return False
    x, _ = mesh.pixels_from_mm(major.at_mm + major.mm, v_mm)
    return bool(np.abs(np.exp(2j * np.pi * x).mean()) > _NATIVE_RESULTANT)


def _is_bilevel(grey: NDArray[np.uint8]) -> bool:
    """Return whether an image has hardly any grey between ink and paper, like scans in black and white.

    Their lines are at whole pixels of the scanner, which only the mean over all bands averages out.
    """
    height, width = grey.shape
    middle = grey[height // 4 : 3 * height // 4 : 2, width // 4 : 3 * width // 4 : 2]
    counts = np.cumsum(np.bincount(middle.ravel(), minlength=256)) / middle.size
    ink, paper = (int(np.searchsorted(counts, quantile)) for quantile in (_INK_QUANTILE, _PAPER_QUANTILE))
    dark, light = (counts[ink + round(part * (paper - ink))] for part in (0.25, 0.75))
    return bool(light - dark < dark)


def _reliable(minor: Shifts, major: Shifts) -> Shifts:
    """Return the shifts of the minor lines that agree with the major lines, or none if most do not.

    Without major lines, they must be clear over most of a long stretch of paper.
    """
    if len(minor) < _MIN_MINOR:
        return NO_SHIFTS
    if not len(major):
        length = float(minor.at_mm[-1] - minor.at_mm[0])
        is_clear = len(minor) > _MIN_CLEAR_ALONE * length / (2 * BLOCK_MM)
        return minor if is_clear and length > _MIN_LENGTH_MM else NO_SHIFTS
    differences = minor.mm - np.interp(minor.at_mm, major.at_mm, major.mm)
    differences = np.abs(differences - np.median(differences))
    if np.median(differences) > _MAX_MEDIAN_DIFFERENCE_MM:
        return NO_SHIFTS
    return minor.where(differences < _MAX_DIFFERENCE_MM)


def _major_lines_across(mesh: Mesh, grey: NDArray[np.uint8], box: Box) -> Shifts:
    """Return the shifts of the major lines in the direction across the rows."""
    pixels = np.ascontiguousarray(mesh.pixels.transpose(1, 0, 2))
    transposed = dataclasses.replace(mesh, pixels=pixels, origin_mm=mesh.origin_mm[::-1])
    return major_line_shifts(band_profiles(transposed, grey, (box[1], box[0], box[3], box[2])))


@dataclass(frozen=True, slots=True)
class _Differences:
    """Displacements of the bands beyond the common one: `mm` (bands, lines), from the line at `first_mm`."""

    mm: Values
    first_mm: float

    def at(self, u_mm: Values, bands: Values) -> Values:
        """Return the differences (bands, positions), where band 0 is the middle of the first one."""
        column = np.clip((u_mm - self.first_mm) / STEP_MM, 0, self.mm.shape[1] - 1)
        grids = np.meshgrid(column, np.clip(bands, 0, len(self.mm) - 1))
        maps = [grid.astype(np.float32) for grid in grids]
        return np.asarray(cv2.remap(self.mm, maps[0], maps[1], cv2.INTER_LINEAR))


def _band_differences(profiles: BandProfiles, major: Shifts) -> _Differences | None:
    """Return what the bands have beyond the common displacement, or None if the lines are unclear or equal.

    Snapping is the same in all bands and cancels.
    """
    if not len(major):
        return None
    shifts, variance = band_line_shifts(profiles, major)
    if np.isfinite(variance).mean() < _MIN_CLEAR_BANDS:
        return None
    first = float(major.at_mm[0])
    column = np.round((major.at_mm - first) / STEP_MM).astype(int)
    filled, information = (np.zeros((len(shifts), column[-1] + 1)) for _ in range(2))
    filled[:, column], information[:, column] = shifts, 1 / (variance + _NOISE_MM**2)
    near = np.lib.stride_tricks.sliding_window_view(np.pad(filled, ((0, 0), (3, 3)), mode="edge"), 7, axis=1)
    information[np.abs(filled - np.median(near, axis=2)) > _OUTLIER_MM] = 0
    differences = _smoothed(filled, information)
    inner = differences[:, _END_LINES:-_END_LINES]
    return _Differences(differences, first) if (inner - inner.mean(0)).std() > _MIN_BANDS_MM else None


def _smoothed(shifts: Values, information: Values) -> Values:
    """Smooth shifts (bands, lines), and again without those that deviate from the first result."""
    smooth = _wiener(shifts, information)
    kept = np.where(np.abs(shifts - smooth) > _MAX_RESIDUAL_MM, 0.01 * information, information)
    return _wiener(shifts, kept)


def _wiener(shifts: Values, information: Values) -> Values:
    """Return the shifts with the power that exceeds the noise. Missing shifts are interpolated first."""
    weight, product = (_blurred(values, 0.7, 2.0) for values in (information, information * shifts))
    around = product / np.maximum(weight, 1e-12)
    own = information / (information + 0.2 * np.median(information[information > 0]))
    filled = own * shifts + (1 - own) * around
    filled = filled - np.average(filled, weights=information)
    rows, columns = (_cosines(count) for count in shifts.shape)
    coefficients = rows @ filled @ columns.T
    power = _blurred(coefficients**2, 1.0, _POOL)
    noise = max(1 / float(information.mean()), _variance_of_neighbours(shifts, information))
    gain = np.maximum(0, 1 - _WIENER * noise / np.maximum(power, 1e-12))
    return np.asarray(rows.T @ (coefficients * gain) @ columns)


def _variance_of_neighbours(shifts: Values, information: Values) -> float:
    """Return the variance of the noise of shifts (bands, lines), from differences of neighbours."""
    both = np.minimum(information[:, 1:], information[:, :-1]) > 0
    if not both.any():
        return 0.0
    return float(np.median(np.abs(np.diff(shifts)[both])) / 0.6745) ** 2 / 2


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


def _displaced(mesh: Mesh, common: Displacement, bands: _Differences | None, first_v_mm: float) -> Mesh:
    """Return the mesh with more nodes, displaced along the rows. The bands begin at `first_v_mm`."""
    u0, v0, u1, v1 = mesh.extent_mm
    u, v = (np.arange(first, last + 1e-6, NODE_MM) for first, last in ((u0, u1), (v0, v1)))
    moves = np.repeat(common.at(u)[None], v.size, axis=0)
    if bands is not None:
        moves += bands.at(u, (v - first_v_mm) / BAND_MM - 0.5)
    x, y = mesh.pixels_from_mm(u[None] + moves, v[:, None])
    return dataclasses.replace(mesh, pixels=np.stack([x, y], -1).astype(np.float32), step_mm=NODE_MM)
