"""Monotone cubic interpolation (PCHIP) across gaps in equally spaced values.

The method is that of Fritsch and Butland, A method for constructing local monotone piecewise cubic
interpolants, 1984. The end slopes are those of Moler, Numerical Computing with MATLAB, 2004, section 3.6. The
cubic never exceeds the range of the values that it joins, and depends on only two values on each side of the
gap.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecgdigit_kernels.jit import kernel


def fill_gaps(values: NDArray[np.float32], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Replace invalid values with PCHIP between valid values, and with the nearest valid value beyond them.

    `values` is float32 (n,) and `valid` bool (n,). Returns float32 (n,), all zeros if no value is valid.
    Invalid values are never read and may be NaN. Raises ValueError if the shapes do not match.
    """
    if values.ndim != 1 or values.shape != valid.shape:
        raise ValueError(f"values and valid must be 1-D and equally long, got {values.shape}, {valid.shape}")
    places = np.flatnonzero(valid)
    if places.size == 0:
        return np.zeros(values.size, np.float32)
    return _fill(np.ascontiguousarray(values, np.float32), places)


@kernel
def _fill(values: NDArray[np.float32], places: NDArray[np.int64]) -> NDArray[np.float32]:
    out = values.copy()
    count = places.size
    out[: places[0]] = values[places[0]]
    out[places[count - 1] :] = values[places[count - 1]]
    for k in range(count - 1):
        first, last = places[k], places[k + 1]
        if last - first == 1:
            continue
        span = float(last - first)
        low, high = float(values[first]), float(values[last])
        rise = (high - low) / span
        left, right = rise, rise  # a straight line if there are only two valid values
        if k > 0:
            left = _slope(places[k - 1], first, last, values)
        elif count > 2:
            left = _end_slope(first, last, places[k + 2], values)
        if k + 2 < count:
            right = _slope(first, last, places[k + 2], values)
        elif count > 2:
            right = _end_slope(last, first, places[k - 1], values)
        # Cubic through both values with both slopes, in Newton's form from the left end.
        bend = (3 * rise - 2 * left - right) / span
        twist = (left + right - 2 * rise) / (span * span)
        for place in range(first + 1, last):
            t = float(place - first)
            out[place] = low + t * (left + t * (bend + t * twist))
    return out


@kernel
def _slope(before: int, here: int, after: int, values: NDArray[np.float32]) -> float:
    """Return the weighted harmonic mean of the slopes on both sides, or 0 at an extremum."""
    first, second = float(here - before), float(after - here)
    rise = (float(values[here]) - float(values[before])) / first
    fall = (float(values[after]) - float(values[here])) / second
    if rise * fall <= 0:
        return 0.0
    return 3 * (first + second) / ((2 * second + first) / rise + (second + 2 * first) / fall)


@kernel
def _end_slope(end: int, near: int, far: int, values: NDArray[np.float32]) -> float:
    """Return the slope at `end` of the parabola through three values, limited to keep the cubic monotone."""
    first, second = float(near - end), float(far - near)
    rise = (float(values[near]) - float(values[end])) / first
    fall = (float(values[far]) - float(values[near])) / second
    slope = ((2 * first + second) * rise - first * fall) / (first + second)
    if slope * rise <= 0:
        return 0.0
    if rise * fall <= 0 and abs(slope) > 3 * abs(rise):
        return 3 * rise
    return slope
