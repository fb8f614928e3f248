"""Ground truth of a scanned page with known signals, in the form that is used for synthetic pages.

The pipeline provides the geometry of the paper and the layout. The recording provides the exact signals. The
time in the recording at which the page starts, and the vertical offset of the trace, are unknown. Therefore
the signal of each lead is aligned with the trace in time, to a fraction of a column, and in height.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from ecgdigit_export.label.detected_marks import detected_marks
from ecgdigit_export.synth.truth import COLUMNS_PER_MM, PageTruth
from ecgdigit_rt.errors import TruthMismatch
from ecgdigit_rt.evaluation.metric import best_lag, db_from_ratio
from ecgdigit_rt.evaluation.truth import Truth
from ecgdigit_rt.geometry.mesh import Mesh
from ecgdigit_rt.pipeline import PageState
from ecgdigit_rt.results import Row, Segment
from ecgdigit_rt.tracing.lead_trace import LeadTrace

STEP_MM = 2.5
"""Lattice step of the geometry of a page, as for synthetic pages."""
OWN_PAGE_KIND = "own"
"""`PageTruth.kind` of the user's own pages, which this module labels."""

# Maximum lag in seconds, as in the metric of the competition.
_MAX_LAG_S = 0.2
# Fractions of a column that are added to the best lag in whole columns. Hand-picked, not tuned.
_FRACTIONS = np.linspace(-1, 1, 41)
MIN_QUALITY_DB = 8.0
"""Minimum signal-to-noise ratio of the traces. Hand-picked, not tuned.

If the ratio is lower, the truth is assumed to belong to another page.
"""


@dataclass(frozen=True, slots=True)
class SegmentFit:
    """Aligned truth of one segment.

    `height_mm` is (columns,), the height above the baseline. `signal_energy` is the energy of the truth about
    its median. `error_energy` is the energy of the difference between the truth and the trace. Both are sums
    in mm² over the columns with a confidence above 0, or over all columns if there are no such columns.
    """

    height_mm: NDArray[np.float64] = field(repr=False)
    signal_energy: float
    error_energy: float


def page_truth(state: PageState, truth: Truth, min_quality_db: float = MIN_QUALITY_DB) -> PageTruth:
    """Return the truth of the upright image `state.located.image`.

    Raises TruthMismatch if a lead of the page has no truth, or if the signal-to-noise ratio of the traces is
    less than `min_quality_db`.
    """
    layout = state.page.layout
    starts_s = _lead_starts_s(state)
    curves, fits = [], []
    for row, traces in zip(layout.rows, state.traces, strict=True):
        columns = round((row.end_mm - row.start_mm) * COLUMNS_PER_MM)
        curve = np.zeros(columns)
        for segment, trace in zip(row.segments, traces, strict=True):
            if segment.lead not in truth.leads:
                raise TruthMismatch(truth.image, f"it does not contain lead {segment.lead}")
            gain = -layout.gain_mm_mv if segment.is_inverted else layout.gain_mm_mv
            delay_s = segment.start_s - starts_s[segment.lead]
            spline = _Spline(truth.leads[segment.lead] * gain, truth.rate_hz, layout.speed_mm_s, delay_s)
            first, stop = _segment_columns(row, segment)
            columns_mm = row.start_mm + np.arange(first, stop) / COLUMNS_PER_MM
            fit = _fit_segment(spline, trace, segment, columns_mm)
            curve[first:stop] = fit.height_mm
            fits.append(fit)
        curves.append(curve.astype(np.float32))
    error = sum(fit.error_energy for fit in fits)
    db = db_from_ratio(sum(fit.signal_energy for fit in fits) / error) if error else np.inf
    if db < min_quality_db:
        problem = f"the signal-to-noise ratio of the traces is {db:.1f} dB (minimum {min_quality_db:g} dB)"
        raise TruthMismatch(truth.image, problem)
    mesh, image = state.mesh, state.located.image
    return PageTruth(
        kind=OWN_PAGE_KIND,
        image_size=(image.shape[1], image.shape[0]),
        nodes_px=_lattice_nodes(mesh),
        origin_mm=mesh.origin_mm,
        step_mm=STEP_MM,
        paper_mm=mesh.extent_mm,
        grid_mm=mesh.extent_mm,
        grid_is_readable=bool(np.isfinite(mesh.residual_px)),
        quarter_turns=0,
        layout=layout,
        curves=tuple(curves),
        marks=detected_marks(state.text.heatmap, layout),
    )


class _Spline:
    """Spline through the truth of a lead: height in mm as a function of a distance in mm.

    The distance is from the start of a segment. The height is constant beyond the ends of the truth.
    `delay_s` is the time from the first sample of the truth to the start of the segment.
    """

    def __init__(
        self, height_mm: NDArray[np.float64], rate_hz: float, speed_mm_s: float, delay_s: float
    ) -> None:
        self._spline = CubicSpline(np.arange(height_mm.size), height_mm)
        self._last = height_mm.size - 1
        self._per_mm, self._first = rate_hz / speed_mm_s, delay_s * rate_hz
        self.max_lag = round(_MAX_LAG_S * speed_mm_s * COLUMNS_PER_MM)  # in columns

    def at(self, from_start_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the heights at distances from the start of the segment."""
        sample = np.clip(self._first + from_start_mm * self._per_mm, 0, self._last)
        return np.asarray(self._spline(sample), np.float64)


def _fit_segment(
    spline: _Spline, trace: LeadTrace, segment: Segment, columns_mm: NDArray[np.float64]
) -> SegmentFit:
    """Return the truth at the positions `columns_mm`, aligned with the trace.

    The lag in whole columns maximises the cross-correlation over all columns. The fraction of a column that
    is added to the lag minimises the variance of the difference between the truth and the trace. The variance
    is computed over the columns with a confidence above 0, or over all columns if there are no such columns.
    """
    traced = trace.height_mm.astype(np.float64)
    along = trace.start_mm - segment.start_mm + np.arange(traced.size) / trace.columns_per_mm
    lag = best_lag(traced, spline.at(along), spline.max_lag)
    shifted = {
        fraction: spline.at(along - (lag + fraction) / trace.columns_per_mm) for fraction in _FRACTIONS
    }
    is_confident = trace.confidence > 0
    is_confident = is_confident if is_confident.any() else np.ones_like(is_confident)
    variances = {fraction: float(np.var((traced - true)[is_confident])) for fraction, true in shifted.items()}
    best = min(variances, key=lambda fraction: variances[fraction])
    offset = float(np.mean((traced - shifted[best])[is_confident]))
    height = spline.at(columns_mm - segment.start_mm - (lag + best) / trace.columns_per_mm) + offset
    signal = shifted[best][is_confident]
    energy = float(np.sum(np.square(signal - np.median(signal))))
    return SegmentFit(height, energy, variances[best] * int(is_confident.sum()))


def _segment_columns(row: Row, segment: Segment) -> tuple[int, int]:
    """Return the first column of a segment in its row, and the column after its last one."""
    columns = round((row.end_mm - row.start_mm) * COLUMNS_PER_MM)
    first = round((segment.start_mm - row.start_mm) * COLUMNS_PER_MM)
    is_last = segment is row.segments[-1]
    return first, columns if is_last else round((segment.end_mm - row.start_mm) * COLUMNS_PER_MM)


def _lead_starts_s(state: PageState) -> Mapping[str, float]:
    """Return the assumed start of the truth of each lead in s: the start of the lead's longest segment."""
    longest: dict[str, Segment] = {}
    for row in state.page.layout.rows:
        for segment in row.segments:
            known = longest.get(segment.lead)
            if known is None or segment.end_s - segment.start_s > known.end_s - known.start_s:
                longest[segment.lead] = segment
    return {lead: segment.start_s for lead, segment in longest.items()}


def _lattice_nodes(mesh: Mesh) -> NDArray[np.float32]:
    """Return the image positions of the nodes of a lattice with step `STEP_MM`."""
    left, top, right, bottom = mesh.extent_mm
    u = left + STEP_MM * np.arange(round((right - left) / STEP_MM) + 1)
    v = top + STEP_MM * np.arange(round((bottom - top) / STEP_MM) + 1)
    return np.stack(mesh.pixels_from_mm(u[None, :], v[:, None]), -1).astype(np.float32)
