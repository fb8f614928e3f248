"""Assembly of a page from its traces: leads in millivolts and seconds, and the digitized page."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecgdigit_kernels.pchip import fill_gaps
from ecgdigit_rt.doubts import Doubt
from ecgdigit_rt.errors import PageDoubtful, QualityTooLow
from ecgdigit_rt.geometry.mesh import Mesh
from ecgdigit_rt.results import PICTURE, RATE_HZ, Digitized, Layout, Lead, PageRef, Provenance, Row, Segment
from ecgdigit_rt.tracing.ecg_check import confident_leads
from ecgdigit_rt.tracing.lead_relations import enforce_einthoven, repeat_difference_mv
from ecgdigit_rt.tracing.lead_trace import LeadTrace
from ecgdigit_rt.tracing.witnesses import signal_doubts

_MAX_OUTSIDE_S = 0.05
"""Maximum duration of the part of a segment beyond the edge of the image. If the end of a segment extends
further, the segment is cut at the edge. Hand-picked, not tuned."""


def stretch_layout(layout: Layout, start_mm: float, end_mm: float, gap_mm: float = 0.0) -> Layout:
    """Return the layout with each row stretched to the range from `start_mm` to `end_mm`.

    Rows are divided into segments of equal width, which are `gap_mm` apart. The range excludes the gaps.
    Times are measured from `start_mm`, or from the end of the previous row if the rows continue each other.
    """
    rows: list[Row] = []
    is_consecutive = len(layout.rows) > 1 and layout.rows[1].segments[0].start_s > 0
    for row in layout.rows:
        cuts = np.linspace(start_mm, end_mm, len(row.segments) + 1)
        first_mm = start_mm - is_consecutive * len(rows) * (end_mm - start_mm)
        shifts = gap_mm * np.arange(len(row.segments))
        segments = tuple(
            dataclasses.replace(
                segment,
                start_mm=float(left + shift),
                end_mm=float(right + shift),
                start_s=float(left - first_mm) / layout.speed_mm_s,
                end_s=float(right - first_mm) / layout.speed_mm_s,
            )
            for segment, left, right, shift in zip(row.segments, cuts[:-1], cuts[1:], shifts, strict=True)
        )
        rows.append(Row(row.baseline_mm, segments))
    return Layout(layout.name, tuple(rows), layout.speed_mm_s, layout.gain_mm_mv)


def _lead(
    segment: Segment, row: Row, trace: LeadTrace, layout: Layout, mesh: Mesh, size_px: tuple[float, float]
) -> Lead:
    """Return one segment as a lead, with the positions of its samples in the image."""
    count = int(np.floor((segment.end_s - segment.start_s) * RATE_HZ + 1e-6))
    step_mm = layout.speed_mm_s / RATE_HZ
    u = segment.start_mm + np.arange(count) * step_mm
    column = (u - trace.start_mm) * trace.columns_per_mm
    at = np.clip(column, -0.5, trace.height_mm.size - 0.5)
    height = _interpolate(trace.height_mm, at)
    nearest = np.clip(np.round(at).astype(int), 0, trace.height_mm.size - 1)
    x, y = mesh.pixels_from_mm(u, row.baseline_mm - height)
    inside = (x <= size_px[0]) & (y <= size_px[1]) & (np.isinf(size_px[0]) | ((x >= 0) & (y >= 0)))
    confidence = np.where(inside, trace.confidence[nearest], 0)
    if not inside.all():
        height, count = _fill_outside(height, inside)
        x, y = mesh.pixels_from_mm(u, row.baseline_mm - height)
    mm_mv = -layout.gain_mm_mv if segment.is_inverted else layout.gain_mm_mv
    return Lead(
        name=segment.lead,
        mv=(height / mm_mv).astype(np.float32)[:count],
        rate_hz=RATE_HZ,
        start_s=segment.start_s,
        confidence=float(confidence[:count].mean()) if count else 0.0,
        curve_px=np.stack([x, y], -1).astype(np.float32)[:count],
        expected_error_mv=expected_error_mm(trace.spread_mm[nearest], height, step_mm) / layout.gain_mm_mv,
    )


def _fill_outside(height: NDArray[np.float64], inside: NDArray[np.bool_]) -> tuple[NDArray[np.float64], int]:
    """Return the heights with the samples outside the image replaced, and the number of samples to keep.

    Outside the image, a strip repeats the pixels at the edge, and the predicted heights follow these pixels.
    These heights are replaced: they are interpolated between samples inside the image, and beyond the first
    or last of these the nearest height is repeated. The number excludes the samples after the last one inside
    if their duration exceeds `_MAX_OUTSIDE_S`.
    """
    filled = fill_gaps(height.astype(np.float32), inside).astype(np.float64)
    count = int(np.flatnonzero(inside)[-1]) + 1 if inside.any() else 0
    is_cut = height.size - count > _MAX_OUTSIDE_S * RATE_HZ
    return filled, count if is_cut else height.size


def _interpolate(samples: NDArray[np.float32], index: NDArray[np.float64]) -> NDArray[np.float64]:
    """Interpolate samples (n,) at fractional indices with a Catmull-Rom cubic.

    At each end, one further sample is extrapolated linearly. Linear interpolation between samples would lower
    the tip of an R wave by about 4 %.
    """
    if samples.size == 1:
        return np.full(index.shape, float(samples[0]))
    ends = 2 * samples[[0, -1]].astype(np.float64) - samples[[1, -2]]
    known = np.concatenate([ends[:1], samples, ends[1:]])
    before = np.clip(np.floor(index).astype(np.intp), 0, samples.size - 2)
    t = index - before
    a, b, c, d = (known[before + k] for k in range(4))
    return np.asarray(b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a))))


def segments_from_traces(
    layout: Layout,
    traces: Sequence[Sequence[LeadTrace]],
    mesh: Mesh,
    size_px: tuple[float, float] = (np.inf, np.inf),
) -> list[Lead]:
    """Return every segment, sampled at 500 Hz, in the order of the page.

    `traces` has one trace per segment of every row of the layout, with heights in mm above the baseline of
    the row. `size_px` is the width and height of the image. Samples outside the image are filled in from
    samples inside. A segment whose end is more than 50 ms beyond the image is cut at the edge. By default, no
    sample is outside. A lead that has a rhythm strip may occur twice.
    """
    return [
        _lead(segment, row, trace, layout, mesh, size_px)
        for row, row_traces in zip(layout.rows, traces, strict=True)
        for segment, trace in zip(row.segments, row_traces, strict=True)
    ]


def rotate_points(
    points: NDArray[np.float32], size: tuple[int, int], quarter_turns: int
) -> NDArray[np.float32]:
    """Return points (n, 2) of an image of `size` (width, height) after clockwise turns of the image."""
    width, height = size
    for _ in range(quarter_turns % 4):
        points = np.stack([height - points[:, 1], points[:, 0]], -1)
        width, height = height, width
    return np.ascontiguousarray(points, np.float32)


_SCALE, _SPREAD_EXPONENT, _STEEPNESS_EXPONENT = 0.142, 0.773, 0.527
"""Scale and exponents of the expected error, fitted by benchmarks/expected_error.py to 1290 leads of
synthetic pages."""
_MIN_SPREAD_MM, _MIN_STEEPNESS = 0.2, 0.3
"""Minimum spread and steepness of a lead in the formula. Hand-picked, not tuned."""


def expected_error_mm(
    spread_mm: NDArray[np.floating], height_mm: NDArray[np.floating], step_mm: float
) -> float:
    """Return the expected root mean square error of a lead in millimetres.

    `spread_mm` (samples,) is the spread of the predicted distributions, see `LeadTrace`. `height_mm`
    (samples,) is the curve. `step_mm` is the distance between samples on paper. The error is measured
    after an alignment in time and offset, as in the metric of the PhysioNet competition.

    Two properties make a lead uncertain. One is the spread, which is large in columns with more than one
    likely height. The other is the steepness, because on a steep curve a small error in time is a large error
    in height. The formula is a robust fit of the logarithm of the error to the logarithms of both properties,
    over 1290 leads of synthetic pages (`benchmarks/expected_error.py`). On pages of another renderer, the
    errors of eight in ten leads are within a factor of 1.8 of the expected error. Errors of a whole page,
    such as a misread speed, are not included.
    """
    spread = max(float(np.sqrt(np.mean(np.square(spread_mm)))), _MIN_SPREAD_MM)
    slopes = np.diff(height_mm) / step_mm
    steepness = float(np.sqrt(np.mean(np.square(slopes)))) if slopes.size else 0.0
    return float(_SCALE * spread**_SPREAD_EXPONENT * max(steepness, _MIN_STEEPNESS) ** _STEEPNESS_EXPONENT)


@dataclass(frozen=True, slots=True)
class AssemblyOptions:
    """Options of the assembly, the last step of a pipeline.

    `enforce_einthoven` corrects limb leads that nearly satisfy Einthoven's law. Pages with an expected
    quality below `min_quality_db` are rejected. `is_strict` rejects pages with doubts. `provenance` is stored
    with the page.
    """

    enforce_einthoven: bool = False
    min_quality_db: float | None = None
    is_strict: bool = False
    provenance: Provenance | None = None


DEFAULT_ASSEMBLY = AssemblyOptions()


@dataclass(frozen=True, slots=True)
class UprightView:
    """Size (width, height) and rotation of the upright image.

    `quarter_turns` is the number of counterclockwise quarter turns from the decoded to the upright image.
    """

    size_px: tuple[int, int]
    quarter_turns: int


def page_from_traces(
    source: PageRef,
    layout: Layout,
    traces: Sequence[Sequence[LeadTrace]],
    mesh: Mesh,
    view: UprightView,
    *,
    notes: tuple[str, ...],
    witness: Callable[[Mapping[str, Lead]], Iterable[Doubt]] = signal_doubts,
    doubts: tuple[Doubt, ...] = (),
    seconds: Mapping[str, float],
    options: AssemblyOptions,
) -> Digitized:
    """Return the digitized page. `traces` has one trace per segment of each row of `layout`.

    See `page_from_segments` for the other parameters and the errors.
    """
    return page_from_segments(
        source,
        layout,
        segments_from_traces(layout, traces, mesh, view.size_px),
        view,
        residual_px=None if np.isnan(mesh.residual_px) else mesh.residual_px,
        notes=notes,
        witness=witness,
        doubts=doubts,
        seconds=seconds,
        options=options,
    )


def page_from_segments(
    source: PageRef,
    layout: Layout,
    segments: Sequence[Lead],
    view: UprightView,
    *,
    residual_px: float | None = None,
    signal_source: str = PICTURE,
    notes: tuple[str, ...],
    witness: Callable[[Mapping[str, Lead]], Iterable[Doubt]] = signal_doubts,
    doubts: tuple[Doubt, ...] = (),
    seconds: Mapping[str, float],
    options: AssemblyOptions,
) -> Digitized:
    """Return the digitized page. `segments` has one lead per segment of each row of `layout`.

    `doubts` are those about the layout, and `witness` returns those about the leads. The curves are converted
    from the upright `view` to the decoded image. `residual_px` is that of the mesh, if there is one.
    `signal_source` is `picture` or `vector`. Raises
    NotAnEcg if the median confidence is low, PageDoubtful if there are doubts and `options.is_strict`, or
    QualityTooLow if the expected quality is below `options.min_quality_db`.
    """
    leads = confident_leads(segments)
    if options.enforce_einthoven:
        leads = enforce_einthoven(leads)
    doubts = (*doubts, *witness(leads))
    page = Digitized(
        source,
        {
            name: dataclasses.replace(
                lead, curve_px=rotate_points(lead.curve_px, view.size_px, view.quarter_turns)
            )
            for name, lead in leads.items()
        },
        layout,
        residual_px,
        seconds,
        repeat_difference_mv(segments),
        options.provenance,
        notes,
        doubts,
        signal_source,
    )
    if options.is_strict and doubts:
        raise PageDoubtful([str(doubt) for doubt in doubts])
    if options.min_quality_db is not None and not page.expected_db >= options.min_quality_db:
        raise QualityTooLow(page.expected_db, options.min_quality_db)
    return page
