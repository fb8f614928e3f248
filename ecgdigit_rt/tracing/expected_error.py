"""How wrong a lead is likely to be, from what stage 2 itself says of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_SCALE, _OF_SPREAD, _OF_STEEPNESS = 0.142, 0.773, 0.527
_LEAST_SPREAD_MM, _LEAST_STEEPNESS = 0.2, 0.3


def expected_error_mm(
    spread_mm: NDArray[np.floating], height_mm: NDArray[np.floating], step_mm: float
) -> float:
    """The root mean square error to be expected of a lead, after the metric's shift and offset.

    spread_mm: (samples,), how far the curve may be from where it was read, see `Trace`. height_mm:
    (samples,), the curve. step_mm: paper between two samples.

    Two things make a lead uncertain: columns in which the network sees more than one place for the curve,
    and steepness, since there a curve that stands a hair beside its time is off in height. The formula is
    a robust fit of log error to the logs of both over 1290 leads of synthetic pages
    (`benchmarks/expected_error.py`); on pages by another painter eight leads of ten are within a factor of
    1.8 of it. What is wrong with a whole page, such as a speed that was misread, it cannot know.
    """
    spread = max(float(np.sqrt(np.mean(np.square(spread_mm)))), _LEAST_SPREAD_MM)
    slopes = np.diff(height_mm) / step_mm
    steepness = float(np.sqrt(np.mean(np.square(slopes)))) if slopes.size else 0.0
    return float(_SCALE * spread**_OF_SPREAD * max(steepness, _LEAST_STEEPNESS) ** _OF_STEEPNESS)
