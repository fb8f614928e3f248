"""A page of one's own with its signals becomes what synthetic pages are: exact geometry and curves.

The pipeline tells where the paper's millimetres lie and which lead stands where, the truth tells what the
curves really are. Each lead's truth is laid over what was traced: the best shift along time, to a fraction of
a column, and the best height, since an electrocardiograph's zero line and a page's first moment are
conventions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from ecgdigit_export.label.seen_marks import seen_marks
from ecgdigit_export.synth.truth import COLUMNS_PER_MM, PageTruth
from ecgdigit_rt.errors import TruthDoesNotFit
from ecgdigit_rt.evaluation.metric import best_lag, decibel
from ecgdigit_rt.evaluation.truth import Truth
from ecgdigit_rt.geometry.mesh import Mesh
from ecgdigit_rt.pipeline import PageSteps
from ecgdigit_rt.results import Row, Segment
from ecgdigit_rt.tracing.lead_trace import LeadTrace

STEP_MM = 2.5
OWN = "own"
"""The kind of such pages."""

_MAX_LAG_S = 0.2
_FRACTIONS = np.linspace(-1, 1, 41)
LEAST_DB = 8.0
"""What the pipeline reads of a page must be this near to its truth, or it is of another page."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """One lead's truth on paper: (columns,) mm above the baseline, and how far what was traced is from it."""

    height_mm: NDArray[np.float64] = field(repr=False)
    signal: float
    error: float


def page_truth(steps: PageSteps, truth: Truth, min_quality_db: float = LEAST_DB) -> PageTruth:
    """The truth of the upright picture `steps.located.image`.

    Raises TruthDoesNotFit where a lead of the page has no truth, or what was traced is another signal.
    """
    layout = steps.page.layout
    begins = _begins(steps)
    curves, fits = [], []
    for row, traces in zip(layout.rows, steps.traces, strict=True):
        columns = round((row.end_mm - row.start_mm) * COLUMNS_PER_MM)
        curve = np.zeros(columns)
        for segment, trace in zip(row.segments, traces, strict=True):
            if segment.lead not in truth.leads:
                raise TruthDoesNotFit(truth.image, f"it has no lead {segment.lead}")
            gain = -layout.gain_mm_mv if segment.is_inverted else layout.gain_mm_mv
            late_s = segment.start_s - begins[segment.lead]
            curve_mm = _Curve(truth.leads[segment.lead] * gain, truth.rate_hz, layout.speed_mm_s, late_s)
            first, stop = _columns(row, segment)
            places = row.start_mm + np.arange(first, stop) / COLUMNS_PER_MM
            fitted = _fitted(curve_mm, trace, segment, places)
            curve[first:stop] = fitted.height_mm
            fits.append(fitted)
        curves.append(curve.astype(np.float32))
    error = sum(one.error for one in fits)
    db = decibel(sum(one.signal for one in fits) / error) if error else np.inf
    if db < min_quality_db:
        raise TruthDoesNotFit(truth.image, f"what is traced agrees with it by {db:.1f} dB only")
    mesh, image = steps.mesh, steps.located.image
    return PageTruth(
        kind=OWN,
        image_size=(image.shape[1], image.shape[0]),
        nodes_px=_nodes(mesh),
        origin_mm=mesh.origin_mm,
        step_mm=STEP_MM,
        paper_mm=mesh.extent_mm,
        grid_mm=mesh.extent_mm,
        grid_is_readable=bool(np.isfinite(mesh.residual_px)),
        quarter_turns=0,
        layout=layout,
        curves=tuple(curves),
        marks=seen_marks(steps.heat, layout),
    )


class _Curve:
    """A lead's truth as millimetres over millimetres; beyond its ends it stays as it is there.

    late_s: how much later than the truth's first sample the segment begins.
    """

    def __init__(
        self, height_mm: NDArray[np.float64], rate_hz: float, speed_mm_s: float, late_s: float
    ) -> None:
        self._spline = CubicSpline(np.arange(height_mm.size), height_mm)
        self._last = height_mm.size - 1
        self._per_mm, self._from = rate_hz / speed_mm_s, late_s * rate_hz
        self.most_lag = round(_MAX_LAG_S * speed_mm_s * COLUMNS_PER_MM)  # in columns

    def at(self, from_start_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        place = np.clip(self._from + from_start_mm * self._per_mm, 0, self._last)
        return np.asarray(self._spline(place), np.float64)


def _fitted(curve: _Curve, trace: LeadTrace, segment: Segment, places_mm: NDArray[np.float64]) -> Fitted:
    """The truth where the trace has it."""
    seen = trace.height_mm.astype(np.float64)
    along = trace.start_mm - segment.start_mm + np.arange(seen.size) / trace.columns_per_mm
    lag = best_lag(seen, curve.at(along), curve.most_lag)
    moved = {share: curve.at(along - (lag + share) / trace.columns_per_mm) for share in _FRACTIONS}
    sure = trace.confidence > 0
    sure = sure if sure.any() else np.ones_like(sure)
    left = {share: float(np.var((seen - one)[sure])) for share, one in moved.items()}
    best = min(left, key=lambda share: left[share])
    offset = float(np.mean((seen - moved[best])[sure]))
    height = curve.at(places_mm - segment.start_mm - (lag + best) / trace.columns_per_mm) + offset
    signal = float(np.sum(np.square(moved[best][sure] - np.median(moved[best][sure]))))
    return Fitted(height, signal, left[best] * int(sure.sum()))


def _columns(row: Row, segment: Segment) -> tuple[int, int]:
    """The row's columns that are the segment's; the last one's reach to the end."""
    columns = round((row.end_mm - row.start_mm) * COLUMNS_PER_MM)
    first = round((segment.start_mm - row.start_mm) * COLUMNS_PER_MM)
    is_last = segment is row.segments[-1]
    return first, columns if is_last else round((segment.end_mm - row.start_mm) * COLUMNS_PER_MM)


def _begins(steps: PageSteps) -> Mapping[str, float]:
    """When each lead's truth begins: with its longest segment, as the record's own leads do."""
    longest: dict[str, Segment] = {}
    for row in steps.page.layout.rows:
        for segment in row.segments:
            known = longest.get(segment.lead)
            if known is None or segment.end_s - segment.start_s > known.end_s - known.start_s:
                longest[segment.lead] = segment
    return {lead: segment.start_s for lead, segment in longest.items()}


def _nodes(mesh: Mesh) -> NDArray[np.float32]:
    """The mesh's places at every `STEP_MM`."""
    left, top, right, bottom = mesh.extent_mm
    u = left + STEP_MM * np.arange(round((right - left) / STEP_MM) + 1)
    v = top + STEP_MM * np.arange(round((bottom - top) / STEP_MM) + 1)
    return np.stack(mesh.pixels_from_mm(u[None, :], v[:, None]), -1).astype(np.float32)
