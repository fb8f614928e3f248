"""Squared error of a lead by cause: at QRS complexes, at the ends of the lead, and elsewhere."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks

Array = NDArray[np.float64]
Signals = Mapping[str, tuple[float, Array]]
"""Start in s and samples in mV of each lead."""

CAUSES = ("peaks", "ends", "rest")

# Hand-picked, not tuned.
_AROUND_PEAK_S = 0.06  # maximum distance from a peak
_END_S = 0.02  # length of an end
_SMOOTH_S = 0.03  # standard deviation of the smoothing of the steepness
_MIN_RR_S = 0.25  # minimum distance between two beats
_MIN_HEIGHT = 0.2  # minimum steepness of a beat, as a fraction of that of the steepest beats


def error_shares(error: Array, peaks: NDArray[np.intp], rate_hz: float) -> dict[str, float]:
    """Return the shares of the squared error (n,) by cause. A peak at an end counts as an end."""
    squared = error**2
    sample = np.arange(error.size)
    reach = round(_END_S * rate_hz)
    ends = (sample < reach) | (sample >= error.size - reach)
    near = np.zeros(error.size, bool)
    for peak in peaks:
        near |= np.abs(sample - peak) <= _AROUND_PEAK_S * rate_hz
    total = max(float(squared.sum()), 1e-12)
    parts = (near & ~ends, ends, ~near & ~ends)
    return {cause: float(squared[part].sum()) / total for cause, part in zip(CAUSES, parts, strict=True)}


def r_peaks(leads: Signals, rate_hz: float) -> dict[str, NDArray[np.intp]]:
    """Return the sample of the largest deflection of each beat, R or S, in each lead."""
    beats = _beats(leads, rate_hz)
    reach = round(_AROUND_PEAK_S * rate_hz)
    peaks_by_lead = {}
    for name, (start_s, mv) in leads.items():
        deflection = np.abs(mv - np.median(mv))
        peaks = []
        for beat in beats - round(start_s * rate_hz):
            window = deflection[max(0, beat - reach) : max(0, beat + reach + 1)]
            if window.size:
                peaks.append(max(0, beat - reach) + int(window.argmax()))
        peaks_by_lead[name] = np.array(peaks, np.intp)
    return peaks_by_lead


def _beats(leads: Signals, rate_hz: float) -> NDArray[np.intp]:
    """Return the samples of the record at which the mean steepness of all leads has a maximum."""
    size = max(round(start_s * rate_hz) + mv.size for start_s, mv in leads.values())
    steepness, lead_count = np.zeros(size), np.zeros(size)
    for start_s, mv in leads.values():
        squared_slope = np.gradient(mv) ** 2
        window = slice(first := round(start_s * rate_hz), first + mv.size)
        steepness[window] += squared_slope / max(float(squared_slope.mean()), 1e-12)
        lead_count[window] += 1
    smooth = gaussian_filter1d(steepness / np.maximum(lead_count, 1), _SMOOTH_S * rate_hz)
    min_height = _MIN_HEIGHT * float(np.quantile(smooth, 0.99))
    # With the padding, a beat that is cut off by the end of the record is also a peak.
    peaks, _ = find_peaks(np.pad(smooth, 1), height=min_height, distance=_MIN_RR_S * rate_hz)
    return np.asarray(peaks - 1, np.intp)
