"""Curves of the lines of a page, before the layout is known.

They are evidence of which lines are rows, and of which row shows which lead. The curves are decoded coarsely,
because they are only compared with each other.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.layout.baselines import Baseline

CURVE_STEP_MM = 0.2
"""Distance between the samples of a curve: 8 ms at 25 mm/s."""

_SLOPE_STEPS = 2
"""Number of samples over which slopes are measured: 16 ms at 25 mm/s, the rise time of a QRS complex.
Hand-picked, not tuned."""

_STRAIGHT_MM = 0.7
"""Steepness (98 % quantile of the height differences over 0.4 mm) below which a curve is straight ink.
Measured: at most 0.55 on frames, rules and grid lines of 17 pages, at least 1.7 on 560 rows with an ECG."""


@dataclass(frozen=True, eq=False)
class RowCurve:
    """Curve of one row over its whole extent.

    height_mm: (samples,) float64, height above the baseline. Sample k is at `start_mm` + k * `CURVE_STEP_MM`.
    is_cut_left, is_cut_right: whether the curve continues to the edge of the image.
    """

    baseline: Baseline
    start_mm: float
    height_mm: NDArray[np.float64] = field(repr=False)
    is_cut_left: bool = False
    is_cut_right: bool = False

    @property
    def end_mm(self) -> float:
        """End of the curve on paper."""
        return self.start_mm + self.height_mm.size * CURVE_STEP_MM

    @cached_property
    def is_straight(self) -> bool:
        """True if the curve is a straight line, such as a frame or a rule. An empty curve is straight."""
        rise = np.abs(self.height_mm[_SLOPE_STEPS:] - self.height_mm[:-_SLOPE_STEPS])
        return rise.size == 0 or float(np.quantile(rise, 0.98)) < _STRAIGHT_MM

    def between(self, start_mm: float, end_mm: float) -> NDArray[np.float64]:
        """Return the heights (samples,) between two positions, without the part beyond the curve's ends."""
        first, stop = (round((at - self.start_mm) / CURVE_STEP_MM) for at in (start_mm, end_mm))
        return self.height_mm[max(0, first) : max(0, stop)]
