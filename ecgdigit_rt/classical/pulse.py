"""Calibration pulses: boxes of one millivolt and, on most machines, two tenths of a second.

Their height is the gain and their width the paper's speed, as far as a width of 5 mm can be told from
10 mm; machines that print the same width at every speed exist, and their pages are read as 25 mm/s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.classical.paper_ink import PX_PER_MM, PaperInk
from ecgdigit_rt.layout.baselines import Baseline
from ecgdigit_rt.stages import GAINS, SPEEDS

_REACH_MM = 18.0  # from the row's end inwards
_BEYOND_MM = 6.0
_PULSE_S = 0.2
_HEIGHT_MM = (4.0, 24.0)
_WIDTHS_MM = tuple(_PULSE_S * speed for speed in SPEEDS.values())
_OFF_MM = 0.9  # by which a pulse may miss a known width or height
_LEVEL_MM = 0.6  # by which its top may stray
_FULL = 0.85  # share of a side that is ink


@dataclass(frozen=True, slots=True)
class Pulse:
    """A pulse at a row: its sides and the heights of its foot and top on paper (v grows downwards)."""

    start_mm: float
    end_mm: float
    foot_mm: float
    top_mm: float

    @property
    def height_mm(self) -> float:
        return self.foot_mm - self.top_mm


@dataclass(frozen=True, slots=True)
class Pulses:
    """What the pulses of a page's rows say. side: left, right, or empty where there are none."""

    found: Sequence[Pulse]
    side: str
    gain_mm_mv: float | None
    speed_mm_s: float | None

    @property
    def median_sides_mm(self) -> tuple[float, float] | None:
        """Where the pulses' two sides stand: below each other on all rows."""
        if not self.found:
            return None
        return (
            float(np.median([pulse.start_mm for pulse in self.found])),
            float(np.median([pulse.end_mm for pulse in self.found])),
        )


def page_pulses(paper: PaperInk, lines: Sequence[Baseline]) -> Pulses:
    """The pulses at the rows' ends, on the side where more rows have one; none where less than half do."""
    sides = {
        side: [pulse for line in lines if (pulse := _row_pulse(paper, line, side)) is not None]
        for side in ("left", "right")
    }
    side = max(sides, key=lambda name: len(sides[name]))
    found = sides[side]
    if 2 * len(found) < len(lines):
        return Pulses((), "", None, None)
    height = float(np.median([pulse.height_mm for pulse in found]))
    width = float(np.median([pulse.end_mm - pulse.start_mm for pulse in found]))
    gain = min(GAINS.values(), key=lambda value: abs(value - height))
    speed = min(SPEEDS.values(), key=lambda value: abs(_PULSE_S * value - width))
    return Pulses(found, side, gain, speed)


def _row_pulse(paper: PaperInk, line: Baseline, side: str) -> Pulse | None:
    """The first box at the row's end, from outside."""
    u, v = paper.corner_mm
    at = line.start_mm if side == "left" else line.end_mm
    inner, outer = (_REACH_MM, _BEYOND_MM) if side == "left" else (_BEYOND_MM, _REACH_MM)
    first = max(0, round((at - outer - u) * PX_PER_MM))
    stop = max(0, round((at + inner - u) * PX_PER_MM))
    base = round((line.v_mm - v) * PX_PER_MM)
    top = max(0, base - round(_HEIGHT_MM[1] * PX_PER_MM) - 4)
    window = paper.mask[top : base + round(3 * PX_PER_MM), first:stop]
    box = _box(window)
    if box is None:
        return None
    left, right, upper, lower = box
    places = (first + left) / PX_PER_MM + u, (first + right) / PX_PER_MM + u
    return Pulse(*places, (top + lower) / PX_PER_MM + v, (top + upper) / PX_PER_MM + v)


def _box(window: NDArray[np.bool_]) -> tuple[float, float, float, float] | None:
    """Left, right, upper and lower middle of the strokes of the first box that stands open below."""
    posts = _posts(window)
    for k, (left, upper, lower) in enumerate(posts):
        for right, top, foot in posts[k + 1 :]:
            box, roof = window[:, left : right + 1], min(upper, top)
            uneven = max(abs(top - upper), abs(foot - lower)) > 2 * _LEVEL_MM * PX_PER_MM
            if uneven or not _is_pulse_wide(right - left) or not _has_roof(box, roof):
                continue
            half = _stroke(box, roof) / 2
            sides = left + _wide(posts, left) / 2, right + _wide(posts, right) / 2
            return *sides, upper + half, max(lower, foot) - half
    return None


def _posts(window: NDArray[np.bool_]) -> list[tuple[int, int, int]]:
    """Columns with a run of ink as tall as a pulse, and where that begins and stops."""
    runs = [(column, *_longest_run(window[:, column])) for column in range(window.shape[1])]
    return [run for run in runs if run[2] - run[1] >= _HEIGHT_MM[0] * PX_PER_MM]


def _is_pulse_wide(columns: int) -> bool:
    return any(abs(columns / PX_PER_MM - known) < _OFF_MM for known in _WIDTHS_MM)


def _longest_run(column: NDArray[np.bool_]) -> tuple[int, int]:
    edge = np.diff(np.pad(column, 1).astype(np.int8))
    first, stop = np.flatnonzero(edge == 1), np.flatnonzero(edge == -1)
    if first.size == 0:
        return 0, 0
    k = int((stop - first).argmax())
    return int(first[k]), int(stop[k])


def _has_roof(box: NDArray[np.bool_], top: int) -> bool:
    """Whether the top of a box is one level stroke, and below it there is nothing for a while."""
    roof = box[max(0, top - 1) : top + round(_LEVEL_MM * PX_PER_MM) + 2].any(0)
    below = box[top + round(1.5 * PX_PER_MM) : top + round(3.5 * PX_PER_MM), 3:-3]
    return bool(roof.mean() > _FULL and (below.size == 0 or below.any(0).mean() < 1 - _FULL))


def _stroke(box: NDArray[np.bool_], top: int) -> float:
    """How thick the roof is, in pixels."""
    near = box[max(0, top - 1) : top + 2 * PX_PER_MM, 3:-3]
    return float(np.median(near.sum(0))) if near.size else 1.0


def _wide(posts: Sequence[tuple[int, int, int]], column: int) -> int:
    """How many columns wide the post is that begins at `column`."""
    own = {post[0] for post in posts}
    count = 1
    while column + count in own:
        count += 1
    return count
