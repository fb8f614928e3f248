"""Resampling of a signal to another rate and an exact number of samples.

The ground truth of the competition was made from 500 Hz originals by FFT resampling, so this does the
same. The time axis is never stretched to fit a rounded count: the signal is extended to a whole number
of samples at both rates, resampled by the exact ratio, and cut.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

EDGE_FILL_S = 0.2
"""Duration for which a signal that is too short repeats its last value, before its median.

Chosen, not tuned.
"""

_MARGIN = 64
"""Padding samples on each side, so that ringing of the FFT's wrap-around stays outside the signal.

Chosen, not tuned.
"""


def resample(
    mv: NDArray[np.floating[Any]], rate_hz: float, to_rate_hz: float, count: int
) -> NDArray[np.float64]:
    """Return `count` samples at `to_rate_hz` of the signal `mv` (samples,) at `rate_hz`, in mV.

    Both start at the same time. A signal that is too long is cut, one that is too short is filled (see
    EDGE_FILL_S), and an empty one gives zeros.
    """
    if mv.size == 0:
        return np.zeros(count)
    ratio = Fraction(to_rate_hz).limit_denominator(1000) / Fraction(rate_hz).limit_denominator(1000)
    needed = -(-count * ratio.denominator // ratio.numerator)
    signal = _fit_length(mv.astype(np.float64), needed, rate_hz)
    if ratio == 1:
        return signal[:count]
    down = ratio.denominator
    before = down * -(-_MARGIN // down)
    after = before + (-(before + signal.size)) % down
    # An odd reflection continues the signal with the slope at its end.
    wide = np.pad(signal, (before, after), mode="reflect", reflect_type="odd")
    from scipy.signal import resample  # takes 0.5 s to import, and most runs keep 500 Hz

    out: NDArray[np.float64] = resample(wide, int(wide.size * ratio))
    start = int(before * ratio)
    return out[start : start + count]


def _fit_length(mv: NDArray[np.float64], needed: int, rate_hz: float) -> NDArray[np.float64]:
    """Return `mv` with at least `needed` samples, and with up to _MARGIN existing ones beyond."""
    missing = needed - mv.size
    if missing <= 0:
        return mv[: needed + _MARGIN]
    at_edge = min(missing, round(EDGE_FILL_S * rate_hz))
    edge = np.full(at_edge, mv[-1])
    return np.concatenate([mv, edge, np.full(missing - at_edge, np.median(mv))])
