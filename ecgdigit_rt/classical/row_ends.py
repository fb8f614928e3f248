"""Where rows begin and end on paper, from their ink."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ecgdigit_rt.classical.ink_trace import InkStrip
from ecgdigit_rt.results import Row
from ecgdigit_rt.stages import COLUMNS_PER_MM
from ecgdigit_rt.tracing.row_traces import RowEnds

_ABSENT = -2.0  # how much more a column without ink tells than one with it
_LEAST_SHARE = 0.5  # of the row's rough length
_ONE_PLACE_MM = 0.4


def row_ends(strip: InkStrip, row: Row, pulse_side: str, pulse_mm: tuple[float, float] | None) -> RowEnds:
    """Where the row's ink begins and ends, less half a pen's width; the pulse is none of the row's.

    pulse_mm: the places of its two sides.
    """
    run = strip.run(0, strip.ink.shape[1])
    clear = run.clear.copy()
    if pulse_mm is not None and pulse_side == "left":
        clear[: strip.column(pulse_mm[1] + run.radius_mm)] = False
    elif pulse_mm is not None:
        clear[strip.column(pulse_mm[0] - run.radius_mm) :] = False
    total = np.concatenate([[0.0], np.cumsum(np.where(clear, 1.0, _ABSENT))])
    gain = total - np.minimum.accumulate(total)
    stop = int(gain.argmax())
    first = int(total[: stop + 1].argmin())
    if stop - first < _LEAST_SHARE * (row.end_mm - row.start_mm) * COLUMNS_PER_MM:
        return RowEnds(None, None)
    half = 0.5 / COLUMNS_PER_MM
    start = strip.start_mm + first / COLUMNS_PER_MM - half + run.radius_mm
    end = strip.start_mm + stop / COLUMNS_PER_MM - half - run.radius_mm + 2 * half
    return RowEnds(start if first > 0 else None, end if stop < clear.size else None)


def agreeing(ends: Sequence[RowEnds]) -> list[RowEnds]:
    """The ends less those that stand apart from where others begin or end: a row's tip may be pale, or a
    speck behind it dark. Of equal counts the outer place is believed; where no two agree, all are."""
    start = _usual([row.start_mm for row in ends], -1)
    end = _usual([row.end_mm for row in ends], 1)
    return [RowEnds(_near(row.start_mm, start), _near(row.end_mm, end)) for row in ends]


def _usual(places: Sequence[float | None], outwards: int) -> float | None:
    """The place that has most others near it, None where none has any."""
    known = [place for place in places if place is not None]
    counts = [(sum(abs(x - place) < _ONE_PLACE_MM for x in known), outwards * place) for place in known]
    most, place = max(counts, default=(0, 0.0))
    return outwards * place if most > 1 else None


def _near(place: float | None, usual: float | None) -> float | None:
    apart = place is not None and usual is not None and abs(place - usual) > _ONE_PLACE_MM
    return None if apart else place
