"""Positions of the major grid lines, 5 mm apart, along the rows.

Each line is compared with the mean of all lines (matched filter). The positions are accurate to a few
micrometres on clear paper, so that they even show to which pixels the program that drew the grid moved its
lines.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.geometry.grid_lines.profiles import PX_PER_MM, BandProfiles
from ecgdigit_rt.geometry.grid_lines.shifts import Shifts
from ecgdigit_rt.geometry.mesh import STEP_MM

Values = NDArray[np.float64]

_REACH_MM, _HALF_MM = 0.6, 1.0  # maximum shift of a line, and half width of the compared piece
_MEAN_MM = 5.0  # width of the surroundings from which the darkness is measured
_ITERATIONS = 4
_CORRELATED_SAMPLES = 4.0
"""Number of neighbouring samples that hold the same noise. The image has fewer pixels per mm than the
profile."""
_MIN_DARKNESS = 0.3  # minimum darkness of a line, as a fraction of the mean line
_MAX_STD_MM = 0.05  # maximum standard deviation of a shift that is used
_MAX_DEVIATION_MM = 0.25  # maximum difference of a shift from the median of the seven lines around it
_MAX_SPIKE_MM = (
    0.13  # maximum difference from both neighbours. Lines at whole pixels of 100 dpi do not reach it.
)


def major_line_shifts(profiles: BandProfiles) -> Shifts:
    """Return the shifts of all clear major lines from their positions in the mesh, multiples of 5 mm."""
    lines = _lines_mm(profiles)
    found, variance = (values[0] for values in _measured(profiles.common[None], profiles, lines))
    before, after = found - np.roll(found, 1), found - np.roll(found, -1)
    is_spike = (before * after > 0) & (np.minimum(np.abs(before), np.abs(after)) > _MAX_SPIKE_MM)
    near = np.lib.stride_tricks.sliding_window_view(np.pad(found, 3, mode="edge"), 7)
    is_far = np.abs(found - np.median(near, axis=1)) > _MAX_DEVIATION_MM
    return Shifts(lines, found, variance).where(np.isfinite(variance) & ~is_spike & ~is_far)


def band_line_shifts(profiles: BandProfiles, common: Shifts) -> tuple[Values, Values]:
    """Return the shifts of the major lines of each band beyond the common ones, and their variances.

    Both are (bands, lines), for the lines of `common`. Unclear lines have an infinite variance.
    """
    shifts, variance = _measured(profiles.grey, profiles, common.at_mm)
    differences = shifts - common.mm
    variance[np.abs(differences) > _MAX_DEVIATION_MM] = np.inf
    return differences, variance


def _lines_mm(profiles: BandProfiles) -> Values:
    """Return the positions of the major lines in the mesh (lines,) whose surroundings are in the profiles."""
    room = _HALF_MM + _REACH_MM + 1 / PX_PER_MM
    first, last = profiles.box[0] + room, profiles.box[2] - room
    return np.asarray(np.arange(np.ceil(first / STEP_MM), np.floor(last / STEP_MM) + 1) * STEP_MM)


def _measured(grey: Values, profiles: BandProfiles, lines_mm: Values) -> tuple[Values, Values]:
    """Return shifts in mm and their variances, (profiles, lines). Unclear lines have an infinite variance.

    `grey` is (profiles, samples) and has the positions of `profiles`.
    """
    half, reach = round(_HALF_MM * PX_PER_MM), round(_REACH_MM * PX_PER_MM)
    size = round(_MEAN_MM * PX_PER_MM) | 1, 1
    darkness = cv2.blur(grey, size, borderType=cv2.BORDER_REPLICATE) - grey
    offsets = np.arange(-half - reach, half + reach + 1) / PX_PER_MM
    at = (lines_mm[:, None] + offsets - profiles.u_mm[0]) * PX_PER_MM
    index = np.clip(np.floor(at).astype(int), 0, grey.shape[1] - 2)
    part = at - index
    pieces = (1 - part) * darkness[:, index] + part * darkness[:, index + 1]
    found, information, relative = _matched(pieces.reshape(-1, offsets.size), half)
    is_clear = (information > 1 / _MAX_STD_MM**2) & (relative > _MIN_DARKNESS)
    variance = np.where(is_clear, 1 / np.maximum(information, 1e-9), np.inf)
    shape = len(grey), lines_mm.size
    return found.reshape(shape), variance.reshape(shape)


def _matched(pieces: Values, half: int) -> tuple[Values, Values, Values]:
    """Return the shifts of lines in mm, their information in 1/mm², and their relative darkness.

    `pieces` (lines, samples) contains the darkness around each line, wider than the mean line by the reach on
    both sides. The information is the inverse of the variance of a shift (Cramér-Rao bound): the energy of
    the line's slope divided by the power of what the mean line does not explain.
    """
    count, width = pieces.shape[0], 2 * half + 1
    reach = pieces.shape[1] // 2 - half
    windows = np.lib.stride_tricks.sliding_window_view(pieces, width, axis=1)  # (lines, lags, samples)
    windows = windows - windows.mean(2, keepdims=True)
    shifts, weights = np.zeros(count), np.ones(count)
    for iteration in range(_ITERATIONS):
        aligned = _shifted(windows, shifts * PX_PER_MM + reach)
        mean = np.median(aligned, axis=0) if iteration == 0 else np.average(aligned, axis=0, weights=weights)
        scores = windows @ mean
        best = np.clip(scores.argmax(1), 1, 2 * reach - 1)
        before, at, after = (scores[np.arange(count), best + k] for k in (-1, 0, 1))
        curvature = np.minimum(before - 2 * at + after, -1e-9)
        vertex = np.clip(0.5 * (before - after) / curvature, -0.5, 0.5)
        shifts = (best + vertex - reach) / PX_PER_MM
        aligned = _shifted(windows, shifts * PX_PER_MM + reach)
        darkness = aligned @ mean / max(float(mean @ mean), 1e-9)
        weights = np.clip(darkness, 1e-3, 1.5)
    noise = np.square(aligned - darkness[:, None] * mean).mean(1)
    slope = np.gradient(mean, 1 / PX_PER_MM)
    power = np.maximum(np.maximum(noise, np.median(noise)), 1e-6) * _CORRELATED_SAMPLES
    return shifts, np.maximum(darkness, 1e-6) ** 2 * float(slope @ slope) / power, darkness


def _shifted(windows: Values, position: Values) -> Values:
    """Return the windows (lines, samples) at fractional lags, by linear interpolation between two lags."""
    lag = np.clip(np.floor(position).astype(int), 0, windows.shape[1] - 2)
    part = (position - lag)[:, None]
    index = np.arange(len(windows))
    return np.asarray((1 - part) * windows[index, lag] + part * windows[index, lag + 1])
