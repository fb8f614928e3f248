"""Assembly of leads from the traces of their segments."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from flat_mesh import flat_mesh

from ecgdigit_rt.geometry.mesh import Mesh
from ecgdigit_rt.layout.baselines import Baseline
from ecgdigit_rt.layout.catalog import LAYOUTS, plan_from_text
from ecgdigit_rt.layout.match import layout_from_plan
from ecgdigit_rt.results import Layout, Lead
from ecgdigit_rt.tracing.assemble import rotate_points, segments_from_traces, stretch_layout
from ecgdigit_rt.tracing.ecg_check import confident_leads, longest_segments
from ecgdigit_rt.tracing.lead_trace import LeadTrace


def traces_from_curve(layout: Layout, height: np.ndarray, start_mm: float) -> list[list[LeadTrace]]:
    """Return the same curve in all rows, cut into the segments of the layout."""

    def cut(from_mm: float, to_mm: float) -> LeadTrace:
        columns = slice(*(int(np.ceil((at - start_mm) * 20 - 0.4)) for at in (from_mm, to_mm)))
        part = height[columns].astype(np.float32)
        return LeadTrace(part, np.ones_like(part), np.ones_like(part), start_mm + columns.start / 20)

    return [[cut(lead.start_mm, lead.end_mm) for lead in row.segments] for row in layout.rows]


def leads_from_traces(
    layout: Layout,
    traces: Sequence[Sequence[LeadTrace]],
    mesh: Mesh,
    size_px: tuple[float, float] = (np.inf, np.inf),
) -> dict[str, Lead]:
    return longest_segments(segments_from_traces(layout, traces, mesh, size_px))


def layout_3x4(start_mm: float, end_mm: float, speed_mm_s: float = 25.0) -> Layout:
    """Return a 3x4 layout with all rows on one baseline."""
    baselines = [Baseline(40.0, 20.0, 270.0, 1.0)] * 3
    rough = layout_from_plan(LAYOUTS["3x4"], baselines, 0, 1, speed_mm_s, 10.0)
    return stretch_layout(rough, start_mm, end_mm)


def test_heights_between_columns_follow_the_curve() -> None:
    layout = layout_3x4(20.02, 270.02)
    u = 15 + np.arange(5200) / 20
    curve = 10 * np.sin(u / 0.4)
    leads = leads_from_traces(layout, traces_from_curve(layout, curve, 15.0), flat_mesh())
    at = 20.02 + np.arange(1250) / 20
    assert leads["I"].mv[:-2] == pytest.approx(np.sin(at / 0.4)[:-2], abs=5e-4)
    assert leads["I"].mv[-2:] == pytest.approx(np.sin(at / 0.4)[-2:], abs=0.01)  # extrapolated


def test_every_lead_has_its_time_window() -> None:
    baselines = [Baseline(40.0 + 40 * i, 20.0, 270.0, 1.0) for i in range(4)]
    layout = layout_from_plan(LAYOUTS["3x4+1"], baselines, 20.0, 270.0, 25.0, 10.0)
    height = np.arange(5200) / 100.0
    leads = leads_from_traces(layout, traces_from_curve(layout, height, 15.0), flat_mesh())
    assert set(leads) == {"I", "II", "III", "aVR", "aVL", "aVF", *(f"V{k}" for k in range(1, 7))}
    assert leads["II"].mv.size == 5000  # the rhythm strip, not the short segment
    assert leads["V1"].mv.size == 1250
    assert leads["V1"].start_s == pytest.approx(5.0)
    # V1 starts 125 mm into the record and 130 mm into the strip: column 2600, at 0.01 mm per column.
    assert leads["V1"].mv[:3] == pytest.approx([2.6, 2.601, 2.602], abs=1e-4)
    assert leads["V1"].curve_px[0] == pytest.approx([(20 + 125) * 8, (40 - 26) * 8], abs=1e-3)


def test_samples_outside_the_image_are_interpolated_or_cut() -> None:
    layout = layout_3x4(20.0, 270.0)
    u = 15 + np.arange(5200) / 20
    curve = np.where((u > 100) & (u < 101), -30.0, 5.0)  # crosses the lower edge and returns
    traces = traces_from_curve(layout, curve, 15.0)
    leads = leads_from_traces(layout, traces, flat_mesh(), (250 * 8, 60 * 8))
    assert leads["aVR"].mv == pytest.approx(np.full(1250, 0.5), abs=0.06)
    assert leads["aVR"].confidence == pytest.approx(1 - 1 / 62.5, abs=0.002)
    assert leads["V4"].mv.size == pytest.approx((250 - 207.5) * 20, abs=1), "cut at the edge of the image"
    assert leads["V4"].curve_px.shape == (leads["V4"].mv.size, 2)
    assert leads["V1"].mv.size == 1250


def test_double_speed_halves_the_time() -> None:
    layout = layout_3x4(20.0, 270.0, speed_mm_s=50.0)
    leads = leads_from_traces(layout, traces_from_curve(layout, np.zeros(5200), 15.0), flat_mesh())
    assert leads["I"].mv.size == 625


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_points_rotate_with_the_image(turns: int) -> None:
    image = np.zeros((7, 11), np.uint8)
    image[2, 9] = 255
    point = np.array([[9.5, 2.5]], np.float32)
    x, y = rotate_points(point, (11, 7), turns)[0]
    assert np.rot90(image, -turns)[int(y), int(x)] == 255


def test_rows_of_one_lead_continue_each_other() -> None:
    baselines = [Baseline(40.0 + 40 * i, 20.0, 270.0, 1.0) for i in range(3)]
    rough = layout_from_plan(plan_from_text("II/II/II"), baselines, 22.0, 266.0, 25.0, 10.0)
    layout = stretch_layout(rough, 20.0, 270.0)
    assert [row.segments[0].start_s for row in layout.rows] == pytest.approx([0, 10, 20])
    assert [row.segments[0].end_s for row in layout.rows] == pytest.approx([10, 20, 30])
    assert [(row.start_mm, row.end_mm) for row in layout.rows] == [(20.0, 270.0)] * 3
    height = np.arange(5200) / 100.0
    segments = segments_from_traces(layout, traces_from_curve(layout, height, 15.0), flat_mesh())
    assert [lead.start_s for lead in segments] == pytest.approx([0, 10, 20])
    (lead,) = confident_leads(segments).values()
    assert (lead.start_s, lead.mv.size) == (0, 15000)
    assert np.diff(lead.mv).min() < -4, "the second row begins like the first one"


def test_no_time_passes_in_gaps_between_columns() -> None:
    baselines = [Baseline(40.0 + 40 * i, 20.0, 270.0, 1.0) for i in range(4)]
    rough = layout_from_plan(LAYOUTS["3x4+1"], baselines, 22.0, 266.0, 25.0, 10.0)
    layout = stretch_layout(rough, 20.0, 270.0, gap_mm=2.0)
    segments = layout.rows[0].segments
    assert [segment.start_mm for segment in segments] == pytest.approx([20, 84.5, 149, 213.5])
    assert [segment.end_mm for segment in segments] == pytest.approx([82.5, 147, 211.5, 276])
    assert [segment.start_s for segment in segments] == pytest.approx([0, 2.5, 5, 7.5])
    strip = layout.rows[3].segments[0]
    assert (strip.start_mm, strip.end_mm, strip.end_s) == pytest.approx((20, 270, 10))


def test_simultaneous_rows_start_together() -> None:
    baselines = [Baseline(40.0 + 40 * i, 20.0, 270.0, 1.0) for i in range(3)]
    rough = layout_from_plan(plan_from_text("I/II/III"), baselines, 22.0, 266.0, 25.0, 10.0)
    assert [row.segments[0].start_s for row in stretch_layout(rough, 20.0, 270.0).rows] == [0, 0, 0]
