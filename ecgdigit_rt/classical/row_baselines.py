"""The rows' zero lines: heights at which short strokes pile up along the paper."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.classical.paper_ink import PX_PER_MM, PaperInk
from ecgdigit_rt.errors import NoRowsFound
from ecgdigit_rt.layout.baselines import Baseline

_TALLEST_MM = 1.6  # of a stroke that runs along the row; QRS complexes, letters and bars are taller
_SPREAD_MM = 1.2  # a Gaussian's sigma: leads of one row do not stand on one height
_LEAST_GAP_MM = 8.0
_LEAST_MM = 50.0  # of a row's length, at its most usual height
_OF_STRONGEST = 0.3
_OF_LONGEST = 0.5  # a line of text is shorter than rows
_REACH_MM = 8.0  # around a row, where its own strokes are
_GAP_MM = 8.0  # that is bridged


def zero_lines(paper: PaperInk) -> list[Baseline]:
    """The rows from the top down, strength in millimetres of row at that height. Raises NoRowsFound."""
    flat = _level_strokes(paper.mask)
    pile = flat.sum(1).astype(np.float32) / PX_PER_MM
    sigma = _SPREAD_MM * PX_PER_MM
    # Of what piles up within a sigma: so a line of one height counts with about its length.
    pile = cv2.GaussianBlur(pile[:, None], (0, 0), sigma)[:, 0] * np.float32(np.sqrt(2 * np.pi) * sigma)
    least = max(_LEAST_MM, _OF_STRONGEST * float(pile.max(initial=0)))
    lines = [_line(paper, pile, top) for top in _tops(pile, least)]
    if not lines:
        raise NoRowsFound
    longest = max(line.end_mm - line.start_mm for line in lines)
    return [line for line in lines if line.end_mm - line.start_mm > _OF_LONGEST * longest]


def _level_strokes(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The middles of all vertical runs of ink that are no taller than a level stroke's, (rows, columns)."""
    edge = np.diff(np.pad(mask, ((1, 1), (0, 0))).astype(np.int8), axis=0)
    columns, first = np.nonzero(edge.T == 1)
    _, stop = np.nonzero(edge.T == -1)
    low = stop - first <= _TALLEST_MM * PX_PER_MM
    out = np.zeros(mask.shape, bool)
    out[(first[low] + stop[low] - 1) // 2, columns[low]] = True
    return out


def _tops(pile: NDArray[np.float32], least: float) -> list[int]:
    """Local maxima of at least `least`, from the top; of two too near each other the higher."""
    wide = np.pad(pile, 1)
    tops = np.flatnonzero((pile >= least) & (pile >= wide[:-2]) & (pile > wide[2:]))
    kept: list[int] = []
    for top in sorted(tops.tolist(), key=lambda at: -pile[at]):
        if all(abs(top - other) >= _LEAST_GAP_MM * PX_PER_MM for other in kept):
            kept.append(top)
    return sorted(kept)


def _line(paper: PaperInk, pile: NDArray[np.float32], top: int) -> Baseline:
    reach = round(_REACH_MM * PX_PER_MM)
    here = paper.mask[max(0, top - reach) : top + reach].any(0)
    gap = round(_GAP_MM * PX_PER_MM)
    columns = np.flatnonzero(here)
    pieces = np.split(columns, np.flatnonzero(np.diff(columns) > gap) + 1)
    longest = max(pieces, key=lambda piece: piece.size)
    u, v = paper.corner_mm
    return Baseline(
        v + (top + 0.5) / PX_PER_MM,
        u + float(longest[0]) / PX_PER_MM,
        u + float(longest[-1] + 1) / PX_PER_MM,
        float(pile[top]),
    )
