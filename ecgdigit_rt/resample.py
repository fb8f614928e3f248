"""A signal at another rate, with exactly the count of samples that is asked for.

The competition's truth was made from 500 Hz originals by FFT resampling, so this does the same.
The time axis is never stretched to fit a rounded count: the signal is lengthened to a whole number
of samples at both rates, resampled by that exact ratio, and cut.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

EDGE_FILL_S = 0.2
"""A window that is up to this much too short repeats its last value; beyond, its median."""

_MARGIN = 64
"""Samples laid around the signal, so that the FFT's wrap-around rings outside it."""


def resample(
    mv: NDArray[np.floating[Any]], rate_hz: float, to_rate_hz: float, count: int
) -> NDArray[np.float64]:
    """Give `count` samples at `to_rate_hz` that start where `mv` (samples,) at `rate_hz` starts.

    Too long is cut, too short is filled (EDGE_FILL_S); nothing is stretched. Empty gives zeros.
    """
    if mv.size == 0:
        return np.zeros(count)
    ratio = Fraction(to_rate_hz).limit_denominator(1000) / Fraction(rate_hz).limit_denominator(1000)
    needed = -(-count * ratio.denominator // ratio.numerator)
    signal = _of_length(mv.astype(np.float64), needed, rate_hz)
    if ratio == 1:
        return signal[:count]
    down = ratio.denominator
    before = down * -(-_MARGIN // down)
    after = before + (-(before + signal.size)) % down
    # An odd reflection goes on through the end with the slope it has there.
    wide = np.pad(signal, (before, after), mode="reflect", reflect_type="odd")
    from scipy.signal import resample  # half a second to import, and most runs ask for 500 Hz

    out: NDArray[np.float64] = resample(wide, int(wide.size * ratio))
    start = int(before * ratio)
    return out[start : start + count]


def _of_length(mv: NDArray[np.float64], needed: int, rate_hz: float) -> NDArray[np.float64]:
    """`mv` with at least `needed` samples, and some real ones beyond where there are any."""
    short = needed - mv.size
    if short <= 0:
        return mv[: needed + _MARGIN]
    at_edge = min(short, round(EDGE_FILL_S * rate_hz))
    edge = np.full(at_edge, mv[-1])
    return np.concatenate([mv, edge, np.full(short - at_edge, np.median(mv))])
