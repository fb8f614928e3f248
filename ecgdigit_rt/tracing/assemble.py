"""From row traces to leads: each lead's share of its row, in millivolt and seconds."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ecgdigit_kernels.pchip import fill_gaps
from ecgdigit_rt.geometry.mesh import Mesh
from ecgdigit_rt.results import Layout, Lead, Row, Segment
from ecgdigit_rt.tracing.expected_error import expected_error_mm
from ecgdigit_rt.tracing.lead_trace import LeadTrace

RATE_HZ = 500.0
_LONGEST_BEYOND_S = 0.05


def spread_layout(layout: Layout, start_mm: float, end_mm: float) -> Layout:
    """The layout with every row stretched to `start_mm`..`end_mm`, its leads sharing it equally."""
    rows = []
    for row in layout.rows:
        cuts = np.linspace(start_mm, end_mm, len(row.segments) + 1)
        segments = tuple(
            dataclasses.replace(
                segment,
                start_mm=float(left),
                end_mm=float(right),
                start_s=float(left - start_mm) / layout.speed_mm_s,
                end_s=float(right - start_mm) / layout.speed_mm_s,
            )
            for segment, left, right in zip(row.segments, cuts[:-1], cuts[1:], strict=True)
        )
        rows.append(Row(row.baseline_mm, segments))
    return Layout(layout.name, tuple(rows), layout.speed_mm_s, layout.gain_mm_mv)


def _lead(
    segment: Segment, row: Row, trace: LeadTrace, layout: Layout, mesh: Mesh, size_px: tuple[float, float]
) -> Lead:
    count = int(np.floor((segment.end_s - segment.start_s) * RATE_HZ + 1e-6))
    step_mm = layout.speed_mm_s / RATE_HZ
    u = segment.start_mm + np.arange(count) * step_mm
    column = (u - trace.start_mm) * trace.columns_per_mm
    at = np.clip(column, -0.5, trace.height_mm.size - 0.5)
    height = _between(trace.height_mm, at)
    nearest = np.clip(np.round(at).astype(int), 0, trace.height_mm.size - 1)
    x, y = mesh.pixels_from_mm(u, row.baseline_mm - height)
    inside = (x <= size_px[0]) & (y <= size_px[1]) & (np.isinf(size_px[0]) | ((x >= 0) & (y >= 0)))
    confidence = np.where(inside, trace.confidence[nearest], 0)
    if not inside.all():
        height, count = _as_seen(height, inside)
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


def _as_seen(height: NDArray[np.float64], inside: NDArray[np.bool_]) -> tuple[NDArray[np.float64], int]:
    """The heights with those beyond the picture filled in, and how many of them are the lead's.

    Beyond it a strip repeats the picture's edge, which was followed.
    """
    filled = fill_gaps(height.astype(np.float32), inside).astype(np.float64)
    kept = int(np.flatnonzero(inside)[-1]) + 1 if inside.any() else 0
    ends_there = height.size - kept > _LONGEST_BEYOND_S * RATE_HZ
    return filled, kept if ends_there else height.size


def _between(values: NDArray[np.float32], at: NDArray[np.float64]) -> NDArray[np.float64]:
    """Catmull-Rom's cubic through samples (n,), at fractional samples; straight on beyond the ends.

    A straight line between samples would lower the tip of an R wave by some 4 %.
    """
    if values.size == 1:
        return np.full(at.shape, float(values[0]))
    ends = 2 * values[[0, -1]].astype(np.float64) - values[[1, -2]]
    known = np.concatenate([ends[:1], values, ends[1:]])
    before = np.clip(np.floor(at).astype(np.intp), 0, values.size - 2)
    t = at - before
    a, b, c, d = (known[before + k] for k in range(4))
    return np.asarray(b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a))))


def segments_from_traces(
    layout: Layout,
    traces: Sequence[Sequence[LeadTrace]],
    mesh: Mesh,
    size_px: tuple[float, float] = (np.inf, np.inf),
) -> list[Lead]:
    """Every stretch of every lead at 500 Hz, in the order of the page; a rhythm strip's lead comes twice.

    traces: one per segment of every row of the layout, heights in mm above that row's `baseline_mm`.
    size_px: the picture's width and height, where what is beyond it matters. That was not seen: gaps are
    filled, and a lead that ends beyond the picture ends with it.
    """
    return [
        _lead(segment, row, trace, layout, mesh, size_px)
        for row, row_traces in zip(layout.rows, traces, strict=True)
        for segment, trace in zip(row.segments, row_traces, strict=True)
    ]


def longest(stretches: Sequence[Lead]) -> dict[str, Lead]:
    """Each lead's longest stretch, the first of equal ones, in the order of the page."""
    leads: dict[str, Lead] = {}
    for lead in stretches:
        if lead.name not in leads or lead.mv.size > leads[lead.name].mv.size:
            leads[lead.name] = lead
    return leads


def rotate_points(
    points: NDArray[np.float32], size: tuple[int, int], quarter_turns: int
) -> NDArray[np.float32]:
    """Points (n, 2) of an upright picture of `size` (width, height) in the picture turned clockwise."""
    width, height = size
    for _ in range(quarter_turns % 4):
        points = np.stack([height - points[:, 1], points[:, 0]], -1)
        width, height = height, width
    return np.ascontiguousarray(points, np.float32)
