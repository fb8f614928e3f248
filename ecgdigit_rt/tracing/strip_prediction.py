"""Output of the trace stage for one strip."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.stages import BINS_PER_MM, COLUMNS_PER_MM
from ecgdigit_rt.stages import STRIP_HALF_HEIGHT_MM as HALF_HEIGHT_MM

# Hand-picked, not tuned.
_PRESENCE_LIMIT = 4.0  # maximum magnitude of a logit, so that a few extreme columns do not outweigh many
_MIN_EXTENT_MM = 2.0  # minimum length of a trace
_END_COLUMNS = 16  # number of columns on each side of an end over which presence is summed


@dataclass(frozen=True)
class StripPrediction:
    """Predicted height distribution and presence of a trace in every column of a strip.

    The centre of column k is at `start_mm` + k / `columns_per_mm`. `logits` is float32
    (2 * half_height_mm * BINS_PER_MM, columns). They are the logits of the softmax over height, with bin 0 at
    the top. `presence_logits` is float32 (columns,), and its sigmoid is the fraction of each column that the
    trace covers. Raises ValueError if the shapes do not match.
    """

    logits: NDArray[np.float32] = field(repr=False)
    presence_logits: NDArray[np.float32] = field(repr=False)
    start_mm: float
    half_height_mm: float = HALF_HEIGHT_MM
    columns_per_mm: int = COLUMNS_PER_MM

    def __post_init__(self) -> None:
        bins = round(2 * self.half_height_mm * BINS_PER_MM)
        if self.logits.ndim != 2 or self.logits.shape[0] != bins:
            raise ValueError(f"logits must have {bins} bins, got {self.logits.shape}")
        if self.presence_logits.shape != self.logits.shape[1:]:
            raise ValueError(
                f"presence_logits must be {self.logits.shape[1:]}, got {self.presence_logits.shape}"
            )

    @property
    def columns(self) -> int:
        """Number of columns."""
        return self.presence_logits.size

    @cached_property
    def presence(self) -> NDArray[np.float32]:
        """Fraction of each column that the trace covers, float32 (columns,)."""
        return np.asarray(1 / (1 + np.exp(-np.clip(self._clean_presence_logits, -30, 30))), np.float32)

    @property
    def _clean_presence_logits(self) -> NDArray[np.float32]:
        """Presence logits in which NaN is replaced with -inf, the logit of an absent trace."""
        return np.nan_to_num(self.presence_logits, nan=-np.inf, posinf=np.inf, neginf=-np.inf)

    @cached_property
    def extent(self) -> tuple[int, int]:
        """First column of the trace, and the column after its last one. Both are 0 if there is no trace.

        The extent is the interval with the largest sum of presence logits. It therefore spans short gaps and
        excludes isolated specks. If columns are independent, it is the most likely interval. An interval
        shorter than `_MIN_EXTENT_MM` does not count as a trace.
        """
        clipped = np.clip(self._clean_presence_logits, -_PRESENCE_LIMIT, _PRESENCE_LIMIT).astype(np.float64)
        total = np.concatenate([[0.0], np.cumsum(clipped)])
        gain = total - np.minimum.accumulate(total)
        stop = int(gain.argmax())
        first = int(total[: stop + 1].argmin())
        if gain[stop] <= 0 or stop - first < _MIN_EXTENT_MM * self.columns_per_mm:
            return 0, 0
        return first, stop

    @property
    def is_empty(self) -> bool:
        """True if `extent` is empty."""
        first, stop = self.extent
        return first == stop

    @property
    def extent_mm(self) -> tuple[float, float]:
        """Position in mm of the first sample, and of the sample that would follow the last one.

        Presence is the fraction of a column that the trace covers, and a sample covers half a column on each
        side. Therefore the sum of the presence around an end locates the end to a fraction of a column.
        """
        if self.is_empty:
            return self.start_mm, self.start_mm
        begin, end = self.extent
        left, right = min(begin + _END_COLUMNS, end), max(end - _END_COLUMNS, begin)
        first = left - float(self.presence[max(0, begin - _END_COLUMNS) : left].sum())
        stop = right + float(self.presence[right : end + _END_COLUMNS].sum())
        return self.start_mm + first / self.columns_per_mm, self.start_mm + stop / self.columns_per_mm
