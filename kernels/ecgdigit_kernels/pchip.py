"""Gaps in a row of equally spaced values, closed by a monotone cubic.

PCHIP (Fritsch and Butland, A method for constructing local monotone piecewise cubic interpolants, 1984;
end slopes as in Moler, Numerical Computing with MATLAB, 2004, section 3.6). It never swings beyond the
values that it joins, and a gap's cubic knows only two values on either side of the gap.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecgdigit_kernels.jit import kernel


def fill_gaps(values: NDArray[np.float32], seen: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The values where they were seen; PCHIP between those, and the nearest of them beyond the ends.

    values: float32 (n,). seen: bool (n,). Returns float32 (n,), zeros where nothing was seen. Values
    not seen are not looked at. Raises ValueError on mismatched shapes.
    """
    if values.ndim != 1 or values.shape != seen.shape:
        raise ValueError(f"values and seen must be two rows of one length, got {values.shape}, {seen.shape}")
    places = np.flatnonzero(seen)
    if places.size == 0:
        return np.zeros(values.size, np.float32)
    return _filled(np.ascontiguousarray(values, np.float32), places)


@kernel
def _filled(values: NDArray[np.float32], places: NDArray[np.int64]) -> NDArray[np.float32]:
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
        left, right = rise, rise  # with two values in all, a straight line
        if k > 0:
            left = _slope(places[k - 1], first, last, values)
        elif count > 2:
            left = _end_slope(first, last, places[k + 2], values)
        if k + 2 < count:
            right = _slope(first, last, places[k + 2], values)
        elif count > 2:
            right = _end_slope(last, first, places[k - 1], values)
        # The cubic of both heights and both slopes, in Newton's form from the left end.
        bend = (3 * rise - 2 * left - right) / span
        twist = (left + right - 2 * rise) / (span * span)
        for place in range(first + 1, last):
            t = float(place - first)
            out[place] = low + t * (left + t * (bend + t * twist))
    return out


@kernel
def _slope(before: int, here: int, after: int, values: NDArray[np.float32]) -> float:
    """The harmonic mean of the slopes on both sides, weighted by their lengths; 0 at a top or a dip."""
    first, second = float(here - before), float(after - here)
    rise = (float(values[here]) - float(values[before])) / first
    fall = (float(values[after]) - float(values[here])) / second
    if rise * fall <= 0:
        return 0.0
    return 3 * (first + second) / ((2 * second + first) / rise + (second + 2 * first) / fall)


@kernel
def _end_slope(end: int, near: int, far: int, values: NDArray[np.float32]) -> float:
    """The slope of the parabola through the three, cut to keep the cubic monotone."""
    first, second = float(near - end), float(far - near)
    rise = (float(values[near]) - float(values[end])) / first
    fall = (float(values[far]) - float(values[near])) / second
    slope = ((2 * first + second) * rise - first * fall) / (first + second)
    if slope * rise <= 0:
        return 0.0
    if rise * fall <= 0 and abs(slope) > 3 * abs(rise):
        return 3 * rise
    return slope
