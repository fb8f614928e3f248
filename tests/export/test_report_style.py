"""Properties of device reports on synthetic pages: names, seams, pulses, rules and layouts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("PIL")

from synthetic_pages import layout_style, plain_style

from ecgdigit_export.synth.drawing import draw_sheet
from ecgdigit_export.synth.label_style import LabelStyle
from ecgdigit_export.synth.page import synthetic_page
from ecgdigit_export.synth.report_style import report_plan_from_rng, report_style_from_rng
from ecgdigit_export.synth.rule_style import RuleStyle
from ecgdigit_export.synth.sheet import Sheet
from ecgdigit_export.synth.signals import simulated_recording
from ecgdigit_export.synth.style import SheetStyle, pulse_width_mm, style_from_rng
from ecgdigit_export.synth.truth import COLUMNS_PER_MM, Mark
from ecgdigit_export.synth.truth_csv import lead_signals
from ecgdigit_rt.layout.catalog import LAYOUTS, LayoutPlan
from ecgdigit_rt.results import FURTHER_LEADS, LEADS


def drawn(style: SheetStyle, seed: int = 3) -> Sheet:
    """Return a drawn sheet of a simulated recording."""
    rng = np.random.default_rng(seed)
    return draw_sheet(style, simulated_recording(rng), rng)


def marks_of(sheet: Sheet, name: str) -> list[Mark]:
    """Return the marks with a name."""
    return [mark for mark in sheet.marks if mark.name == name]


def ink_share(sheet: Sheet, u_mm: tuple[float, float], v_mm: tuple[float, float]) -> float:
    """Return the fraction of dark pixels in a box on paper."""
    (x0, x1), (y0, y1) = (
        [round(float(to_px(value))) for value in ends]
        for to_px, ends in ((sheet.x_px, u_mm), (sheet.y_px, v_mm))
    )
    return float((sheet.raster[y0:y1, x0:x1].min(-1) < 100).mean())


def test_most_styles_are_usual() -> None:
    styles = [report_style_from_rng(np.random.default_rng(seed)) for seed in range(400)]
    shares = {
        "placement": np.mean([style.labels.placement != "cell" for style in styles]),
        "layout": np.mean([style.plan.name in ("one-lead", "further", "6x1", "3x4+2") for style in styles]),
        "gap": np.mean([style.seam_gap_mm > 0 for style in styles]),
        "column rules": np.mean([style.rules.has_column_rules for style in styles]),
        "frame": np.mean([style.rules.frame != "none" for style in styles]),
        "header": np.mean([style.header_mm > 0 for style in styles]),
        "pulse": np.mean([style.pulse_plateau_mm < 5 for style in styles]),
    }
    assert all(0.04 < share < 0.5 for share in shares.values()), shares


def test_properties_leave_the_usual_style_unchanged() -> None:
    for seed in range(40):
        style = report_style_from_rng(np.random.default_rng(seed), "3x4+1")
        usual = style_from_rng(np.random.default_rng(seed), "3x4+1")
        if style.width_mm != usual.width_mm:
            continue  # rows of a shorter record change the paper
        assert style.grid == usual.grid
        assert style.baselines_mm == usual.baselines_mm
        assert style.plan == usual.plan


def test_all_report_layouts_are_drawn() -> None:
    plans = [report_plan_from_rng(np.random.default_rng(seed)) for seed in range(200)]
    assert {plan.name for plan in plans} == {"3x4+2", "6x1", "chest-6x1", "one-lead", "further"}
    strips = [plan for plan in plans if plan.name == "one-lead"]
    assert {len(plan.rows) for plan in strips} == {1, 2, 3, 4, 5}
    assert all(len(set(plan.rows)) == 1 for plan in strips)


@pytest.mark.parametrize("seed", range(12))
def test_random_report_pages_have_consistent_truth(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = synthetic_page(simulated_recording(rng), rng, kind="render").truth
    left, top, right, bottom = truth.paper_mm
    for row, curve in zip(truth.layout.rows, truth.curves, strict=True):
        assert curve.size == round((row.end_mm - row.start_mm) * COLUMNS_PER_MM)
        for segment in row.segments:
            width_mm = (segment.end_s - segment.start_s) * truth.layout.speed_mm_s
            assert segment.end_mm - segment.start_mm == pytest.approx(width_mm)
    assert all(left < mark.u_mm < right and top < mark.v_mm < bottom for mark in truth.marks)
    assert all(np.isfinite(mv).all() for _, mv in lead_signals(truth).values())


@pytest.mark.parametrize("hides", [True, False])
def test_the_trace_begins_after_the_gap(hides: bool) -> None:
    rng = np.random.default_rng(4)
    signals = simulated_recording(rng)
    style = replace(plain_style(), seam_gap_mm=4.0, gap_hides_record=hides)
    truth = synthetic_page(signals, rng, kind="render", style=style).truth
    first, second = truth.layout.rows[0].segments[:2]
    assert second.start_mm == pytest.approx(first.end_mm + 4.0)
    assert second.start_s == pytest.approx(2.5 + (0.16 if hides else 0.0))
    gap = truth.curves[0][round(62.5 * COLUMNS_PER_MM) : round(66.5 * COLUMNS_PER_MM)]
    assert np.isnan(gap).all()
    start_s, mv = lead_signals(truth)["aVR"]
    samples = round(start_s * 500) + np.arange(mv.size)
    assert np.allclose(mv, signals[LEADS.index("aVR"), samples], atol=1e-3)
    sheet = drawn(style)
    seam = first.end_mm
    baseline = truth.layout.rows[0].baseline_mm
    assert ink_share(sheet, (seam + 0.5, seam + 3.5), (baseline - 8, baseline + 8)) == 0
    assert ink_share(sheet, (seam - 3.5, seam - 0.5), (baseline - 8, baseline + 8)) > 0


def test_rows_of_one_lead_are_consecutive() -> None:
    style = replace(
        layout_style("I/I/I"),
        width_mm=75.0,
        labels=LabelStyle(is_first_row_only=True),
    )
    sheet = drawn(style)
    assert [row.segments[0].start_s for row in sheet.layout.rows] == pytest.approx([0, 3, 6])
    assert not np.allclose(sheet.curves[0], sheet.curves[1])
    assert len(marks_of(sheet, "I")) == 1


def test_further_leads_are_printed_without_marks() -> None:
    plan = LayoutPlan("further", (("V3R",), ("V4R",), ("V7",)))
    style = replace(layout_style("I/II/III"), plan=plan)
    sheet = drawn(style)
    assert {mark.name for mark in sheet.marks} & {*LEADS, *FURTHER_LEADS} == set()
    du, dv = style.label_offset_mm
    row = sheet.layout.rows[0]
    u, v = row.start_mm + du, row.baseline_mm + dv
    assert ink_share(sheet, (u, u + 6), (v - 2, v + 2)) > 0.03
    assert [row.segments[0].lead for row in sheet.layout.rows] == ["V3R", "V4R", "V7"]


def test_a_mark_covers_the_name_without_the_text_around_it() -> None:
    usual = replace(layout_style("3x4+1"), labels=LabelStyle())
    labelled = replace(usual, labels=LabelStyle(suffix=" (rhythm)", prefix="Lead "))
    alone, with_text = (marks_of(drawn(style), "II")[-1] for style in (usual, labelled))
    assert with_text.width_mm == pytest.approx(alone.width_mm)
    assert 2 * usual.label_cap_mm < with_text.u_mm - alone.u_mm < 8 * usual.label_cap_mm


@pytest.mark.parametrize("placement", ["trace", "bar", "margin"])
def test_names_are_at_their_placement(placement: str) -> None:
    plan = LAYOUTS["3x4"]
    offset = {"trace": (0.5, 0.0), "bar": (-1.0, -2.0), "margin": (-1.0, 0.0)}[placement]
    style = replace(
        plain_style(), plan=plan, has_labels=True, label_offset_mm=offset, start_mm=20.0,
        labels=LabelStyle(placement=placement), rules=RuleStyle(has_column_rules=True),
    )  # fmt: skip
    sheet = drawn(style)
    row, curve = sheet.layout.rows[0], sheet.curves[0]
    (first,), (second,) = marks_of(sheet, "I"), marks_of(sheet, "aVR")
    seam = row.segments[1].start_mm
    if placement == "trace":
        column = round((second.u_mm - row.start_mm) * COLUMNS_PER_MM)
        assert second.v_mm == pytest.approx(row.baseline_mm - float(curve[column]), abs=1.5)
    elif placement == "bar":  # the bar crosses the first letter
        assert second.u_mm - second.width_mm / 2 < seam < second.u_mm
    else:
        assert first.u_mm + first.width_mm / 2 < row.start_mm
        assert second.u_mm > seam


def test_pulses_are_narrow_and_single() -> None:
    style = replace(plain_style(), pulse="left", pulse_gap_mm=1.0, pulse_plateau_mm=2.0, single_pulse_row=1)
    sheet = drawn(style)
    (pulse,) = marks_of(sheet, "pulse")
    assert pulse_width_mm(style) == 4.0
    assert pulse.width_mm == 4.0
    assert pulse.v_mm == pytest.approx(style.baselines_mm[1] - 5)
    top = style.baselines_mm[1] - 10
    assert ink_share(sheet, (pulse.u_mm - 0.8, pulse.u_mm + 0.8), (top - 0.2, top + 0.2)) > 0.4
    assert ink_share(sheet, (pulse.u_mm - 4.5, pulse.u_mm - 2.2), (top - 1, top + 12)) == 0


def test_rules_are_drawn_at_their_positions() -> None:
    rules = RuleStyle(
        has_column_rules=True, has_row_rules=True, frame="traces", has_baselines=True, width_mm=0.4
    )
    sheet = drawn(replace(plain_style(), rules=rules))
    row, below = sheet.layout.rows[:2]
    seam, middle = row.segments[1].start_mm, (row.baseline_mm + below.baseline_mm) / 2
    assert ink_share(sheet, (seam - 0.1, seam + 0.1), (middle - 15, middle + 15)) > 0.9
    assert ink_share(sheet, (50.0, 70.0), (middle - 0.1, middle + 0.1)) > 0.9
    top = row.baseline_mm - 24
    assert ink_share(sheet, (50.0, 70.0), (top - 0.1, top + 0.1)) > 0.9
    plain = drawn(plain_style())
    assert ink_share(plain, (seam - 0.1, seam + 0.1), (middle - 8, middle + 8)) == 0


def test_reports_have_headers_and_marked_scales() -> None:
    usual = plain_style()
    left, top, right, bottom = usual.paper
    style = replace(usual, paper=(left, top - 40, right, bottom), header_mm=40.0, report_footer=1)
    sheet = drawn(style)
    assert {"speed_25", "gain_10"} <= {mark.name for mark in sheet.marks}
    assert ink_share(sheet, (left + 1, right - 1), (top - 39, top - 1)) > 0.0005


def test_a_scale_after_a_name_is_that_of_the_sheet() -> None:
    style = replace(layout_style("3x4+1"), speed_mm_s=50.0, labels=LabelStyle(suffix=" {speed}mm/s"))
    sheet, usual = drawn(style), drawn(replace(style, labels=LabelStyle()))
    (name, scale) = marks_of(sheet, "II")[-1], marks_of(sheet, "speed_50")[0]
    assert len(marks_of(sheet, "speed_50")) == len(marks_of(usual, "speed_50")) + 1
    assert 0 < scale.u_mm - name.u_mm < 6 * style.label_cap_mm
    assert scale.v_mm == pytest.approx(name.v_mm)
