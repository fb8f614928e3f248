"""Resampling of a signal to another sampling rate and an exact number of samples.

The ground truth of the PhysioNet competition was made from 500 Hz originals by FFT resampling, so this
module uses FFT resampling too. The time axis is never stretched to fit a rounded number of samples: the
signal is extended to a whole number of samples at both rates, resampled by the exact ratio, and cut.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

EDGE_FILL_S = 0.2
"""Maximum duration for which the last value of a signal that is too short is repeated.

The remaining samples are filled with the median of the signal. Hand-picked, not tuned.
"""

_MARGIN = 64
"""Minimum number of padding samples on each side of the signal, at its original rate.

The FFT treats the signal as periodic, which causes ringing at its ends. The padding keeps the ringing outside
the signal. Hand-picked, not tuned.
"""


def resample(
    mv: NDArray[np.floating[Any]], rate_hz: float, to_rate_hz: float, count: int
) -> NDArray[np.float64]:
    """Resample the signal `mv`, (samples,) in mV at `rate_hz`, to `count` samples at `to_rate_hz`.

    The signal and the result start at the same time. A signal that is longer than the result is cut, a signal
    that is shorter is filled (see EDGE_FILL_S), and an empty signal results in zeros.
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
    # An odd reflection continues the slope at the end of the signal.
    wide = np.pad(signal, (before, after), mode="reflect", reflect_type="odd")
    from scipy.signal import resample  # the import takes 0.5 s, and most runs do not change the rate

    out: NDArray[np.float64] = resample(wide, int(wide.size * ratio))
    start = int(before * ratio)
    return out[start : start + count]


def _fit_length(mv: NDArray[np.float64], needed: int, rate_hz: float) -> NDArray[np.float64]:
    """Fill `mv` to `needed` samples, or cut it so that at most _MARGIN samples follow the first `needed`."""
    missing = needed - mv.size
    if missing <= 0:
        return mv[: needed + _MARGIN]
    at_edge = min(missing, round(EDGE_FILL_S * rate_hz))
    edge = np.full(at_edge, mv[-1])
    return np.concatenate([mv, edge, np.full(missing - at_edge, np.median(mv))])
