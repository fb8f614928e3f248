"""Measured shifts of grid lines along the rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Shifts:
    """Shifts of lines from where they are in the mesh, (shifts,) each.

    at_mm: positions in the mesh. mm: shifts. variance: variances of their noise in mm².
    """

    at_mm: Values
    mm: Values
    variance: Values

    def __len__(self) -> int:
        return len(self.at_mm)

    def where(self, kept: NDArray[np.bool_]) -> Shifts:
        """Return the shifts for which `kept` is true."""
        return Shifts(self.at_mm[kept], self.mm[kept], self.variance[kept])


NO_SHIFTS = Shifts(np.zeros(0), np.zeros(0), np.zeros(0))
