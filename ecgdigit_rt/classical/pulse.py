"""Calibration pulses: boxes 1 mV high and, on most machines, 0.2 s wide.

The height determines the gain. The width determines the paper speed: 2.5 mm at 12.5 mm/s, 5 mm at 25 mm/s and
10 mm at 50 mm/s. Some machines print 5 mm at every speed. On their pages 25 mm/s is detected.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.classical.paper_ink import PX_PER_MM, PaperInk
from ecgdigit_rt.layout.baselines import Baseline
from ecgdigit_rt.stages import GAINS, SPEEDS

_PULSE_S = 0.2
_WIDTHS_MM = tuple(_PULSE_S * speed for speed in SPEEDS.values())
"""Standard duration of a pulse, and its widths at the paper speeds of `SPEEDS`."""

# Hand-picked, not tuned.
_INNER_REACH_MM = 18.0  # search range from the end of a row inwards
_OUTER_REACH_MM = 6.0  # search range from the end of a row outwards
_BELOW_MM = 3.0  # search range below the baseline
_HEIGHT_RANGE_MM = (4.0, 24.0)  # range of the height of a pulse
_WIDTH_TOLERANCE_MM = 0.9  # maximum deviation of the width from `_WIDTHS_MM`
_LEVEL_TOLERANCE_MM = 0.6  # maximum deviation of the top from a horizontal line
_MIN_TOP_SHARE = 0.85  # minimum fraction of the top covered by ink


@dataclass(frozen=True, slots=True)
class Pulse:
    """Pulse of one row: u of its left and right edges, v of its foot and top on paper (v grows downwards)."""

    start_mm: float
    end_mm: float
    foot_mm: float
    top_mm: float

    @property
    def height_mm(self) -> float:
        """Height of the pulse."""
        return self.foot_mm - self.top_mm


@dataclass(frozen=True, slots=True)
class PagePulses:
    """Pulses of the rows of a page, and the gain and speed that they determine.

    `side` is the end of the rows at which the pulses are: `left`, `right`, or empty without pulses.
    """

    pulses: Sequence[Pulse]
    side: str
    gain_mm_mv: float | None
    speed_mm_s: float | None

    @property
    def median_edges_mm(self) -> tuple[float, float] | None:
        """Median left and right edges of the pulses, which are aligned in all rows. None without pulses."""
        if not self.pulses:
            return None
        return (
            float(np.median([pulse.start_mm for pulse in self.pulses])),
            float(np.median([pulse.end_mm for pulse in self.pulses])),
        )


def find_pulses(paper: PaperInk, baselines: Sequence[Baseline]) -> PagePulses:
    """Return the pulses at the left or right ends of the rows, whichever side has more of them.

    The result is empty if fewer than half of the rows have a pulse on that side.
    """
    pulses_by_side = {
        side: [pulse for baseline in baselines if (pulse := _row_pulse(paper, baseline, side)) is not None]
        for side in ("left", "right")
    }
    side = max(pulses_by_side, key=lambda name: len(pulses_by_side[name]))
    pulses = pulses_by_side[side]
    if 2 * len(pulses) < len(baselines):
        return PagePulses((), "", None, None)
    height = float(np.median([pulse.height_mm for pulse in pulses]))
    width = float(np.median([pulse.end_mm - pulse.start_mm for pulse in pulses]))
    gain = min(GAINS.values(), key=lambda gain: abs(gain - height))
    speed = min(SPEEDS.values(), key=lambda speed: abs(_PULSE_S * speed - width))
    return PagePulses(pulses, side, gain, speed)


def _row_pulse(paper: PaperInk, baseline: Baseline, side: str) -> Pulse | None:
    """Return the leftmost box near the end of a row on one side, or None.

    On the right side, this is the innermost box.
    """
    u, v = paper.corner_mm
    end = baseline.start_mm if side == "left" else baseline.end_mm
    reach = (_OUTER_REACH_MM, _INNER_REACH_MM) if side == "left" else (_INNER_REACH_MM, _OUTER_REACH_MM)
    first = max(0, round((end - reach[0] - u) * PX_PER_MM))
    stop = max(0, round((end + reach[1] - u) * PX_PER_MM))
    base = round((baseline.v_mm - v) * PX_PER_MM)
    top = max(0, base - round(_HEIGHT_RANGE_MM[1] * PX_PER_MM) - 4)
    window = paper.mask[top : base + round(_BELOW_MM * PX_PER_MM), first:stop]
    box = _leftmost_box(window)
    if box is None:
        return None
    left, right, upper, lower = box
    edges_mm = (first + left) / PX_PER_MM + u, (first + right) / PX_PER_MM + u
    return Pulse(*edges_mm, (top + lower) / PX_PER_MM + v, (top + upper) / PX_PER_MM + v)


def _leftmost_box(window: NDArray[np.bool_]) -> tuple[float, float, float, float] | None:
    """Return the leftmost box that is open below, or None.

    The box is the left, right, upper and lower centre lines of its strokes, in pixels of the window.
    """
    posts = _posts(window)
    for k, (left, upper, lower) in enumerate(posts):
        for right, top, foot in posts[k + 1 :]:
            box, roof = window[:, left : right + 1], min(upper, top)
            is_uneven = max(abs(top - upper), abs(foot - lower)) > 2 * _LEVEL_TOLERANCE_MM * PX_PER_MM
            if is_uneven or not _is_pulse_width(right - left) or not _has_top(box, roof):
                continue
            half = _stroke_px(box, roof) / 2
            edges = left + _post_width(posts, left) / 2, right + _post_width(posts, right) / 2
            return *edges, upper + half, max(lower, foot) - half
    return None


def _posts(window: NDArray[np.bool_]) -> list[tuple[int, int, int]]:
    """Return the columns with a vertical run of ink tall enough for a pulse, each with its start and stop."""
    runs = [(column, *_longest_run(window[:, column])) for column in range(window.shape[1])]
    return [run for run in runs if run[2] - run[1] >= _HEIGHT_RANGE_MM[0] * PX_PER_MM]


def _is_pulse_width(columns: int) -> bool:
    return any(abs(columns / PX_PER_MM - width) < _WIDTH_TOLERANCE_MM for width in _WIDTHS_MM)


def _longest_run(column: NDArray[np.bool_]) -> tuple[int, int]:
    """Return the start and stop of the longest run of True, or (0, 0)."""
    edge = np.diff(np.pad(column, 1).astype(np.int8))
    first, stop = np.flatnonzero(edge == 1), np.flatnonzero(edge == -1)
    if first.size == 0:
        return 0, 0
    k = int((stop - first).argmax())
    return int(first[k]), int(stop[k])


def _has_top(box: NDArray[np.bool_], top: int) -> bool:
    """Return whether the top of a box is one horizontal stroke with little ink 1.5 to 3.5 mm below it."""
    stroke = box[max(0, top - 1) : top + round(_LEVEL_TOLERANCE_MM * PX_PER_MM) + 2].any(0)
    below = box[top + round(1.5 * PX_PER_MM) : top + round(3.5 * PX_PER_MM), 3:-3]
    is_clear_below = below.size == 0 or below.any(0).mean() < 1 - _MIN_TOP_SHARE
    return bool(stroke.mean() > _MIN_TOP_SHARE and is_clear_below)


def _stroke_px(box: NDArray[np.bool_], top: int) -> float:
    """Return the thickness of the top stroke in pixels."""
    near = box[max(0, top - 1) : top + 2 * PX_PER_MM, 3:-3]
    return float(np.median(near.sum(0))) if near.size else 1.0


def _post_width(posts: Sequence[tuple[int, int, int]], column: int) -> int:
    """Return the width in columns of the post that starts at `column`."""
    post_columns = {post[0] for post in posts}
    count = 1
    while column + count in post_columns:
        count += 1
    return count
