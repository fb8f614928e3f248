"""The rows' zero lines, from stage 0's heat on the paper."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ecgdigit_rt.errors import NoRowsFound
from ecgdigit_rt.layout.paper_heatmap import CELL_MM, FINE_MM, Float, PaperHeatmap
from ecgdigit_rt.stages import BASELINE

_LEAST_ROW_GAP_MM = 7.0
_LEAST_ROW_MM = 40.0
_LINE_LEVEL = 0.5  # of the line's own height: where a blurred end stands


@dataclass(frozen=True, slots=True)
class Baseline:
    """A row's zero line as stage 0 saw it."""

    v_mm: float
    start_mm: float
    end_mm: float
    strength: float


def find_baselines(heat: PaperHeatmap) -> list[Baseline]:
    """The rows' zero lines from the top down: ridges of the baseline heat along u. Raises NoRowsFound."""
    line = cv2.GaussianBlur(heat.channel(BASELINE), (0, 0), sigmaX=3 / CELL_MM, sigmaY=0.5 / FINE_MM)
    profile = np.sort(line, axis=1)[:, -round(120 / CELL_MM) :].mean(1)  # the best 12 cm of each height
    if profile.size == 0 or profile.max() < 0.08:
        raise NoRowsFound
    lines = []
    for peak in _peaks(profile, max(0.08, 0.3 * float(profile.max())), round(_LEAST_ROW_GAP_MM / FINE_MM)):
        band = line[max(0, peak - 3) : peak + 4].max(0)
        there = np.flatnonzero(band > _LINE_LEVEL * np.percentile(band, 95))
        if there.size == 0 or (there[-1] - there[0]) * CELL_MM < _LEAST_ROW_MM:
            continue
        lines.append(
            Baseline(
                _vertex(profile, peak) * FINE_MM + float(heat.v_mm[0]),
                float(heat.u_mm[there[0]]),
                float(heat.u_mm[there[-1]]) + CELL_MM,
                float(profile[peak]),
            )
        )
    if not lines:
        raise NoRowsFound
    return lines


def _peaks(values: Float, least: float, distance: int) -> list[int]:
    """Local maxima of at least `least`, from left to right; of two nearer than `distance` the higher."""
    wide = np.pad(values, 1, constant_values=-np.inf)
    tops = np.flatnonzero((values >= least) & (values >= wide[:-2]) & (values > wide[2:]))
    kept: list[int] = []
    for top in sorted(tops.tolist(), key=lambda at: -values[at]):
        if all(abs(top - other) >= distance for other in kept):
            kept.append(top)
    return sorted(kept)


def _vertex(values: Float, peak: int) -> float:
    """The top of the parabola through a peak and its neighbours, in cells."""
    if not 0 < peak < values.size - 1:
        return float(peak)
    before, at, after = (float(value) for value in values[peak - 1 : peak + 2])
    bend = before - 2 * at + after
    return peak + (0.5 * (before - after) / bend if bend < 0 else 0.0)
