"""Where the record begins and ends on paper: what all rows show together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ecgdigit_rt.record import Layout
from ecgdigit_rt.rows import RowEnds

_USUAL_WIDTHS_MM = (250.0, 125.0)
_WIDTH_TOLERANCE_MM = 8.0
_ROUGH_TOLERANCE_MM = 16.0
_AGREEMENT_MM = 0.6
_SAME_PLACE_MM = 0.15


def common_extent_mm(
    starts: Sequence[float], ends: Sequence[float], pulse_side: str = ""
) -> tuple[float, float]:
    """Start and end of the record on paper, from where the rows' traces begin and end.

    Machines print 250 mm (or half of that) and start all rows together: then every row's two ends
    measure one number, and their mean is good to a fraction of a 500 Hz sample (0.05 mm). A calibration
    pulse that runs into the trace hides the end it stands at (`pulse_side` left or right): where the two
    sides disagree, the other one is believed. With any other width, the medians.
    """
    start, end = float(np.median(starts)), float(np.median(ends))
    for width in _USUAL_WIDTHS_MM:
        if abs(end - start - width) > _WIDTH_TOLERANCE_MM:
            continue
        by_side = {"left": np.asarray(starts), "right": np.asarray(ends) - width}
        if abs(end - start - width) > _SAME_PLACE_MM and pulse_side in by_side:
            del by_side[pulse_side]
        measured = np.concatenate(list(by_side.values()))
        middle = float(np.median(measured))
        agreeing = measured[np.abs(measured - middle) < _AGREEMENT_MM]
        start = float(agreeing.mean()) if agreeing.size else middle
        return start, start + width
    return start, end


def record_extent_mm(ends: Sequence[RowEnds], layout: Layout, pulse_side: str) -> tuple[float, float]:
    """The record's start and end from the ends that were seen.

    Where one side shows none, it is a usual width away from the other; where neither does, the layout's
    rough ends stand.
    """
    starts = [row.start_mm for row in ends if row.start_mm is not None]
    stops = [row.end_mm for row in ends if row.end_mm is not None]
    if starts and stops:
        return common_extent_mm(starts, stops, pulse_side)
    rough = layout.rows[0]
    if not starts and not stops:
        return rough.start_mm, rough.end_mm
    width = _usual_width(rough.end_mm - rough.start_mm)
    if starts:
        start = float(np.median(starts))
        return start, rough.end_mm if width is None else start + width
    end = float(np.median(stops))
    return rough.start_mm if width is None else end - width, end


def _usual_width(rough_mm: float) -> float | None:
    near = [width for width in _USUAL_WIDTHS_MM if abs(rough_mm - width) < _ROUGH_TOLERANCE_MM]
    return near[0] if near else None
