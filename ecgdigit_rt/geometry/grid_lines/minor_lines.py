"""Phases of the minor grid lines, 1 mm apart, along the rows.

Complex demodulation: the phases of the first harmonics at 1 cycle per mm give the shift of the lines in each
window, and the amplitudes between the harmonics give the noise. The major lines are masked, because their
comb contains the same harmonics.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.geometry.grid_lines.profiles import PX_PER_MM, BandProfiles
from ecgdigit_rt.geometry.grid_lines.shifts import Shifts
from ecgdigit_rt.geometry.mesh import STEP_MM

Values = NDArray[np.float64]
Complex = NDArray[np.complex128]

BLOCK_MM = 2.5  # distance between shifts
WINDOW_MM = 5.0  # half width of the triangular window of a shift
_HARMONICS = (1, 2, 3)  # cycles per mm. Lines of 0.1 to 0.3 mm have hardly any more.
_TURNS = 2 * np.pi * np.array(_HARMONICS)[:, None]  # radians per mm
_NOISE_OFFSETS = (-0.41, -0.31, 0.31, 0.41)  # cycles per mm from a harmonic, between those of the major lines
_MAJOR_MM = 0.6  # half width of the mask around each major line
_MIN_STD_MM = 0.012  # standard deviation of a shift that is assumed at least: the snapping of single lines
_OFFSETS_MM = np.linspace(-0.4, 0.4, 41)  # shifts that are compared
_MAX_PHASE = 1.5  # maximum difference of a phase from that of the most likely shift, in radians
_COHERENCE = 0.6, 0.8  # coherence of the bands from which, and above which, the common shift counts in full
_MAX_STD_MM = 0.05  # maximum standard deviation of a shift that is used
_MAX_SHIFT_MM = 0.35  # maximum shift. At half a millimetre, the lines could be their neighbours.
_MAX_SLOPE_MM, _MAX_HOLE, _MIN_RUN = 0.07, 2, 4
"""Maximum difference between shifts of neighbouring blocks, maximum distance between them in blocks, and
minimum number of shifts in a run without larger ones. Other shifts are errors."""
_MAX_DEVIATION_MM = 0.08  # maximum difference from the median of five blocks


@dataclass(frozen=True, slots=True)
class _Harmonics:
    """Harmonics of the minor lines in each window, and the power of the noise: (harmonics, blocks)."""

    values: Complex
    noise: Values

    def phases(self, shifts: Values) -> Values:
        """Return the phases (harmonics, 1) of lines without a shift. `shifts` is (blocks,)."""
        total = self.values * np.abs(self.values) * np.exp(1j * _TURNS * shifts)
        return np.asarray(np.angle(total.sum(1, keepdims=True)))

    def estimate(self, phases: Values) -> tuple[Values, Values]:
        """Return the shifts in mm and their information in 1/mm², (blocks,).

        The most likely shift on a fine grid is refined by a step to the maximum. The information is the
        inverse of the variance of a phase with this noise (Cramér-Rao bound).
        """
        noise = np.maximum(self.noise, np.median(self.noise, axis=1, keepdims=True))
        ratios = np.maximum(np.abs(self.values) ** 2 / np.maximum(noise, 1e-9) - 1, 0)
        differences = np.angle(self.values * np.exp(-1j * phases))
        likelihoods = [(ratios * np.cos(differences + _TURNS * offset)).sum(0) for offset in _OFFSETS_MM]
        offsets = _OFFSETS_MM[np.argmax(likelihoods, axis=0)]
        left = (differences + _TURNS * offsets + np.pi) % (2 * np.pi) - np.pi
        weights = 2 * ratios * _TURNS**2 * (np.abs(left) < _MAX_PHASE)
        information = weights.sum(0)
        steps = (weights * left / -_TURNS).sum(0) / np.maximum(information, 1e-9)
        return offsets + steps, np.minimum(information, 1 / _MIN_STD_MM**2)


def minor_line_shifts(profiles: BandProfiles) -> Shifts:
    """Return the shifts that the minor lines of all bands have in common, at every second block.

    The windows of every second block cover the paper once.
    """
    values, noise = _demodulated(profiles)
    common = _Harmonics(values.sum(1), noise.sum(1))
    shifts, information = common.estimate(common.phases(np.zeros(values.shape[2])))
    for _ in range(2):
        shifts, information = common.estimate(common.phases(shifts))
    coherence = np.abs(common.values[0]) / np.maximum(np.abs(values[0]).sum(0), 1e-9)
    low, high = _COHERENCE
    information = information * np.clip((coherence - low) / (high - low), 0, 1)
    kept = _consistent(shifts, information > 1 / _MAX_STD_MM**2)
    kept[1::2] = False
    u_mm = np.asarray(profiles.box[0] + BLOCK_MM * (np.arange(shifts.size) + 0.5), np.float64)
    return Shifts(u_mm[kept], shifts[kept], 1 / information[kept])


def _demodulated(profiles: BandProfiles) -> tuple[Complex, Values]:
    """Return the harmonics of the minor lines, and the power of the noise, (harmonics, bands, blocks).

    The major lines, which are at multiples of 5 mm, are masked.
    """
    bands, samples = profiles.grey.shape
    u = profiles.u_mm
    mask = (np.abs((u + STEP_MM / 2) % STEP_MM - STEP_MM / 2) >= _MAJOR_MM).astype(np.float64)[None]
    size = round(STEP_MM * PX_PER_MM) | 1, 1
    mean = cv2.blur(profiles.grey * mask, size) / np.maximum(cv2.blur(mask, size), 1e-3)
    lines = (mean - profiles.grey) * mask
    length = round(BLOCK_MM * PX_PER_MM)
    blocks = samples // length
    at = (np.arange(blocks * length) + 0.5) / PX_PER_MM
    window = np.array([[0.25, 0.5, 0.25]])

    def windows(frequency: float) -> Complex:
        turned = lines[:, : at.size] * np.exp(-2j * np.pi * frequency * at)
        sums = turned.reshape(bands, blocks, length).sum(2)
        parts = [
            cv2.filter2D(part, -1, window, borderType=cv2.BORDER_CONSTANT) for part in (sums.real, sums.imag)
        ]
        return np.asarray(parts[0] + 1j * parts[1])

    values = np.stack([windows(order) for order in _HARMONICS])
    powers = [
        np.mean([np.abs(windows(order + offset)) ** 2 for offset in _NOISE_OFFSETS], axis=0)
        for order in _HARMONICS
    ]
    return values, np.stack(powers)


def _consistent(shifts: Values, clear: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which of the clear shifts (blocks,) are in a run of similar ones."""
    near = np.lib.stride_tricks.sliding_window_view(
        np.pad(np.where(clear, shifts, np.nan), 2, constant_values=np.nan), 5
    )
    kept = clear & (np.abs(shifts) < _MAX_SHIFT_MM)
    kept[kept] &= np.abs(shifts[kept] - np.nanmedian(near[kept], axis=1)) < _MAX_DEVIATION_MM
    index = np.flatnonzero(kept)
    if not index.size:
        return kept
    distance = np.diff(index)
    is_end = (distance > _MAX_HOLE) | (np.abs(np.diff(shifts[index])) > _MAX_SLOPE_MM * distance)
    for run in np.split(index, np.flatnonzero(is_end) + 1):
        if run.size < _MIN_RUN:
            kept[run] = False
    return kept
