"""Calibration pulses: boxes of 1 mV and, on most machines, 0.2 s.

The height gives the gain and the width the paper speed (5 mm or 10 mm). Some machines print the same width
at every speed; their pages are read as 25 mm/s.
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
"""Standard duration, and its width at every paper speed."""

# The values below are set by hand; no measurement is recorded.
_INNER_REACH_MM = 18.0  # search range from the end of a row inwards
_OUTER_REACH_MM = 6.0  # and outwards
_BELOW_MM = 3.0  # and below the baseline
_HEIGHT_MM = (4.0, 24.0)
_WIDTH_TOLERANCE_MM = 0.9
_LEVEL_TOLERANCE_MM = 0.6  # by which the top may deviate from a horizontal line
_MIN_TOP_SHARE = 0.85  # of the top that is ink


@dataclass(frozen=True, slots=True)
class Pulse:
    """Pulse of one row: u of its sides, v of its foot and top on paper (v grows downwards)."""

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
    """Pulses of the rows of a page, and the gain and speed that they give.

    `side` is left, right, or empty without pulses.
    """

    pulses: Sequence[Pulse]
    side: str
    gain_mm_mv: float | None
    speed_mm_s: float | None

    @property
    def median_sides_mm(self) -> tuple[float, float] | None:
        """Median start and end of the pulses, which are aligned on all rows. None without pulses."""
        if not self.pulses:
            return None
        return (
            float(np.median([pulse.start_mm for pulse in self.pulses])),
            float(np.median([pulse.end_mm for pulse in self.pulses])),
        )


def find_pulses(paper: PaperInk, baselines: Sequence[Baseline]) -> PagePulses:
    """Return the pulses at the ends of the rows, on the side with more of them.

    There are no pulses if fewer than half of the rows have one.
    """
    sides = {
        side: [pulse for baseline in baselines if (pulse := _row_pulse(paper, baseline, side)) is not None]
        for side in ("left", "right")
    }
    side = max(sides, key=lambda name: len(sides[name]))
    pulses = sides[side]
    if 2 * len(pulses) < len(baselines):
        return PagePulses((), "", None, None)
    height = float(np.median([pulse.height_mm for pulse in pulses]))
    width = float(np.median([pulse.end_mm - pulse.start_mm for pulse in pulses]))
    gain = min(GAINS.values(), key=lambda value: abs(value - height))
    speed = min(SPEEDS.values(), key=lambda value: abs(_PULSE_S * value - width))
    return PagePulses(pulses, side, gain, speed)


def _row_pulse(paper: PaperInk, baseline: Baseline, side: str) -> Pulse | None:
    """Return the outermost box at the end of a row."""
    u, v = paper.corner_mm
    end = baseline.start_mm if side == "left" else baseline.end_mm
    reach = (_OUTER_REACH_MM, _INNER_REACH_MM) if side == "left" else (_INNER_REACH_MM, _OUTER_REACH_MM)
    first = max(0, round((end - reach[0] - u) * PX_PER_MM))
    stop = max(0, round((end + reach[1] - u) * PX_PER_MM))
    base = round((baseline.v_mm - v) * PX_PER_MM)
    top = max(0, base - round(_HEIGHT_MM[1] * PX_PER_MM) - 4)
    window = paper.mask[top : base + round(_BELOW_MM * PX_PER_MM), first:stop]
    box = _first_box(window)
    if box is None:
        return None
    left, right, upper, lower = box
    sides = (first + left) / PX_PER_MM + u, (first + right) / PX_PER_MM + u
    return Pulse(*sides, (top + lower) / PX_PER_MM + v, (top + upper) / PX_PER_MM + v)


def _first_box(window: NDArray[np.bool_]) -> tuple[float, float, float, float] | None:
    """Return the left, right, upper and lower centre lines of the strokes of the first box open below."""
    posts = _posts(window)
    for k, (left, upper, lower) in enumerate(posts):
        for right, top, foot in posts[k + 1 :]:
            box, roof = window[:, left : right + 1], min(upper, top)
            is_uneven = max(abs(top - upper), abs(foot - lower)) > 2 * _LEVEL_TOLERANCE_MM * PX_PER_MM
            if is_uneven or not _is_pulse_width(right - left) or not _has_top(box, roof):
                continue
            half = _stroke_px(box, roof) / 2
            sides = left + _post_width(posts, left) / 2, right + _post_width(posts, right) / 2
            return *sides, upper + half, max(lower, foot) - half
    return None


def _posts(window: NDArray[np.bool_]) -> list[tuple[int, int, int]]:
    """Return the columns with a vertical run of ink as tall as a pulse, and the start and stop of the run."""
    runs = [(column, *_longest_run(window[:, column])) for column in range(window.shape[1])]
    return [run for run in runs if run[2] - run[1] >= _HEIGHT_MM[0] * PX_PER_MM]


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
    """Return whether the top of a box is one horizontal stroke with no ink below it (1.5 to 3.5 mm)."""
    stroke = box[max(0, top - 1) : top + round(_LEVEL_TOLERANCE_MM * PX_PER_MM) + 2].any(0)
    below = box[top + round(1.5 * PX_PER_MM) : top + round(3.5 * PX_PER_MM), 3:-3]
    is_empty = below.size == 0 or below.any(0).mean() < 1 - _MIN_TOP_SHARE
    return bool(stroke.mean() > _MIN_TOP_SHARE and is_empty)


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
