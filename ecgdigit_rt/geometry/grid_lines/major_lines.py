"""Positions of the major grid lines, 5 mm apart, along the rows.

Each line is compared with the mean of all lines (matched filter). The positions are accurate to a few
micrometres on clear paper, so that they even show to which pixels the program that drew the grid moved its
lines.
"""

from __future__ import annotations

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
    half, reach = round(_HALF_MM * PX_PER_MM), round(_REACH_MM * PX_PER_MM)
    room = (half + reach + 1) / PX_PER_MM
    first, last = profiles.box[0] + room, profiles.box[2] - room
    lines = np.arange(np.ceil(first / STEP_MM), np.floor(last / STEP_MM) + 1) * STEP_MM
    size = round(_MEAN_MM * PX_PER_MM) | 1
    grey = profiles.common
    around = np.convolve(np.pad(grey, size // 2, mode="edge"), np.full(size, 1 / size), mode="valid")
    offsets = np.arange(-half - reach, half + reach + 1) / PX_PER_MM
    pieces = np.interp(lines[:, None] + offsets, profiles.u_mm, around - grey)
    found, information, darkness = _matched(pieces, half)
    before, after = found - np.roll(found, 1), found - np.roll(found, -1)
    is_spike = (before * after > 0) & (np.minimum(np.abs(before), np.abs(after)) > _MAX_SPIKE_MM)
    near = np.lib.stride_tricks.sliding_window_view(np.pad(found, 3, mode="edge"), 7)
    clear = (
        (information > 1 / _MAX_STD_MM**2)
        & (darkness > _MIN_DARKNESS)
        & (np.abs(found - np.median(near, axis=1)) < _MAX_DEVIATION_MM)
        & ~is_spike
    )
    return Shifts(lines[clear], found[clear], 1 / information[clear])


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
