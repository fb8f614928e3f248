"""The grid's two frequencies over a whole picture, from the peaks of its spectrum.

A grid is a comb: lines every 5 mm have harmonics at every multiple of their frequency, and lines every
millimetre stand on the fifth. So the frequency wanted is the one whose multiples are peaks, most of them
and the strongest, in two directions at once. That tells the turn of the sheet as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.errors import NoGridFound

Wave = tuple[float, float]
"""Cycles per pixel along x and y."""

_SIZE = 2048  # of the transform, at least the picture's
_LONGEST_PX, _SHORTEST_PX = 60.0, 9.0  # of 5 mm in a picture of 1536 px
_LEAST_LINE_PX = 2.3
_PEAK = 8.0  # times the median around it
_PEAKS = 14
_MULTIPLES = (1, 2, 3, 4, 5)
_STANDS_OUT = 0.8  # nats: real harmonics reach 2 and more
_LEAST_HARMONIC_PX = 3.5  # finer ones are the first to be blurred by a bent sheet
_LEAST_MERIT = 2.0
_LONGER, _SQUARE_DEG = 1.15, 6.0  # by which a photographed grid's two directions differ at most
_NEAR = 2  # cells around a harmonic


@dataclass(frozen=True, slots=True)
class Carriers:
    """The grid's frequency of 5 mm along the rows and across them, in cycles per pixel."""

    along: Wave
    down: Wave

    @property
    def period_px(self) -> float:
        return 2 / (float(np.hypot(*self.along)) + float(np.hypot(*self.down)))


@dataclass(frozen=True, slots=True)
class _Spectrum:
    """size: (_SIZE, _SIZE // 2 + 1) amplitudes over their median."""

    size: NDArray[np.float32]

    def at(self, x: float, y: float) -> float:
        """The highest amplitude near a frequency."""
        if x < 0:
            x, y = -x, -y
        rows = (round(y * _SIZE) + np.arange(-_NEAR, _NEAR + 1)) % _SIZE
        columns = np.clip(round(x * _SIZE) + np.arange(-_NEAR, _NEAR + 1), 0, self.size.shape[1] - 1)
        return float(self.size[np.ix_(rows, columns)].max())

    def score(self, wave: Wave) -> float:
        """By how much the multiples of a frequency stand above what lies halfway between them, in nats.

        Of half the grid's frequency every second multiple is none of the grid's, and of double of it what
        lies halfway between is: so each is to stand out by `_STANDS_OUT`, or it counts against the comb.
        """
        count = int(1 / (_LEAST_HARMONIC_PX * np.hypot(*wave)))
        level = [np.log1p(self.at(k / 2 * wave[0], k / 2 * wave[1])) for k in range(1, 2 * count + 2)]
        own, between = np.array(level[1::2]), np.array(level[::2])
        return float((own - (between[:-1] + between[1:]) / 2 - _STANDS_OUT).sum())


def carriers(lines: NDArray[np.float32]) -> Carriers:
    """The two frequencies of the grid in `lines` (height, width), bright where lines are.

    Raises NoGridFound.
    """
    spectrum = _spectrum(lines)
    along, down = (_ranked(spectrum, across) for across in (False, True))
    best, score = None, _LEAST_MERIT
    for (a, first), (b, second) in product(along, down):
        if first + second > score and _is_square(a, b):
            best, score = Carriers(a, b), first + second
    if best is None:
        raise NoGridFound("no regular lines in both directions")
    return best


def _spectrum(lines: NDArray[np.float32]) -> _Spectrum:
    window = np.outer(*(np.hanning(side).astype(np.float32) for side in lines.shape))
    size = np.abs(np.fft.rfft2(lines * window, (_SIZE, _SIZE))).astype(np.float32)
    return _Spectrum(size / max(float(np.median(size[:: _SIZE // 256])), 1e-9))


def _ranked(spectrum: _Spectrum, across: bool) -> list[tuple[Wave, float]]:
    """Frequencies that peaks speak for, of lines that count along the rows or across, with their merit."""
    y, x = np.fft.fftfreq(_SIZE)[:, None], np.fft.rfftfreq(_SIZE)[None, :]
    main, cross = (np.abs(y), x) if across else (x, np.abs(y))
    length = np.hypot(x, y)
    own = (cross < main) & (length > 1 / _LONGEST_PX) & (length < 1 / _LEAST_LINE_PX)
    size = np.where(own, spectrum.size, 0).astype(np.float32)
    tops = (size >= cv2.dilate(size, np.ones((7, 7), np.uint8))) & (size > _PEAK)
    rows, columns = np.nonzero(tops)
    strongest = np.argsort(-size[rows, columns])[:_PEAKS]
    found: dict[Wave, float] = {}
    for k, multiple in product(strongest, _MULTIPLES):
        fx, fy = float(x[0, columns[k]]) / multiple, float(y[rows[k], 0]) / multiple
        sign = -1 if across and fy < 0 else 1
        wave = (sign * fx, sign * fy)
        if 1 / _LONGEST_PX < np.hypot(*wave) < 1 / _SHORTEST_PX:
            found[wave] = spectrum.score(wave)
    return list(found.items())


def _is_square(a: Wave, b: Wave) -> bool:
    longer = float(np.hypot(*a) / np.hypot(*b))
    cosine = (a[0] * b[0] + a[1] * b[1]) / float(np.hypot(*a) * np.hypot(*b))
    return 1 / _LONGER < longer < _LONGER and abs(cosine) < np.sin(np.radians(_SQUARE_DEG))
