"""Correction of a mesh along the rows, so that it follows the minor lines of the paper, 1 mm apart.

The mesh follows the major lines, 5 mm apart. Three kinds of displacement remain along the rows. Sheet-fed
scanners transport the paper unevenly. Plotting libraries snap lines to whole pixels, but not the curve, so
that printed major lines stray by up to 2.5 ms with a period of 13 to 90 mm. Bent paper deviates from the
surface that was fitted to its major lines. The minor lines average the snapping out within 8 mm, because
there are five times as many.

The darkness along the rows is averaged over bands. The phases of its first harmonics at 1 cycle per mm
(complex demodulation) give the shift of the lines in each window, and the amplitudes between the harmonics
give the noise. The major lines are masked: their comb contains the same harmonics. The shifts of all bands
together, and then those of each band, are smoothed by a Wiener filter in the cosine domain, whose signal
power is that of the page itself. A page whose lines are too faint, or whose shifts are not larger than those
of flat pages, keeps its mesh.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.geometry.mesh import STEP_MM, Mesh
from ecgdigit_rt.geometry.mesh_fit import MARGIN_PERIODS
from ecgdigit_rt.geometry.strips import paper_patch

Values = NDArray[np.float64]
Complex = NDArray[np.complex128]

_PX_PER_MM = (12.0, 4.0)
"""Resolution along and across the rows. Three harmonics of lines 1 mm apart need 6 px/mm along the rows."""
_HARMONICS = (1, 2, 3)  # cycles per mm. Lines of 0.1 to 0.3 mm have hardly any more.
_NOISE_OFFSETS = (-0.41, -0.31, 0.31, 0.41)  # cycles per mm from a harmonic, between those of the major lines
_BLOCK_MM, _WINDOW_BLOCKS, _BAND_MM = 2.5, 5, 20.0
"""Distance between shifts, width of the window in blocks (12.5 mm), and height of a band."""
_MAJOR_MM = 0.6  # half width of the mask around each major line

_MAX_INK_CONTRAST, _MIN_PAPER_GREY = 70, 90
"""Darkness relative to the surroundings above which a pixel is ink, and grey level of the surroundings below
which it is ignored."""
_MIN_VISIBLE = 0.15  # minimum fraction of the rows of a band that are not ink
_MIN_STEP_MM = 0.012  # deviation of a shift that is assumed at least: the snapping of single lines
_COHERENCE = 0.6, 0.8  # coherence of the bands from which, and above which, the common shift counts in full
_TRUSTED_MM = 0.05  # maximum deviation of a shift that is trusted
_OUTLIER_MM = 0.06  # maximum difference of a trusted shift from the median around it
_MIN_ISLAND, _MAX_HOLE = 5, 3  # minimum number of trusted shifts without a gap of more than three blocks
_SNAP_MM, _WIENER = 0.008, 1.5
"""Deviation of the snapping that remains after averaging, and factor of the noise in the Wiener filter."""
_POOL = 1.5  # standard deviation, in coefficients, over which the power of the shifts is averaged
_MAX_RESIDUAL_MM = (0.15, 0.10)  # maximum residuals of the common shifts, and of those of the bands
_HARMONIC_REACH_MM = 0.15  # maximum difference between the shifts of higher harmonics and of the first one

_MIN_GOOD, _MIN_LENGTH_MM = 0.85, 150.0
"""Minimum fraction of trusted shifts, and minimum length over which they extend. Measured: at least 0.92 on
pages with visible minor lines, 0.8 on a page whose lines are hidden by mould, at most 0.12 on other pages."""
_MIN_GOOD_BANDS = (
    0.5  # the same fraction for the shifts of the bands. Measured: 0.6 and more, or 0.4 and less.
)
_MIN_COMMON_MM, _MIN_BANDS_MM = 0.012, 0.010
"""Standard deviations of the common shifts without their trend, and of the differences between the bands,
below which a page counts as flat. Measured: at most 0.011 and 0.004 on drawings and on photos of screens, at
least 0.020 and 0.006 on photos of prints, at least 0.008 and 0.013 on real sheets."""
_END_BLOCKS = 8  # number of blocks at both ends that do not count for these deviations


def follow_fine_lines(mesh: Mesh, image: NDArray[np.uint8]) -> Mesh:
    """Return the mesh, displaced along the rows so that the minor lines are 1 mm apart.

    `image` is the upright image that the mesh belongs to, (height, width, 3) uint8 RGB. Returns `mesh` itself
    if no minor lines are visible, or if they agree with it.
    """
    margin = MARGIN_PERIODS * STEP_MM
    u0, v0, u1, v1 = mesh.extent_mm
    box = u0 + margin, v0 + margin, u1 - margin, v1 - margin
    if box[2] - box[0] < _MIN_LENGTH_MM or box[3] - box[1] < _BAND_MM:
        return mesh
    shifts = _shifts(_harmonics(_band_profiles(mesh, image, box), box[0]))
    if shifts is None:
        return mesh
    return _displaced(mesh, shifts, box)


def _band_profiles(mesh: Mesh, image: NDArray[np.uint8], box: tuple[float, float, float, float]) -> Values:
    """Return the mean grey level of the paper in each band, (bands, samples). Ink is left out."""
    rows = round(_BAND_MM * _PX_PER_MM[1])
    bands = int((box[3] - box[1]) / _BAND_MM)
    size = int((box[2] - box[0]) * _PX_PER_MM[0]), bands * rows
    red, green, blue = cv2.split(paper_patch(image, mesh, box[:2], _PX_PER_MM, size, cv2.INTER_LINEAR))
    grey = cv2.min(cv2.min(red, green), blue)
    around = cv2.blur(grey, (31, 11))
    ink = (cv2.subtract(around, grey) > _MAX_INK_CONTRAST) | (around < _MIN_PAPER_GREY)
    paper = 1 - cv2.dilate(ink.astype(np.uint8), np.ones((3, 7), np.uint8))
    count, total = (
        np.concatenate(
            [cv2.reduce(band, 0, cv2.REDUCE_SUM, dtype=cv2.CV_32S) for band in np.split(part, bands)]
        )
        for part in (paper, grey * paper)
    )
    profiles = total / np.maximum(count, 1)
    at = np.arange(size[0])
    for profile, seen in zip(profiles, count >= _MIN_VISIBLE * rows, strict=True):
        profile[:] = np.interp(at, at[seen], profile[seen]) if seen.any() else 0.0
    return np.asarray(profiles, np.float64)


@dataclass(frozen=True, slots=True)
class _Harmonics:
    """Harmonics of the minor lines in each window, and the power of the noise: (harmonics, bands, blocks)."""

    values: Complex
    noise: Values

    @property
    def common(self) -> _Harmonics:
        """Return the harmonics of all bands together, as one band."""
        return _Harmonics(self.values.sum(1, keepdims=True), self.noise.sum(1, keepdims=True))

    def templates(self, shifts: Values) -> Values:
        """Return the phases (harmonics, 1, 1) of lines without a shift. `shifts` is (bands, blocks)."""
        orders = np.array(_HARMONICS)[:, None, None]
        total = self.values * np.abs(self.values) * np.exp(2j * np.pi * orders * shifts)
        return np.asarray(np.angle(total.sum((1, 2), keepdims=True)))

    def estimate(self, templates: Values, start: Values) -> tuple[Values, Values]:
        """Return the shifts in mm and their information in 1/mm², (bands, blocks), near the shifts `start`.

        The information is the inverse of the variance of a phase with this noise (Cramér-Rao bound).
        """
        orders = np.array(_HARMONICS)[:, None, None]
        noise = np.maximum(self.noise, np.median(self.noise, axis=(1, 2), keepdims=True))
        ratio = np.maximum(np.abs(self.values) ** 2 / np.maximum(noise, 1e-9) - 1, 0)
        turned = self.values * np.exp(1j * (2 * np.pi * orders * start - templates))
        found = np.angle(turned) / (-2 * np.pi * orders)
        weight = 2 * ratio * (2 * np.pi * orders) ** 2
        weight[1:] *= np.abs(found[1:]) < _HARMONIC_REACH_MM
        information = weight.sum(0)
        shifts = start + (weight * found).sum(0) / np.maximum(information, 1e-9)
        return shifts, np.minimum(information, 1 / _MIN_STEP_MM**2)


def _harmonics(profiles: Values, first_mm: float) -> _Harmonics:
    """Demodulate the profiles, without the major lines, which are at multiples of 5 mm."""
    bands, samples = profiles.shape
    u = first_mm + (np.arange(samples) + 0.5) / _PX_PER_MM[0]
    mask = (np.abs((u + STEP_MM / 2) % STEP_MM - STEP_MM / 2) >= _MAJOR_MM).astype(np.float64)[None]
    size = round(STEP_MM * _PX_PER_MM[0]) | 1, 1
    mean = cv2.blur(profiles * mask, size) / np.maximum(cv2.blur(mask, size), 1e-3)
    lines = (mean - profiles) * mask
    length = round(_BLOCK_MM * _PX_PER_MM[0])
    blocks = samples // length
    at = (np.arange(blocks * length) + 0.5) / _PX_PER_MM[0]
    window = np.hanning(_WINDOW_BLOCKS + 2)[None, 1:-1]
    window = window / window.sum()

    def demodulated(frequency: float) -> Complex:
        turned = lines[:, : at.size] * np.exp(-2j * np.pi * frequency * at)
        sums = turned.reshape(bands, blocks, length).sum(2)
        parts = [
            cv2.filter2D(part, -1, window, borderType=cv2.BORDER_CONSTANT) for part in (sums.real, sums.imag)
        ]
        return np.asarray(parts[0] + 1j * parts[1])

    values = np.stack([demodulated(order) for order in _HARMONICS])
    noise = np.stack(
        [
            np.mean([np.abs(demodulated(order + offset)) ** 2 for offset in _NOISE_OFFSETS], axis=0)
            for order in _HARMONICS
        ]
    )
    return _Harmonics(values, noise)


def _shifts(lines: _Harmonics) -> Values | None:
    """Return the significant shifts of the minor lines in mm, (bands, blocks), or None."""
    common = lines.common
    shifts = np.zeros(common.values.shape[1:])
    for _ in range(3):
        shifts, information = common.estimate(common.templates(shifts), shifts)
    coherence = np.abs(common.values[0]) / np.maximum(np.abs(lines.values[0]).sum(0, keepdims=True), 1e-9)
    low, high = _COHERENCE
    information = _trusted(shifts, information * np.clip((coherence - low) / (high - low), 0, 1))
    inside = np.flatnonzero(information[0] > 0)
    if not inside.size:
        return None
    first, last = int(inside[0]), int(inside[-1])
    shifts -= np.median(shifts[information > 1 / (2 * _TRUSTED_MM) ** 2])
    smooth = _held(_smoothed(shifts, information, _MAX_RESIDUAL_MM[0]), first, last)
    extent = min(1.0, (last - first) * _BLOCK_MM / _MIN_LENGTH_MM)
    if extent * float((information[:, first : last + 1] > 1 / _TRUSTED_MM**2).mean()) < _MIN_GOOD:
        return None
    start = np.repeat(smooth, lines.values.shape[1], axis=0)
    estimates, information = lines.estimate(common.templates(smooth), start)
    residuals = estimates - start
    information = _trusted(residuals, information)
    good = float((information[:, first : last + 1] > 1 / (1.2 * _TRUSTED_MM) ** 2).mean())
    differences = _held(_smoothed(residuals, information, _MAX_RESIDUAL_MM[1]), first, last)
    inner = slice(first + _END_BLOCKS, last + 1 - _END_BLOCKS)
    bands = differences[:, inner] - differences[:, inner].mean(0)
    is_flat = _without_trend(smooth[0, inner]).std() < _MIN_COMMON_MM and bands.std() < _MIN_BANDS_MM
    if is_flat:
        return None
    return np.asarray(start + differences if good > _MIN_GOOD_BANDS else start)


def _trusted(shifts: Values, information: Values) -> Values:
    """Return the information of shifts (bands, blocks), reduced or zero where they are not trustworthy.

    Outliers, isolated shifts, and everything beyond the first and the last group of shifts are left out.
    """
    found = np.zeros_like(information)
    for shift, own, out in zip(shifts, information, found, strict=True):
        index = np.flatnonzero(own > 1 / _TRUSTED_MM**2)
        if index.size < 2 * _MIN_ISLAND:
            continue
        near = np.lib.stride_tricks.sliding_window_view(np.pad(shift[index], 4, mode="edge"), 9)
        is_outlier = np.abs(shift[index] - np.median(near, axis=1)) > _OUTLIER_MM
        kept = index[~is_outlier]
        groups = np.split(kept, np.flatnonzero(np.diff(kept) > _MAX_HOLE) + 1)
        large = [group for group in groups if group.size >= _MIN_ISLAND]
        if not large:
            continue
        first, last = large[0][0], large[-1][-1] + 1
        out[first:last] = np.where(
            own[first:last] > 1 / _TRUSTED_MM**2, own[first:last], 0.1 * own[first:last]
        )
        out[index[is_outlier]] = 0
    return found


def _held(shifts: Values, first: int, last: int) -> Values:
    """Return shifts with constant values beyond a range of blocks."""
    index = np.clip(np.arange(shifts.shape[1]), first, last)
    return shifts[:, index]


def _without_trend(shifts: Values) -> Values:
    if shifts.size < 3:
        return np.zeros(1)
    at = np.arange(shifts.size)
    return np.asarray(shifts - np.polyval(np.polyfit(at, shifts, 1), at))


def _smoothed(shifts: Values, information: Values, max_residual_mm: float) -> Values:
    """Smooth shifts (bands, blocks), and again without those that deviate from the first result."""
    smooth = _wiener(shifts, information)
    kept = np.where(np.abs(shifts - smooth) > max_residual_mm, 0.01 * information, information)
    return _wiener(shifts, kept)


def _wiener(shifts: Values, information: Values) -> Values:
    """Return the shifts with the power that exceeds the noise. Missing shifts are interpolated first."""
    if not information.any():
        return np.zeros_like(shifts)
    across = 0.7 if len(shifts) > 1 else 0.0
    weight, product = (_blurred(values, across, 2.0) for values in (information, information * shifts))
    around = product / np.maximum(weight, 1e-12)
    own = information / (information + 0.2 * np.median(information[information > 0]))
    filled = own * shifts + (1 - own) * around
    seen = np.flatnonzero(information.any(0))
    filled = _held(filled, int(seen[0]), int(seen[-1]))
    filled = filled - np.average(filled, weights=information)
    rows, columns = (_cosines(count) for count in shifts.shape)
    coefficients = rows @ filled @ columns.T
    power = _blurred(coefficients**2, 1.0 if len(shifts) > 1 else 0.0, _POOL)
    noise = 1 / float(information.mean()) + _SNAP_MM**2
    gain = np.maximum(0, 1 - _WIENER * noise / np.maximum(power, 1e-12))
    return np.asarray(rows.T @ (coefficients * gain) @ columns)


def _blurred(values: Values, across: float, along: float) -> Values:
    """Blur values (bands, blocks) by Gaussians with these standard deviations."""
    size = (2 * int(np.ceil(4 * along)) + 1, 2 * int(np.ceil(4 * across)) + 1)
    return np.asarray(
        cv2.GaussianBlur(values, size, sigmaX=along, sigmaY=across or 1e-3, borderType=cv2.BORDER_REPLICATE)
    )


def _cosines(count: int) -> Values:
    """Return the orthonormal discrete cosine transform (DCT-II) as a matrix (count, count)."""
    index = np.arange(count)
    matrix = np.cos(np.pi / count * np.outer(index, index + 0.5)) * np.sqrt(2 / count)
    matrix[0] /= np.sqrt(2)
    return np.asarray(matrix)


def _displaced(mesh: Mesh, shifts: Values, box: tuple[float, float, float, float]) -> Mesh:
    """Return the mesh with nodes every `_BLOCK_MM`, displaced along the rows by shifts (bands, blocks)."""
    u0, v0, u1, v1 = mesh.extent_mm
    u, v = (np.arange(first, last + 1e-6, _BLOCK_MM) for first, last in ((u0, u1), (v0, v1)))
    column = (u - box[0]) / _BLOCK_MM - 0.5
    row = (v - box[1]) / _BAND_MM - 0.5
    grid_x, grid_y = np.meshgrid(np.clip(column, 0, shifts.shape[1] - 1), np.clip(row, 0, len(shifts) - 1))
    maps = grid_x.astype(np.float32), grid_y.astype(np.float32)
    moves = cv2.remap(shifts.astype(np.float32), *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    x, y = mesh.pixels_from_mm(u[None] + moves, v[:, None])
    return dataclasses.replace(mesh, pixels=np.stack([x, y], -1).astype(np.float32), step_mm=_BLOCK_MM)
