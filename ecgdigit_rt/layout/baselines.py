"""Detection of the baselines of the rows in the heatmap of the locate stage."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ecgdigit_rt.errors import NoRowsFound
from ecgdigit_rt.layout.paper_heatmap import CELL_U_MM, CELL_V_MM, Float, PaperHeatmap
from ecgdigit_rt.stages import BASELINE

# Hand-picked, not tuned.
_MIN_ROW_GAP_MM = 7.0  # minimum distance between two baselines
_MIN_ROW_MM = 40.0  # minimum length of a row
_PROFILE_MM = 120.0  # total length of the strongest cells that are averaged at each height
_MIN_STRENGTH = 0.08  # minimum strength of a row
_MIN_RELATIVE_STRENGTH = 0.3  # minimum strength of a row, relative to the strongest one
_END_LEVEL = 0.5  # activation at the ends of a row, relative to its 95th percentile: edge of a blurred step


@dataclass(frozen=True, slots=True)
class Baseline:
    """Detected baseline of a row.

    `strength` ranks the baselines of one page. It is the mean activation, 0 to 1, or a length in millimetres
    in the classical method.
    """

    v_mm: float
    start_mm: float
    end_mm: float
    strength: float


def find_baselines(heatmap: PaperHeatmap) -> list[Baseline]:
    """Return the baselines of the rows from the top down: ridges of the baseline heatmap along u.

    Raises NoRowsFound.
    """
    line = cv2.GaussianBlur(heatmap.channel(BASELINE), (0, 0), sigmaX=3 / CELL_U_MM, sigmaY=0.5 / CELL_V_MM)
    profile = np.sort(line, axis=1)[:, -round(_PROFILE_MM / CELL_U_MM) :].mean(1)
    if profile.size == 0 or profile.max() < _MIN_STRENGTH:
        raise NoRowsFound
    baselines = []
    min_strength = max(_MIN_STRENGTH, _MIN_RELATIVE_STRENGTH * float(profile.max()))
    for peak in _peaks(profile, min_strength, round(_MIN_ROW_GAP_MM / CELL_V_MM)):
        band = line[max(0, peak - 3) : peak + 4].max(0)
        columns = np.flatnonzero(band > _END_LEVEL * np.percentile(band, 95))
        if columns.size == 0 or (columns[-1] - columns[0]) * CELL_U_MM < _MIN_ROW_MM:
            continue
        baselines.append(
            Baseline(
                _vertex(profile, peak) * CELL_V_MM + float(heatmap.v_mm[0]),
                float(heatmap.u_mm[columns[0]]),
                float(heatmap.u_mm[columns[-1]]) + CELL_U_MM,
                float(profile[peak]),
            )
        )
    if not baselines:
        raise NoRowsFound
    return baselines


def _peaks(profile: Float, minimum: float, distance: int) -> list[int]:
    """Return the indices of the local maxima of at least `minimum`, in ascending order.

    Of two maxima closer than `distance`, only the higher one is returned.
    """
    wide = np.pad(profile, 1, constant_values=-np.inf)
    maxima = np.flatnonzero((profile >= minimum) & (profile >= wide[:-2]) & (profile > wide[2:]))
    peaks: list[int] = []
    for maximum in sorted(maxima.tolist(), key=lambda at: -profile[at]):
        if all(abs(maximum - other) >= distance for other in peaks):
            peaks.append(maximum)
    return sorted(peaks)


def _vertex(profile: Float, peak: int) -> float:
    """Return the position of the vertex of the parabola through a peak and its neighbours, in cells."""
    if not 0 < peak < profile.size - 1:
        return float(peak)
    before, at, after = (float(value) for value in profile[peak - 1 : peak + 2])
    curvature = before - 2 * at + after
    return peak + (0.5 * (before - after) / curvature if curvature < 0 else 0.0)
