"""Start and end of the rows on paper, from their ink."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ecgdigit_rt.classical.ink_trace import InkStrip
from ecgdigit_rt.results import Row
from ecgdigit_rt.stages import COLUMNS_PER_MM
from ecgdigit_rt.tracing.row_traces import RowEnds

# Hand-picked, not tuned.
_NO_INK_SCORE = -2.0  # score of a column without ink; a column with ink scores 1
_MIN_LENGTH_SHARE = 0.5  # minimum length of a row's ink, relative to the row's approximate length
_ALIGNMENT_MM = 0.4  # distance within which the ends of two rows agree


def row_ends(
    strip: InkStrip, row: Row, pulse_side: str, pulse_edges_mm: tuple[float, float] | None
) -> RowEnds:
    """Return the ends of the row's ink without the calibration pulse, inset by half the pen's width.

    `pulse_side` is the end of the row with the pulse, and `pulse_edges_mm` is its left and right edges. The
    row is the interval of columns with the highest total score (maximum-sum subarray). An end at the border
    of the strip is None. Both ends are None if the interval is shorter than half of the row.
    """
    run = strip.ink_run(0, strip.ink.shape[1])
    has_ink = run.has_ink.copy()
    if pulse_edges_mm is not None and pulse_side == "left":
        has_ink[: strip.column(pulse_edges_mm[1] + run.radius_mm)] = False
    elif pulse_edges_mm is not None:
        has_ink[strip.column(pulse_edges_mm[0] - run.radius_mm) :] = False
    total = np.concatenate([[0.0], np.cumsum(np.where(has_ink, 1.0, _NO_INK_SCORE))])
    gain = total - np.minimum.accumulate(total)
    stop = int(gain.argmax())
    first = int(total[: stop + 1].argmin())
    if stop - first < _MIN_LENGTH_SHARE * (row.end_mm - row.start_mm) * COLUMNS_PER_MM:
        return RowEnds(None, None)
    half = 0.5 / COLUMNS_PER_MM
    start = strip.start_mm + first / COLUMNS_PER_MM - half + run.radius_mm
    end = strip.start_mm + stop / COLUMNS_PER_MM - half - run.radius_mm + 2 * half
    return RowEnds(start if first > 0 else None, end if stop < has_ink.size else None)


def drop_outlier_ends(ends: Sequence[RowEnds]) -> list[RowEnds]:
    """Return the ends, with those that differ from the consensus of the rows set to None.

    The tip of a row may be too pale, or a dark speck may extend it. Of equally frequent positions, the outer
    one is the consensus. Starts and ends are compared separately. If no two starts agree, all starts are
    returned unchanged, and likewise for ends.
    """
    start = _consensus([row.start_mm for row in ends], -1)
    end = _consensus([row.end_mm for row in ends], 1)
    return [RowEnds(_if_near(row.start_mm, start), _if_near(row.end_mm, end)) for row in ends]


def _consensus(positions: Sequence[float | None], outwards: int) -> float | None:
    """Return the position with the most others near it, or None if no two are near each other.

    `outwards` is the direction of the outer end: -1 to the left, 1 to the right.
    """
    known = [position for position in positions if position is not None]
    counts = [
        (sum(abs(x - position) < _ALIGNMENT_MM for x in known), outwards * position) for position in known
    ]
    count, position = max(counts, default=(0, 0.0))
    return outwards * position if count > 1 else None


def _if_near(position: float | None, consensus: float | None) -> float | None:
    is_outlier = position is not None and consensus is not None and abs(position - consensus) > _ALIGNMENT_MM
    return None if is_outlier else position
