"""Monotone cubic interpolation (PCHIP) across gaps in equally spaced values.

The method is that of Fritsch and Butland, A method for constructing local monotone piecewise cubic
interpolants, 1984. The end slopes are those of Moler, Numerical Computing with MATLAB, 2004, section 3.6. The
cubic in a gap stays between the two values at the edges of the gap, and depends only on the two nearest valid
values on each side.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecgdigit_kernels.jit import kernel


def fill_gaps(values: NDArray[np.float32], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Replace invalid values by interpolation (PCHIP), or by the nearest valid value at both ends.

    `values` is float32 (n,) and `valid` bool (n,). Returns float32 (n,), all zeros if no value is valid.
    Invalid values are never read and may be NaN. Raises ValueError if the shapes do not match.
    """
    if values.ndim != 1 or values.shape != valid.shape:
        raise ValueError(f"values and valid must be 1-D and equally long, got {values.shape}, {valid.shape}")
    indices = np.flatnonzero(valid)
    if indices.size == 0:
        return np.zeros(values.size, np.float32)
    return _fill(np.ascontiguousarray(values, np.float32), indices)


@kernel
def _fill(values: NDArray[np.float32], indices: NDArray[np.int64]) -> NDArray[np.float32]:
    out = values.copy()
    count = indices.size
    out[: indices[0]] = values[indices[0]]
    out[indices[count - 1] :] = values[indices[count - 1]]
    for k in range(count - 1):
        first, last = indices[k], indices[k + 1]
        if last - first == 1:
            continue
        span = float(last - first)
        low, high = float(values[first]), float(values[last])
        rise = (high - low) / span
        left, right = rise, rise  # a straight line if there are only two valid values
        if k > 0:
            left = _slope(indices[k - 1], first, last, values)
        elif count > 2:
            left = _end_slope(first, last, indices[k + 2], values)
        if k + 2 < count:
            right = _slope(first, last, indices[k + 2], values)
        elif count > 2:
            right = _end_slope(last, first, indices[k - 1], values)
        # Cubic through both values with both slopes, in Newton's form from the left end.
        bend = (3 * rise - 2 * left - right) / span
        twist = (left + right - 2 * rise) / (span * span)
        for index in range(first + 1, last):
            t = float(index - first)
            out[index] = low + t * (left + t * (bend + t * twist))
    return out


@kernel
def _slope(before: int, index: int, after: int, values: NDArray[np.float32]) -> float:
    """Return the weighted harmonic mean of the slopes before and after `index`, or 0 at an extremum."""
    first, second = float(index - before), float(after - index)
    rise = (float(values[index]) - float(values[before])) / first
    fall = (float(values[after]) - float(values[index])) / second
    if rise * fall <= 0:
        return 0.0
    return 3 * (first + second) / ((2 * second + first) / rise + (second + 2 * first) / fall)


@kernel
def _end_slope(end: int, near: int, far: int, values: NDArray[np.float32]) -> float:
    """Return the slope at `end` of the parabola through three values, limited to a monotone cubic."""
    first, second = float(near - end), float(far - near)
    rise = (float(values[near]) - float(values[end])) / first
    fall = (float(values[far]) - float(values[near])) / second
    slope = ((2 * first + second) * rise - first * fall) / (first + second)
    if slope * rise <= 0:
        return 0.0
    if rise * fall <= 0 and abs(slope) > 3 * abs(rise):
        return 3 * rise
    return slope
