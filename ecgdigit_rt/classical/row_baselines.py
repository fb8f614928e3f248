"""Baselines of the rows, at heights with many flat strokes along the paper."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.classical.paper_ink import PX_PER_MM, PaperInk
from ecgdigit_rt.errors import NoRowsFound
from ecgdigit_rt.layout.baselines import Baseline

# Hand-picked, not tuned.
_MAX_STROKE_MM = 1.6  # maximum height of a flat stroke; QRS complexes, letters and separators are taller
_SIGMA_MM = 1.2  # width of the Gaussian that merges the different heights of leads in one row
_MIN_ROW_GAP_MM = 8.0  # minimum distance between two baselines
_MIN_STRENGTH_MM = 50.0  # minimum length of a row at its most frequent height
_MIN_RELATIVE_STRENGTH = 0.3  # minimum strength of a row, relative to the strongest one
_MIN_RELATIVE_LENGTH = 0.5  # minimum length of a row, relative to the longest one; lines of text are shorter
_REACH_MM = 8.0  # distance from a baseline within which strokes belong to its row
_MAX_GAP_MM = 8.0  # maximum gap between strokes of one row


def find_row_baselines(paper: PaperInk) -> list[Baseline]:
    """Return the baselines of the rows from the top down. Raises NoRowsFound.

    The strength of a baseline is the total length of flat strokes near its height, in millimetres.
    """
    strokes = _flat_strokes(paper.mask)
    histogram = strokes.sum(1).astype(np.float32) / PX_PER_MM
    sigma = _SIGMA_MM * PX_PER_MM
    # The scale makes a line of constant height contribute about its length.
    histogram = cv2.GaussianBlur(histogram[:, None], (0, 0), sigma)[:, 0]
    histogram = histogram * np.float32(np.sqrt(2 * np.pi) * sigma)
    min_strength = max(_MIN_STRENGTH_MM, _MIN_RELATIVE_STRENGTH * float(histogram.max(initial=0)))
    baselines = [_baseline(paper, histogram, peak) for peak in _peaks(histogram, min_strength)]
    if not baselines:
        raise NoRowsFound
    longest = max(baseline.end_mm - baseline.start_mm for baseline in baselines)
    min_length = _MIN_RELATIVE_LENGTH * longest
    return [baseline for baseline in baselines if baseline.end_mm - baseline.start_mm > min_length]


def _flat_strokes(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the mask of the middles of vertical ink runs of at most `_MAX_STROKE_MM`, (rows, columns)."""
    edge = np.diff(np.pad(mask, ((1, 1), (0, 0))).astype(np.int8), axis=0)
    columns, first = np.nonzero(edge.T == 1)
    _, stop = np.nonzero(edge.T == -1)
    is_flat = stop - first <= _MAX_STROKE_MM * PX_PER_MM
    out = np.zeros(mask.shape, bool)
    out[(first[is_flat] + stop[is_flat] - 1) // 2, columns[is_flat]] = True
    return out


def _peaks(histogram: NDArray[np.float32], min_strength: float) -> list[int]:
    """Return the rows of the local maxima of at least `min_strength`, from the top down.

    Of two maxima closer than `_MIN_ROW_GAP_MM`, only the stronger one is returned.
    """
    padded = np.pad(histogram, 1)
    is_peak = (histogram >= padded[:-2]) & (histogram > padded[2:])
    candidates = np.flatnonzero((histogram >= min_strength) & is_peak)
    peaks: list[int] = []
    for candidate in sorted(candidates.tolist(), key=lambda row: -histogram[row]):
        if all(abs(candidate - peak) >= _MIN_ROW_GAP_MM * PX_PER_MM for peak in peaks):
            peaks.append(candidate)
    return sorted(peaks)


def _baseline(paper: PaperInk, histogram: NDArray[np.float32], peak: int) -> Baseline:
    reach = round(_REACH_MM * PX_PER_MM)
    columns = np.flatnonzero(paper.mask[max(0, peak - reach) : peak + reach].any(0))
    max_gap = round(_MAX_GAP_MM * PX_PER_MM)
    pieces = np.split(columns, np.flatnonzero(np.diff(columns) > max_gap) + 1)
    longest = max(pieces, key=lambda piece: piece.size)
    u, v = paper.corner_mm
    return Baseline(
        v + (peak + 0.5) / PX_PER_MM,
        u + float(longest[0]) / PX_PER_MM,
        u + float(longest[-1] + 1) / PX_PER_MM,
        float(histogram[peak]),
    )
