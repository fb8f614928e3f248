"""Expected error of each column of a trace, from what the trace stage predicts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.tracing.lead_trace import LeadTrace

# Hand-picked, not tuned. docs/accuracy.md (negative results, crossing rows) lists alternatives.
_BASE_NOISE_MM, _SPREAD_FACTOR, _MASS_NOISE_MM, _FULL_MASS = 0.3, 0.3, 3.0, 0.97
"""Terms of the noise of a column: constant in mm, factor of the spread that exceeds this constant, factor in
mm of the probability mass that is missing around the path, and mass above which none counts as missing."""
MIN_NOISE_MM = 0.5
"""Noise above which a column has a low confidence, and is corrected by other leads."""


def trace_noise_mm(trace: LeadTrace) -> NDArray[np.float64]:
    """Return the expected standard deviation of the error of each column, in mm."""
    spread = np.maximum(trace.spread_mm.astype(np.float64) - _BASE_NOISE_MM, 0)
    missing = np.maximum(_FULL_MASS - trace.confidence.astype(np.float64), 0)
    return np.asarray(_BASE_NOISE_MM + _SPREAD_FACTOR * spread + _MASS_NOISE_MM * missing)
