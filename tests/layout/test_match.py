"""Layouts of synthetic pages, read from ideal heatmaps and the true curves of their rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("matplotlib")

from painted_pages import (
    PaintedPage,
    curve_from_heights,
    painted_page,
    row_heights_mm,
    simulated_leads,
    straight_curve,
)
from synthetic_pages import layout_page, layout_style
from true_stages import true_curves, true_heatmap, true_located

from ecgdigit_export.synth.page import SyntheticPage, synthetic_page
from ecgdigit_export.synth.signals import simulated_recording
from ecgdigit_export.synth.style import style_from_rng
from ecgdigit_rt.errors import InvalidLayout, NoRowsFound, SeveralEcgs, UnknownLayout
from ecgdigit_rt.geometry.locate_stage import Located
from ecgdigit_rt.layout.catalog import LAYOUTS, lead_from_cell, plan_from_text
from ecgdigit_rt.layout.match import (
    NO_OVERRIDES,
    LayoutOverrides,
    LayoutReading,
    layout_from_plan,
    read_layout,
)
from ecgdigit_rt.layout.page_text import PageText
from ecgdigit_rt.results import FURTHER_LEADS, LEADS, Layout
from ecgdigit_rt.stages import BASELINE, GAINS, HEATMAPS, PULSE, SPEEDS

SHUFFLED = "V3,I/aVF,V6/II,V1/V5,aVL/III,V2/aVR,V4"


def read(
    page: SyntheticPage, located: Located | None = None, overrides: LayoutOverrides = NO_OVERRIDES
) -> LayoutReading:
    heatmap = true_heatmap(page, located)
    return read_layout(PageText(heatmap), true_curves(page, heatmap), overrides)


def erase(located: Located, names: Iterable[str]) -> None:
    located.heatmaps[[HEATMAPS.index(name) for name in names]] = 0


def lead_names(layout: Layout) -> list[list[str]]:
    return [[segment.lead for segment in row.segments] for row in layout.rows]


@pytest.mark.parametrize("kind", ["render", "photo"])
@pytest.mark.parametrize("name", list(LAYOUTS))
def test_known_layouts_are_distinguished(name: str, kind: str) -> None:
    page = layout_page(name, kind)
    reading = read(page)
    layout, true_layout = reading.layout, page.truth.layout
    assert layout.name == name
    assert reading.doubts == ()
    assert lead_names(layout) == [[s.lead for s in row.segments] for row in true_layout.rows]
    true_v_mm = [row.baseline_mm for row in true_layout.rows]
    assert np.allclose([row.baseline_mm for row in layout.rows], true_v_mm, atol=0.8)
    assert reading.rows == tuple(range(len(layout.rows)))
    assert np.allclose([row.start_mm for row in layout.rows], true_layout.rows[0].start_mm, atol=3)
    assert np.allclose([row.end_mm for row in layout.rows], true_layout.rows[0].end_mm, atol=3)


def test_speed_and_gain_are_read_from_printed_text() -> None:
    layout = read(layout_page("3x4", speed_mm_s=50.0, gain_mm_mv=20.0)).layout
    assert (layout.speed_mm_s, layout.gain_mm_mv) == (50.0, 20.0)


def test_rhythm_strips_take_their_printed_names() -> None:
    page = painted_page("I,aVR,V1,V4/II,aVL,V2,V5/III,aVF,V3,V6/V5/II/aVF")
    reading = read_layout(page.text, page.curves)
    assert lead_names(reading.layout)[3:] == [["V5"], ["II"], ["aVF"]]
    later = replace(page.curves[5], height_mm=np.roll(page.curves[5].height_mm, 55))
    curves = [*page.curves[:5], later]
    reading = read_layout(page.text, curves)
    assert lead_names(reading.layout)[3:] == [["V5"], ["II"], ["aVF"]], "a strip of another time"
    unnamed = replace(page, names=page.names[:-1])
    reading = read_layout(unnamed.text, curves)
    assert lead_names(reading.layout)[3:] == [["V5"], ["II"], ["V1"]], "the usual lead"


def test_clear_labels_override_the_order_of_a_layout() -> None:
    layout = read(layout_page(SHUFFLED)).layout
    assert lead_names(layout) == [row.split(",") for row in SHUFFLED.split("/")]
    assert layout.name == "6x2 as labelled"


def test_the_inverted_lead_of_cabrera_is_marked() -> None:
    layout = read(layout_page("cabrera-6x2")).layout
    assert [s.lead for row in layout.rows for s in row.segments if s.is_inverted] == ["aVR"]


def test_a_specified_plan_takes_the_strongest_rows() -> None:
    page = layout_page("3x4+1")
    plan = plan_from_text("I,II,III/aVR,avl,aVF/v1,V2,V3/-V4,V5,V6")
    reading = read(page, overrides=LayoutOverrides(plan, 50.0, 5.0))
    assert lead_names(reading.layout) == [[lead_from_cell(cell) for cell in row] for row in plan.rows]
    assert reading.layout.rows[3].segments[0].is_inverted
    assert (reading.layout.speed_mm_s, reading.layout.gain_mm_mv) == (50.0, 5.0)
    assert [note.split(":")[0] for note in reading.notes] == [
        "50 mm/s specified, but the page indicates 25 mm/s",
        "5 mm/mV specified, but the page indicates 10 mm/mV",
    ]
    with pytest.raises(UnknownLayout, match="4 rows, but the specified layout 12x1 has 12"):
        read(page, overrides=LayoutOverrides(plan_from_text("12X1")))


@pytest.mark.parametrize("text", ["3x5", "I,II/V10", "V2R", "", "I,,II"])
def test_an_invalid_layout_is_rejected(text: str) -> None:
    with pytest.raises(InvalidLayout, match="Unknown layout"):
        plan_from_text(text)


def test_further_leads_are_part_of_a_specified_layout() -> None:
    plan = plan_from_text("/".join(lead.lower() for lead in FURTHER_LEADS))
    assert plan.rows == tuple((lead,) for lead in FURTHER_LEADS)


def test_half_a_page_matches_no_layout() -> None:
    """The rows look like those of a whole page. Only the lead names contradict the layout."""
    page = layout_page("I,aVR/II,aVL/III,aVF")
    with pytest.raises(
        UnknownLayout, match=r"3 rows; 3x4 fits best, but only 3 of its 12 .* 3 contradict it"
    ) as caught:
        read(page)
    assert "--layout" in caught.value.hint
    reading = read(page, overrides=LayoutOverrides(plan_from_text("I,aVR/II,aVL/III,aVF")))
    assert lead_names(reading.layout) == [["I", "aVR"], ["II", "aVL"], ["III", "aVF"]]
    assert reading.doubts == ()


def test_assumed_values_are_noted() -> None:
    page = layout_page("3x4")
    assert read(page).notes == ()
    located = true_located(page)
    erase(located, [*GAINS, *SPEEDS])
    assert read(page, located).notes == (
        "25 mm/s assumed: no printed paper speed detected",
        "10 mm/mV assumed: neither a printed gain nor a calibration pulse detected",
    )
    assert read(page, located, LayoutOverrides(None, 25.0, 10.0)).notes == ()


@pytest.mark.parametrize("gain", [5.0, 10.0, 20.0])
def test_pulses_determine_the_gain_without_text(gain: float) -> None:
    style = replace(layout_style("3x4"), pulse="left", gain_mm_mv=gain)
    rng = np.random.default_rng(11)
    page = synthetic_page(simulated_recording(rng), rng, kind="render", style=style)
    located = true_located(page)
    erase(located, GAINS)
    assert read(page, located).layout.gain_mm_mv == gain


def test_a_page_without_rows_is_rejected() -> None:
    page = layout_page("3x4")
    located = true_located(page)
    erase(located, [BASELINE])
    with pytest.raises(NoRowsFound):
        read(page, located)


def test_an_unknown_number_of_rows_lists_what_was_detected() -> None:
    page = layout_page("3x4")
    located = true_located(page)
    line = located.heatmaps[HEATMAPS.index(BASELINE)]
    line[line.shape[0] // 2 - 5 :] = 0  # hide the lower rows
    with pytest.raises(UnknownLayout, match=r"detected: [12] rows?"):
        read(page, located)


def test_most_random_styles_are_read_correctly() -> None:
    correct = 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        page = synthetic_page(simulated_recording(rng), rng, kind="render", style=style_from_rng(rng))
        correct += read(page).layout.name == page.truth.layout.name
    assert correct >= 11


def doubt_ids(page: PaintedPage, layout: str | None = None) -> list[str]:
    overrides = LayoutOverrides(plan_from_text(layout)) if layout else NO_OVERRIDES
    return [doubt.id for doubt in read_layout(page.text, page.curves, overrides).doubts]


def test_a_page_with_a_faint_scale_is_not_clear() -> None:
    page = painted_page("3x4+1")
    assert read_layout(page.text, page.curves).is_clear
    unprinted = replace(page, scale=("speed_25",))
    assert not read_layout(unprinted.text, unprinted.curves).is_clear


@pytest.mark.parametrize("layout", ["3x4+1", "6x2", "12x1"])
def test_a_row_of_another_time_is_doubtful(layout: str) -> None:
    page = painted_page(layout)
    other = curve_from_heights(
        row_heights_mm(page.plan.rows[1], simulated_leads(7)), page.curves[1].baseline.v_mm
    )
    reading = read_layout(page.text, [page.curves[0], other, *page.curves[2:]])
    messages = [doubt.message for doubt in reading.doubts if doubt.id == "D-LEADS-05"]
    assert messages == [
        f"The beats of {', '.join(page.plan.rows[1])} do not coincide with those of the other rows"
    ]


def test_a_clear_page_has_no_doubts() -> None:
    for layout in (None, "3x4+1"):
        assert doubt_ids(painted_page("3x4+1"), layout) == []


def test_two_layouts_that_fit_equally_well_are_doubtful() -> None:
    """Six limb leads without names could also be the left half of a page with two columns."""
    page = painted_page("6x1").without_names(*LEADS)
    reading = read_layout(page.text, page.curves)
    (doubt,) = reading.doubts
    assert doubt.id == "D-LAYOUT-01"
    assert {"6x1", "6x2"} <= set(doubt.message.split())
    assert doubt_ids(page, "6x1") == []


@pytest.mark.parametrize(("layout", "left_out"), [("3x4+2", "1 row"), ("3x4+1", "2 rows"), ("3x4", "3 rows")])
def test_a_specified_layout_with_fewer_rows_is_doubtful(layout: str, left_out: str) -> None:
    page = painted_page("3x4+3")
    reading = read_layout(page.text, page.curves, LayoutOverrides(plan_from_text(layout)))
    (doubt,) = [doubt for doubt in reading.doubts if "signal" in doubt.message]
    assert doubt.id == "D-LAYOUT-02"
    assert doubt.message.startswith(f"{left_out} with a signal")


def test_a_specified_layout_that_the_names_contradict_is_doubtful() -> None:
    assert "D-LAYOUT-02" in doubt_ids(painted_page("6x2"), "cabrera-6x2")
    assert "D-LAYOUT-02" in doubt_ids(painted_page("chest-6x1"), "6x1")


def test_leads_that_contradict_einthovens_law_are_doubtful() -> None:
    page = painted_page("6x2", drawn_as="V1,I/V2,II/V3,III/V4,aVR/V5,aVL/V6,aVF")
    reading = read_layout(page.text, page.curves, LayoutOverrides(LAYOUTS["6x2"]))
    (doubt,) = reading.doubts
    assert doubt.id == "D-LEADS-01"
    assert "I + III = II" in doubt.message


def test_one_lead_with_the_wrong_sign_is_doubtful() -> None:
    """The relation of the first column still holds."""
    page = painted_page("3x4", drawn_as="I,-aVR,V1,V4/II,aVL,V2,V5/III,aVF,V3,V6")
    assert [doubt.id for doubt in read_layout(page.text, page.curves).doubts] == ["D-LEADS-01"]


def test_weak_evidence_is_doubtful() -> None:
    """Names at a third of the cells, and rows whose signals contradict each other."""
    page = painted_page("3x4", drawn_as="V1,V2,V3,V4/V5,V6,I,II/III,aVR,aVL,aVF")
    names = [replace(name, lead="V6" if name.lead.startswith("V") else name.lead) for name in page.names]
    reading = read_layout(replace(page, names=names).text, page.curves)
    assert any("is weak" in doubt.message for doubt in reading.doubts)
    assert {"D-LAYOUT-01", "D-LAYOUT-02"} <= {doubt.id for doubt in reading.doubts}


@pytest.mark.parametrize(
    ("height_mm", "is_confirmed"), [(5.0, True), (5.5, True), (7.5, False), (None, False)]
)
def test_pulses_of_one_millivolt_confirm_the_scale(height_mm: float | None, is_confirmed: bool) -> None:
    page = painted_page("3x4")
    text = page.text
    for curve in page.curves:
        row = round((curve.baseline.v_mm - (height_mm or 0)) / 0.5)
        text.heatmap.heatmaps[HEATMAPS.index(PULSE), row, 20] = 0.9 if height_mm else 0.0
    overrides = LayoutOverrides(gain_mm_mv=10.0)
    assert read_layout(text, page.curves, overrides).is_scale_confirmed == is_confirmed


def test_a_strip_of_another_lead_is_doubtful() -> None:
    page = painted_page("3x4+1", drawn_as="I,aVR,V1,V4/II,aVL,V2,V5/III,aVF,V3,V6/III")
    doubts = read_layout(page.text, page.curves, LayoutOverrides(LAYOUTS["3x4+1"])).doubts
    assert {doubt.id for doubt in doubts} == {"D-LEADS-02"}
    assert any("strip II resembles lead III" in doubt.message for doubt in doubts)


def test_a_strip_that_resembles_no_lead_is_doubtful() -> None:
    page = painted_page("3x4+1")
    other = replace(page.curves[3], height_mm=row_heights_mm(["V2"], simulated_leads(9)))
    (doubt,) = read_layout(page.text, [*page.curves[:3], other]).doubts
    assert doubt.id == "D-LEADS-02"


@pytest.mark.parametrize(("width_mm", "doubts"), [(245.0, []), (220.0, ["D-LAYOUT-03"])])
def test_a_page_without_its_right_edge_is_doubtful(width_mm: float, doubts: list[str]) -> None:
    assert doubt_ids(cut_page("3x4", width_mm)) == doubts


def test_half_of_a_page_is_refused() -> None:
    with pytest.raises(UnknownLayout, match="only 55% of the record of layout 3x4"):
        doubt_ids(cut_page("3x4", 137.0))


def cut_page(layout: str, width_mm: float) -> PaintedPage:
    """Return the page of which the image shows the first `width_mm` of each row."""
    page = painted_page(layout)
    curves = []
    for curve in page.curves:
        line = replace(curve.baseline, end_mm=curve.start_mm + width_mm)
        heights = curve.between(curve.start_mm, line.end_mm)
        curves.append(replace(curve, baseline=line, height_mm=heights, is_cut_right=True))
    names = [name for name in page.names if name.u_mm < curves[0].end_mm]
    return replace(page, names=names, curves=curves)


def test_the_rows_of_two_ecgs_are_refused() -> None:
    """Two pages below each other. The beats of each page coincide."""
    upper = painted_page("3x4+1")
    other = simulated_leads(7)
    lower = [
        curve_from_heights(row_heights_mm(row, other), 200.0 + 20 * k)
        for k, row in enumerate(upper.plan.rows)
    ]
    with pytest.raises(SeveralEcgs):
        read_layout(upper.text, [*upper.curves, *lower])


def test_frames_do_not_count_as_rows_or_leads() -> None:
    page = painted_page("3x4")
    framed = [straight_curve(10.0), *page.curves, straight_curve(205.0)]
    reading = read_layout(page.text, framed)
    assert (reading.layout.name, reading.rows, reading.doubts) == ("3x4", (1, 2, 3), ())


def test_rows_of_one_lead_continue_each_other() -> None:
    lines = [curve.baseline for curve in painted_page("3x4").curves]
    layout = layout_from_plan(plan_from_text("I/I/I"), lines, 20.0, 270.0, 25.0, 10.0)
    assert [row.segments[0].start_s for row in layout.rows] == pytest.approx([0, 10, 20])
    assert [row.segments[0].end_s for row in layout.rows] == pytest.approx([10, 20, 30])
    assert [row.start_mm for row in layout.rows] == [20.0] * 3
    simultaneous = layout_from_plan(plan_from_text("I/II/III"), lines, 20.0, 270.0, 25.0, 10.0)
    assert [row.segments[0].start_s for row in simultaneous.rows] == [0, 0, 0]


def test_no_lines_are_no_rows() -> None:
    with pytest.raises(NoRowsFound):
        read_layout(painted_page("3x4").text, [])


@pytest.mark.parametrize("name", ["cabrera-6x2", "cabrera-12x1"])
def test_an_upright_avr_in_cabreras_order_is_not_silently_inverted(name: str) -> None:
    upright = "/".join(",".join(row) for row in LAYOUTS[name].rows).replace("-aVR", "aVR")
    for seed in range(4):
        page = painted_page(upright, simulated_leads(seed))
        reading = read_layout(page.text, page.curves)
        is_inverted = any(segment.is_inverted for row in reading.layout.rows for segment in row.segments)
        assert reading.doubts or not is_inverted
