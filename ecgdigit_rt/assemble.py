"""From row traces to leads: where the record begins and ends, and each lead's share of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.mesh import Mesh
from ecgdigit_rt.record import Layout, Lead, Row, Segment
from ecgdigit_rt.trace import RowTrace

RATE_HZ = 500.0

_USUAL_WIDTHS_MM = (250.0, 125.0)
_WIDTH_TOLERANCE_MM = 4.0
_AGREEMENT_MM = 0.6


def record_extent_mm(traces: Sequence[RowTrace]) -> tuple[float, float]:
    """Start and end of the record on paper, from where all rows' traces begin and end.

    Machines print 250 mm (or half of that) and start all rows together: then every row's two ends are
    measurements of one number, and their mean is good to a hundredth of a millimetre, a fifth of a
    500 Hz sample. Otherwise the rows' medians.
    """
    extents = np.array([trace.extent_mm for trace in traces], float)
    starts, ends = extents[:, 0], extents[:, 1]
    start, end = float(np.median(starts)), float(np.median(ends))
    for width in _USUAL_WIDTHS_MM:
        if abs(end - start - width) < _WIDTH_TOLERANCE_MM:
            measured = np.concatenate([starts, ends - width])
            middle = float(np.median(measured))
            agreeing = measured[np.abs(measured - middle) < _AGREEMENT_MM]
            start = float(agreeing.mean()) if agreeing.size else middle
            return start, start + width
    return start, end


def spread_layout(layout: Layout, start_mm: float, end_mm: float) -> Layout:
    """The layout with every row stretched to `start_mm`..`end_mm`, its leads sharing it equally."""
    rows = []
    for row in layout.rows:
        cuts = np.linspace(start_mm, end_mm, len(row.segments) + 1)
        segments = tuple(
            Segment(
                segment.lead,
                float(left),
                float(right),
                float(left - start_mm) / layout.speed_mm_s,
                float(right - start_mm) / layout.speed_mm_s,
            )
            for segment, left, right in zip(row.segments, cuts[:-1], cuts[1:], strict=True)
        )
        rows.append(Row(row.baseline_mm, segments))
    return Layout(layout.name, tuple(rows), layout.speed_mm_s, layout.gain_mm_mv)


def _lead(segment: Segment, row: Row, trace: RowTrace, layout: Layout, mesh: Mesh) -> Lead:
    count = int(np.floor((segment.end_s - segment.start_s) * RATE_HZ + 1e-6))
    u = segment.start_mm + np.arange(count) * layout.speed_mm_s / RATE_HZ
    column = (u - trace.start_mm) * trace.columns_per_mm
    at = np.clip(column, 0, trace.height_mm.size - 1)
    height = np.interp(at, np.arange(trace.height_mm.size), trace.height_mm)
    x, y = mesh.pixels_from_mm(u, row.baseline_mm - height)
    nearest = np.round(at).astype(int)
    return Lead(
        name=segment.lead,
        mv=(height / layout.gain_mm_mv).astype(np.float32),
        rate_hz=RATE_HZ,
        start_s=segment.start_s,
        confidence=float(trace.confidence[nearest].mean()),
        curve_px=np.stack([x, y], -1).astype(np.float32),
    )


def leads_from_traces(layout: Layout, traces: Sequence[RowTrace], mesh: Mesh) -> dict[str, Lead]:
    """Each lead's longest stretch at 500 Hz, in the order of the page.

    traces: one per row of the layout, heights in mm above that row's `baseline_mm`.
    """
    leads: dict[str, Lead] = {}
    for row, trace in zip(layout.rows, traces, strict=True):
        for segment in row.segments:
            lead = _lead(segment, row, trace, layout, mesh)
            if segment.lead not in leads or lead.mv.size > leads[segment.lead].mv.size:
                leads[segment.lead] = lead
    return leads


def turned_points(
    points: NDArray[np.float32], size: tuple[int, int], quarter_turns: int
) -> NDArray[np.float32]:
    """Points (n, 2) of an upright picture of `size` (width, height) in the picture turned clockwise."""
    width, height = size
    for _ in range(quarter_turns % 4):
        points = np.stack([height - points[:, 1], points[:, 0]], -1)
        width, height = height, width
    return np.ascontiguousarray(points, np.float32)
