"""Frequencies of the grid in an image, from the peaks of its spectrum.

The spectrum of a grid is a comb. Major lines every 5 mm have harmonics at all multiples of their frequency,
and minor lines every millimetre coincide with the fifth harmonic. The frequency of the grid is therefore the
one with the most and the strongest peaks at its multiples, in both directions. The direction of the peaks
also determines the rotation of the sheet.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.errors import NoGridFound

Wave = tuple[float, float]
"""Spatial frequency in cycles per pixel along x and y."""

# Hand-picked, not tuned.
_SIZE = 2048  # side of the transform, at least the long side of the image
_MAX_PERIOD_PX, _MIN_PERIOD_PX = 60.0, 9.0  # limits of the 5 mm period if the long side is 1536 px
_MIN_LINE_PERIOD_PX = 2.3  # minimum period of a spectral peak
_MIN_PEAK = 8.0  # minimum amplitude of a peak, relative to the median
_MAX_PEAKS = 14  # maximum number of peaks per direction
_MULTIPLES = (1, 2, 3, 4, 5)  # harmonic numbers that a peak may have
_MIN_PROMINENCE = 0.8  # minimum prominence of a harmonic in nats; real harmonics reach at least 2
_MIN_HARMONIC_PX = 3.5  # minimum period of a harmonic; finer harmonics are easily blurred on a bent sheet
_MIN_SCORE = 2.0  # minimum score of a grid, summed over both directions
_MAX_RATIO = 1.15  # maximum ratio of the two frequencies of a photographed grid
_MAX_SKEW_DEG = 6.0  # maximum deviation of the angle between the two directions from 90°
_NEIGHBOURHOOD = 2  # distance from a harmonic within which its peak is searched, in cells of the spectrum


@dataclass(frozen=True, slots=True)
class GridFrequencies:
    """Frequencies of the 5 mm period along the rows (u) and across them (v)."""

    u: Wave
    v: Wave

    @property
    def period_px(self) -> float:
        """Length of 5 mm in pixels: the reciprocal of the mean frequency."""
        return 2 / (float(np.hypot(*self.u)) + float(np.hypot(*self.v)))


@dataclass(frozen=True, slots=True)
class _Spectrum:
    """Amplitudes of the spectrum divided by their median, float32 (_SIZE, _SIZE // 2 + 1)."""

    amplitude: NDArray[np.float32]

    def peak_near(self, x: float, y: float) -> float:
        """Return the highest amplitude near a frequency."""
        if x < 0:
            x, y = -x, -y
        offsets = np.arange(-_NEIGHBOURHOOD, _NEIGHBOURHOOD + 1)
        rows = (round(y * _SIZE) + offsets) % _SIZE
        columns = np.clip(round(x * _SIZE) + offsets, 0, self.amplitude.shape[1] - 1)
        return float(self.amplitude[np.ix_(rows, columns)].max())

    def score(self, wave: Wave) -> float:
        """Return the excess of the harmonics of a frequency over the amplitudes halfway between, in nats.

        A multiple of the frequency lowers the score if it exceeds the amplitudes halfway to its neighbours by
        less than `_MIN_PROMINENCE`. This rejects two wrong candidates. At half of the grid frequency, every
        second multiple is not a harmonic of the grid. At twice the grid frequency, harmonics of the grid are
        also halfway between the multiples.
        """
        count = int(1 / (_MIN_HARMONIC_PX * np.hypot(*wave)))
        level = [np.log1p(self.peak_near(k / 2 * wave[0], k / 2 * wave[1])) for k in range(1, 2 * count + 2)]
        harmonics, between = np.array(level[1::2]), np.array(level[::2])
        return float((harmonics - (between[:-1] + between[1:]) / 2 - _MIN_PROMINENCE).sum())


def find_grid_frequencies(lines: NDArray[np.float32]) -> GridFrequencies:
    """Return the two frequencies of the grid in `lines`, an image (height, width) that is bright on lines.

    Raises NoGridFound.
    """
    spectrum = _spectrum(lines)
    u_candidates, v_candidates = (_candidates(spectrum, across) for across in (False, True))
    best, score = None, _MIN_SCORE
    for (u, u_score), (v, v_score) in product(u_candidates, v_candidates):
        if u_score + v_score > score and _is_square(u, v):
            best, score = GridFrequencies(u, v), u_score + v_score
    if best is None:
        raise NoGridFound("no two perpendicular sets of regular lines were detected")
    return best


def _spectrum(lines: NDArray[np.float32]) -> _Spectrum:
    window = np.outer(*(np.hanning(side).astype(np.float32) for side in lines.shape))
    amplitude = np.abs(np.fft.rfft2(lines * window, (_SIZE, _SIZE))).astype(np.float32)
    return _Spectrum(amplitude / max(float(np.median(amplitude[:: _SIZE // 256])), 1e-9))


def _candidates(spectrum: _Spectrum, across: bool) -> list[tuple[Wave, float]]:
    """Return candidate frequencies of one direction and their scores.

    The candidates are the frequencies of the strongest peaks, divided by each of `_MULTIPLES`.
    """
    y, x = np.fft.fftfreq(_SIZE)[:, None], np.fft.rfftfreq(_SIZE)[None, :]
    main, cross = (np.abs(y), x) if across else (x, np.abs(y))
    length = np.hypot(x, y)
    in_band = (cross < main) & (length > 1 / _MAX_PERIOD_PX) & (length < 1 / _MIN_LINE_PERIOD_PX)
    amplitude = np.where(in_band, spectrum.amplitude, 0).astype(np.float32)
    peaks = (amplitude >= cv2.dilate(amplitude, np.ones((7, 7), np.uint8))) & (amplitude > _MIN_PEAK)
    rows, columns = np.nonzero(peaks)
    strongest = np.argsort(-amplitude[rows, columns])[:_MAX_PEAKS]
    scores: dict[Wave, float] = {}
    for k, multiple in product(strongest, _MULTIPLES):
        fx, fy = float(x[0, columns[k]]) / multiple, float(y[rows[k], 0]) / multiple
        sign = -1 if across and fy < 0 else 1
        wave = (sign * fx, sign * fy)
        if 1 / _MAX_PERIOD_PX < np.hypot(*wave) < 1 / _MIN_PERIOD_PX:
            scores[wave] = spectrum.score(wave)
    return list(scores.items())


def _is_square(u: Wave, v: Wave) -> bool:
    """Return whether two frequencies are nearly perpendicular and of nearly equal length."""
    ratio = float(np.hypot(*u) / np.hypot(*v))
    cosine = (u[0] * v[0] + u[1] * v[1]) / float(np.hypot(*u) * np.hypot(*v))
    return 1 / _MAX_RATIO < ratio < _MAX_RATIO and abs(cosine) < np.sin(np.radians(_MAX_SKEW_DEG))
