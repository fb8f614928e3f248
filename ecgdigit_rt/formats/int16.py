"""Millivolt as 16-bit integers, for WFDB and DICOM."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

STEPS_PER_MV = 1000
"""One step is a microvolt: 0.01 mm of paper at 10 mm/mV. The range is ±32.767 mV."""

NOT_PRINTED = -32768
"""Format 16 of WFDB calls this value invalid; our DICOM files name it as their padding."""


def int16_from_mv(mv: NDArray[np.floating[Any]]) -> NDArray[np.int16]:
    """Same shape; NaN becomes NOT_PRINTED, what is out of range its limit."""
    steps = np.clip(np.rint(mv * STEPS_PER_MV), -32767, 32767)
    return np.where(np.isnan(mv), NOT_PRINTED, steps).astype(np.int16)
