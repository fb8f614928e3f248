"""A lead's squared error by cause: at the QRS complexes, at the lead's ends, and the rest."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks

Array = NDArray[np.float64]
Signals = Mapping[str, tuple[float, Array]]
"""Lead → its start in s and its samples in mV."""

CAUSES = ("peaks", "ends", "rest")

_AROUND_PEAK_S = 0.06
_END_S = 0.02
_SMOOTH_S = 0.03
_LEAST_RR_S = 0.25
_LEAST_HEIGHT = 0.2  # of the steepest beats


def error_shares(error: Array, peaks: NDArray[np.intp], rate_hz: float) -> dict[str, float]:
    """Shares of the squared error (n,) by cause; an end with a peak in it counts as an end."""
    squared = error**2
    place = np.arange(error.size)
    reach = round(_END_S * rate_hz)
    ends = (place < reach) | (place >= error.size - reach)
    near = np.zeros(error.size, bool)
    for peak in peaks:
        near |= np.abs(place - peak) <= _AROUND_PEAK_S * rate_hz
    whole = max(float(squared.sum()), 1e-12)
    parts = (near & ~ends, ends, ~near & ~ends)
    return {cause: float(squared[part].sum()) / whole for cause, part in zip(CAUSES, parts, strict=True)}


def r_peaks(leads: Signals, rate_hz: float) -> dict[str, NDArray[np.intp]]:
    """Each lead's R peaks (or what stands for R: its largest deflection in every beat), as samples."""
    beats = _beats(leads, rate_hz)
    reach = round(_AROUND_PEAK_S * rate_hz)
    found = {}
    for name, (start_s, mv) in leads.items():
        deflection = np.abs(mv - np.median(mv))
        peaks = []
        for beat in beats - round(start_s * rate_hz):
            window = deflection[max(0, beat - reach) : max(0, beat + reach + 1)]
            if window.size:
                peaks.append(max(0, beat - reach) + int(window.argmax()))
        found[name] = np.array(peaks, np.intp)
    return found


def _beats(leads: Signals, rate_hz: float) -> NDArray[np.intp]:
    """Samples of the record around which all leads together are steepest."""
    size = max(round(start_s * rate_hz) + mv.size for start_s, mv in leads.values())
    steepness, seen = np.zeros(size), np.zeros(size)
    for start_s, mv in leads.values():
        slope = np.gradient(mv) ** 2
        here = slice(first := round(start_s * rate_hz), first + mv.size)
        steepness[here] += slope / max(float(slope.mean()), 1e-12)
        seen[here] += 1
    smooth = gaussian_filter1d(steepness / np.maximum(seen, 1), _SMOOTH_S * rate_hz)
    least = _LEAST_HEIGHT * float(np.quantile(smooth, 0.99))
    # Padded, so that a beat cut by the record's edge is a peak too.
    tops, _ = find_peaks(np.pad(smooth, 1), height=least, distance=_LEAST_RR_S * rate_hz)
    return np.asarray(tops - 1, np.intp)
