"""Where the record begins and ends, and what each lead gets of its row."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from ecgdigit_rt.geometry.mesh import Mesh
from ecgdigit_rt.layout.baselines import Baseline
from ecgdigit_rt.layout.catalog import LAYOUTS
from ecgdigit_rt.layout.match import layout_from_plan
from ecgdigit_rt.results import Layout, Lead
from ecgdigit_rt.tracing.assemble import longest, rotate_points, segments_from_traces, spread_layout
from ecgdigit_rt.tracing.lead_trace import LeadTrace, StripPrediction
from ecgdigit_rt.tracing.record_extent import (
    common_extent_mm,
    ends_within_image,
    record_extent_mm,
    snap_to_half_mm,
)
from ecgdigit_rt.tracing.row_traces import RowEnds, lead_traces, page_traces, predict_rows
from ecgdigit_rt.tracing.strip_inference import StripPredictor


def traces(layout: Layout, height: np.ndarray, start_mm: float) -> list[list[LeadTrace]]:
    """The same curve in all rows, cut into the layout's leads."""

    def cut(from_mm: float, to_mm: float) -> LeadTrace:
        own = slice(*(int(np.ceil((at - start_mm) * 20 - 0.4)) for at in (from_mm, to_mm)))
        part = height[own].astype(np.float32)
        return LeadTrace(part, np.ones_like(part), np.ones_like(part), start_mm + own.start / 20)

    return [[cut(lead.start_mm, lead.end_mm) for lead in row.segments] for row in layout.rows]


def flat_mesh(px_per_mm: float = 8.0, turned: float = 0.0) -> Mesh:
    v, u = np.mgrid[0:220:5, 0:300:5]
    nodes = np.stack([u - turned * v, v + turned * u], -1) * px_per_mm
    return Mesh(nodes.astype(np.float32), (0.0, 0.0), 0.0, 1.0)


def test_a_usual_width_makes_all_ends_one_measurement() -> None:
    start, end = common_extent_mm([20.00, 20.04, 19.9, 20.06], [270.0, 270.1, 269.9, 262.0])
    assert start == pytest.approx(20.0, abs=0.02)
    assert end - start == pytest.approx(250.0)


def test_the_side_with_the_pulse_is_not_believed() -> None:
    starts, ends = [19.2, 19.2, 19.3, 19.2], [270.0, 270.1, 269.9, 270.0]
    assert common_extent_mm(starts, ends, "left") == pytest.approx((20.0, 270.0))
    assert common_extent_mm(starts, ends, "right") == pytest.approx((19.2, 269.2))


def test_a_record_begins_on_a_half_millimetre_of_its_grid() -> None:
    assert snap_to_half_mm(20.12, flat_mesh(turned=0.01)) == pytest.approx(20.0)
    assert snap_to_half_mm(20.4, flat_mesh(turned=0.01)) == pytest.approx(20.5)
    assert snap_to_half_mm(20.25, flat_mesh(turned=0.01)) == 20.25  # plainly elsewhere
    # As it was drawn, the grid's lines stand on whole pixels, half a pixel of 1/8 mm too far right.
    assert snap_to_half_mm(20.1, flat_mesh()) == pytest.approx(20 - 0.5 / 8)
    # A drawing that a program turned keeps its resolution: 200 dpi to a ten-thousandth.
    turned, side = 0.05, 200 / 25.4 / np.hypot(1, 0.05)
    assert snap_to_half_mm(20.1, flat_mesh(side, turned)) == pytest.approx(20 - 0.5 * 25.4 / 200)
    assert snap_to_half_mm(20.1, flat_mesh(1.001 * side, turned)) == pytest.approx(20.0)
    gridless = dataclasses.replace(flat_mesh(turned=0.01), residual_px=float("nan"))
    assert snap_to_half_mm(20.17, gridless) == 20.17


def test_another_width_is_taken_as_it_is() -> None:
    assert common_extent_mm([10.0, 10.2, 10.1], [230.0, 231.0, 230.5]) == (10.1, 230.5)


def test_presence_tells_the_ends_to_a_fraction_of_a_column() -> None:
    covered = np.clip(np.arange(2000) - 300.3 + 1, 0, 1) * np.clip(1700.6 - np.arange(2000), 0, 1)
    presence = np.log(np.maximum(covered, 1e-4) / np.maximum(1 - covered, 1e-4)).astype(np.float32)
    logits = np.full((160, 2000), -5, np.float32)
    logits[80] = 5
    seen = StripPrediction(logits, presence, start_mm=10.0)
    assert seen.extent_mm == pytest.approx((10 + 300.3 / 20, 10 + 1700.6 / 20), abs=0.002)


def rough(start: float, end: float) -> Layout:
    lines = [Baseline(40.0 + 40 * i, start, end, 1.0) for i in range(3)]
    return layout_from_plan(LAYOUTS["3x4"], lines, start, end, 25.0, 10.0)


def test_a_side_without_an_end_is_a_usual_width_away() -> None:
    unseen = [RowEnds(20.0, None), RowEnds(20.1, None), RowEnds(None, None)]
    assert record_extent_mm(unseen, rough(24, 268), "left") == pytest.approx((20.05, 270.05))
    assert record_extent_mm(unseen, rough(24, 220), "left") == pytest.approx((20.05, 220))
    right = [RowEnds(None, 270.0)] * 3
    assert record_extent_mm(right, rough(24, 268), "") == pytest.approx((20, 270))
    assert record_extent_mm([RowEnds(None, None)] * 3, rough(24, 268), "") == (24, 268)


def leads_of(
    layout: Layout,
    traces: Sequence[Sequence[LeadTrace]],
    mesh: Mesh,
    size_px: tuple[float, float] = (np.inf, np.inf),
) -> dict[str, Lead]:
    return longest(segments_from_traces(layout, traces, mesh, size_px))


def looking(seen: Callable[..., StripPrediction]) -> StripPredictor:
    return lambda boxes: [seen(*box) for box in boxes]


def test_a_record_that_goes_on_is_looked_at_again_wider() -> None:
    spans = []

    def seen(start: float, end: float, _baseline: float, half: float) -> StripPrediction:
        spans.append((start, end))
        u = start + np.arange(round((end - start) * 20)) / 20
        there = np.where((u >= 10) & (u < 260), 5, -5).astype(np.float32)
        return StripPrediction(np.zeros((round(8 * half), u.size), np.float32), there, start, half)

    look = looking(seen)
    strips = predict_rows(look, rough(30, 262))
    assert spans == [(18, 274)] * 3 + [(-7, 274)] * 3
    assert strips[0].extent_mm == pytest.approx((10, 260), abs=0.06)
    spans.clear()
    predict_rows(look, rough(12, 258))
    assert len(spans) == 3


def test_leads_that_leave_their_strip_are_seen_in_taller_ones() -> None:
    """A 26 mm spike needs ±40 mm, a 50 mm one ±80 mm; neither look is told more than its own strip."""
    heights = []

    def seen(start: float, end: float, _baseline: float, half: float) -> StripPrediction:
        heights.append(half)
        u = start + np.arange(round((end - start) * 20)) / 20
        curve = 26.0 * (np.abs(u - 60) < 0.4) + 50.0 * (np.abs(u - 180) < 0.4)
        curve = np.clip(curve, -half + 0.1, half - 0.1)
        bins = half - (np.arange(round(8 * half)) + 0.5) / 4
        logits = -0.5 * ((bins[:, None] - curve) * 4) ** 2
        there = np.where((u >= 20) & (u < 270), 5, -5).astype(np.float32)
        return StripPrediction(logits.astype(np.float32), there, start, half)

    layout, look = rough(20, 270), looking(seen)
    found = page_traces(look, predict_rows(look, layout), layout)
    assert heights == [20.0] * 3 + [40.0, 40.0, 80.0] * 3
    assert [round(float(lead.height_mm.max())) for lead in found[0]] == [26, 0, 50, 0]


@pytest.mark.parametrize("at_mm", [62.0, 188.0])
def test_a_record_wider_than_the_strip_is_traced_as_far_as_it_is_seen(at_mm: float) -> None:
    """Rows that run into the picture's edge: the segment goes on beyond what any look shows."""

    def seen(start: float, end: float, _baseline: float, half: float) -> StripPrediction:
        u = start + np.arange(round((end - start) * 20)) / 20
        curve = np.clip(25.0 * (np.abs(u - at_mm) < 1.5), -half + 0.1, half - 0.1)
        bins = half - (np.arange(round(8 * half)) + 0.5) / 4
        logits = -0.5 * ((bins[:, None] - curve) * 4) ** 2
        there = np.where((u >= 60) & (u < 190), 5, -5).astype(np.float32)
        return StripPrediction(logits.astype(np.float32), there, start, half)

    lines = [Baseline(40.0, 0.0, 250.0, 1.0)] * 12
    row = layout_from_plan(LAYOUTS["12x1"], lines, 0.0, 250.0, 25.0, 10.0).rows[0]
    (trace,) = lead_traces(looking(seen), seen(60.0, 190.0, 40.0, 20.0), row)
    assert trace.height_mm.max() == pytest.approx(25, abs=0.3)
    assert (trace.start_mm, trace.height_mm.size) == (60.0, 2600)


def test_heights_between_columns_are_those_of_the_curve() -> None:
    lines = [Baseline(40.0, 20.0, 270.0, 1.0)] * 3
    layout = spread_layout(layout_from_plan(LAYOUTS["3x4"], lines, 0, 1, 25.0, 10.0), 20.02, 270.02)
    u = 15 + np.arange(5200) / 20
    curve = 10 * np.sin(u / 0.4)
    leads = leads_of(layout, traces(layout, curve, 15.0), flat_mesh())
    at = 20.02 + np.arange(1250) / 20
    assert leads["I"].mv[:-2] == pytest.approx(np.sin(at / 0.4)[:-2], abs=5e-4)
    assert leads["I"].mv[-2:] == pytest.approx(np.sin(at / 0.4)[-2:], abs=0.01)  # its last column is beyond


def test_every_lead_gets_its_window() -> None:
    lines = [Baseline(40.0 + 40 * i, 20.0, 270.0, 1.0) for i in range(4)]
    layout = layout_from_plan(LAYOUTS["3x4+1"], lines, 20.0, 270.0, 25.0, 10.0)
    height = np.arange(5200) / 100.0
    leads = leads_of(layout, traces(layout, height, 15.0), flat_mesh())
    assert set(leads) == {"I", "II", "III", "aVR", "aVL", "aVF", *(f"V{k}" for k in range(1, 7))}
    assert leads["II"].mv.size == 5000  # the rhythm strip, not the short one
    assert leads["V1"].mv.size == 1250
    assert leads["V1"].start_s == pytest.approx(5.0)
    # V1 begins 125 mm into the record, 130 mm into the strip: column 2600, at 0.01 mm a column.
    assert leads["V1"].mv[:3] == pytest.approx([2.6, 2.601, 2.602], abs=1e-4)
    assert leads["V1"].curve_px[0] == pytest.approx([(20 + 125) * 8, (40 - 26) * 8], abs=1e-3)


def test_what_lies_beyond_the_picture_was_not_seen() -> None:
    lines = [Baseline(40.0, 20.0, 270.0, 1.0)] * 3
    layout = spread_layout(layout_from_plan(LAYOUTS["3x4"], lines, 0, 1, 25.0, 10.0), 20.0, 270.0)
    u = 15 + np.arange(5200) / 20
    curve = np.where((u > 100) & (u < 101), -30.0, 5.0)  # runs down through the lower edge and back
    leads = leads_of(layout, traces(layout, curve, 15.0), flat_mesh(), (250 * 8, 60 * 8))
    assert leads["aVR"].mv == pytest.approx(np.full(1250, 0.5), abs=0.06)
    assert leads["aVR"].confidence == pytest.approx(1 - 1 / 62.5, abs=0.002)
    assert leads["V4"].mv.size == pytest.approx((250 - 207.5) * 20, abs=1), "it ends with the picture"
    assert leads["V4"].curve_px.shape == (leads["V4"].mv.size, 2)
    assert leads["V1"].mv.size == 1250


def test_an_end_at_the_pictures_edge_is_not_the_records() -> None:
    lines = [Baseline(40.0, 20.0, 257.0, 1.0)] * 3
    layout = layout_from_plan(LAYOUTS["3x4"], lines, 20.0, 257.0, 25.0, 10.0)
    ends = [RowEnds(20.0, 257.6)] * 3
    assert ends_within_image(ends, layout, flat_mesh(), (300 * 8, 80 * 8)) == ends
    cut = ends_within_image(ends, layout, flat_mesh(), (258 * 8, 80 * 8))
    assert cut == [RowEnds(20.0, None)] * 3
    assert record_extent_mm(cut, layout, "left", is_cut=True) == pytest.approx((20, 270))
    narrow = layout_from_plan(LAYOUTS["3x4"], lines, 20.0, 220.0, 25.0, 10.0)
    assert record_extent_mm(cut, narrow, "left", is_cut=True) == pytest.approx((20, 270))
    assert record_extent_mm(cut, narrow, "left") == pytest.approx((20, 220))


def test_double_speed_halves_the_time() -> None:
    lines = [Baseline(40.0, 20.0, 270.0, 1.0)] * 3
    layout = spread_layout(layout_from_plan(LAYOUTS["3x4"], lines, 0, 1, 50.0, 10.0), 20.0, 270.0)
    leads = leads_of(layout, traces(layout, np.zeros(5200), 15.0), flat_mesh())
    assert leads["I"].mv.size == 625


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_points_follow_the_picture_when_it_turns(turns: int) -> None:
    picture = np.zeros((7, 11), np.uint8)
    picture[2, 9] = 255
    point = np.array([[9.5, 2.5]], np.float32)
    x, y = rotate_points(point, (11, 7), turns)[0]
    assert np.rot90(picture, -turns)[int(y), int(x)] == 255
