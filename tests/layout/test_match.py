"""Layouts from stage 0's heat: every known one, on paper that lies as it likes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("matplotlib")

from layout_pages import page, page_style
from true_stages import true_located, true_mesh

from ecgdigit_export.synth.page import synthetic_page
from ecgdigit_export.synth.signals import simulated_recording
from ecgdigit_export.synth.style import style_from_rng
from ecgdigit_rt.errors import LayoutNotUnderstood, NoRowsFound, UnknownLayout
from ecgdigit_rt.layout.catalog import LAYOUTS, lead_from_cell, plan_from_text
from ecgdigit_rt.layout.match import LayoutOverrides, read_layout
from ecgdigit_rt.layout.paper_heatmap import paper_heatmap
from ecgdigit_rt.results import Layout
from ecgdigit_rt.stages import BASELINE, GAINS, HEATMAPS, SPEEDS


@pytest.mark.parametrize("kind", ["render", "photo"])
@pytest.mark.parametrize("name", list(LAYOUTS))
def test_known_layouts_are_told_apart(name: str, kind: str) -> None:
    seen = page(name, kind)
    reading = read_layout(paper_heatmap(true_located(seen), true_mesh(seen.truth)))
    lines, layout = reading.lines, reading.layout
    assert layout.name == name
    true_rows = seen.truth.layout.rows
    assert [[s.lead for s in row.segments] for row in layout.rows] == [
        [s.lead for s in row.segments] for row in true_rows
    ]
    assert np.allclose([line.v_mm for line in lines], [row.baseline_mm for row in true_rows], atol=0.8)
    assert np.allclose([row.start_mm for row in layout.rows], true_rows[0].start_mm, atol=3)
    assert np.allclose([row.end_mm for row in layout.rows], true_rows[0].end_mm, atol=3)


def test_speed_and_gain_are_read_from_their_text() -> None:
    seen = page("3x4", speed=50.0, gain=20.0)
    layout = read_layout(paper_heatmap(true_located(seen), true_mesh(seen.truth))).layout
    assert (layout.speed_mm_s, layout.gain_mm_mv) == (50.0, 20.0)


def test_rhythm_strips_take_the_names_printed_at_them() -> None:
    seen = page("3x4+3")
    located = true_located(seen)
    half = located.heat.shape[1] // 2  # the rhythm strips are in the lower half of the page
    order = [HEATMAPS.index(name) for name in ("II", "V1", "V5")]
    located.heat[order, half:] = located.heat[[order[1], order[0], order[2]], half:]
    reading = read_layout(paper_heatmap(located, true_mesh(seen.truth)))
    assert [row.segments[0].lead for row in reading.layout.rows[3:]] == ["V1", "II", "V5"]
    located.heat[order, half:] = 0
    reading = read_layout(paper_heatmap(located, true_mesh(seen.truth)))
    assert [row.segments[0].lead for row in reading.layout.rows[3:]] == ["II", "V1", "V5"]


SHUFFLED = "V3,I/aVF,V6/II,V1/V5,aVL/III,V2/aVR,V4"


def names(layout: Layout) -> list[list[str]]:
    return [[segment.lead for segment in row.segments] for row in layout.rows]


def test_leads_stand_where_their_labels_say() -> None:
    seen = page(SHUFFLED)
    layout = read_layout(paper_heatmap(true_located(seen), true_mesh(seen.truth))).layout
    assert names(layout) == [row.split(",") for row in SHUFFLED.split("/")]
    assert layout.name == "6x2 as labelled"


def test_what_cabrera_prints_upside_down_is_known() -> None:
    seen = page("cabrera-6x2")
    layout = read_layout(paper_heatmap(true_located(seen), true_mesh(seen.truth))).layout
    inverted = [s.lead for row in layout.rows for s in row.segments if s.is_inverted]
    assert inverted == ["aVR"]


def test_a_told_plan_takes_the_strongest_rows() -> None:
    seen = page("3x4+1")
    heat = paper_heatmap(true_located(seen), true_mesh(seen.truth))
    plan = plan_from_text("I,II,III/aVR,avl,aVF/v1,V2,V3/-V4,V5,V6")
    reading = read_layout(heat, LayoutOverrides(plan, 50.0, 5.0))
    assert names(reading.layout) == [[lead_from_cell(cell) for cell in row] for row in plan.rows]
    assert reading.layout.rows[3].segments[0].is_inverted
    assert (reading.layout.speed_mm_s, reading.layout.gain_mm_mv) == (50.0, 5.0)
    assert reading.notes == (
        "50 mm/s was told, the page seems to say 25", "5 mm/mV was told, the page seems to say 10"
    )  # fmt: skip
    with pytest.raises(UnknownLayout, match="4 rows"):
        read_layout(heat, LayoutOverrides(plan_from_text("12X1")))


@pytest.mark.parametrize("text", ["3x5", "I,II/V7", "", "I,,II"])
def test_a_layout_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(LayoutNotUnderstood, match="no layout"):
        plan_from_text(text)


def test_half_a_page_is_no_layout() -> None:
    """Its rows look like a whole page's, and only the names tell."""
    seen = page("I,aVR/II,aVL/III,aVF")
    heat = paper_heatmap(true_located(seen), true_mesh(seen.truth))
    with pytest.raises(UnknownLayout, match="3 rows; I aVR; II aVL; III aVF") as caught:
        read_layout(heat)
    assert "--layout" in caught.value.hint
    told = read_layout(heat, LayoutOverrides(plan_from_text("I,aVR/II,aVL/III,aVF")))
    assert names(told.layout) == [["I", "aVR"], ["II", "aVL"], ["III", "aVF"]]


def test_what_is_assumed_is_noted() -> None:
    seen = page("3x4")
    located = true_located(seen)
    heat = paper_heatmap(located, true_mesh(seen.truth))
    assert read_layout(heat).notes == ()
    for name in (*GAINS, *SPEEDS):
        located.heat[HEATMAPS.index(name)] = 0
    blind = paper_heatmap(located, true_mesh(seen.truth))
    notes = read_layout(blind).notes
    assert [note.split(":")[0] for note in notes] == ["25 mm/s is assumed", "10 mm/mV is assumed"]
    assert read_layout(blind, LayoutOverrides(None, 25.0, 10.0)).notes == ()


@pytest.mark.parametrize("gain", [5.0, 10.0, 20.0])
def test_without_text_the_pulse_tells_the_gain(gain: float) -> None:
    style = replace(page_style("3x4"), pulse="left", gain_mm_mv=gain)
    rng = np.random.default_rng(11)
    seen = synthetic_page(simulated_recording(rng), rng, kind="render", style=style)
    located = true_located(seen)
    for name in GAINS:
        located.heat[HEATMAPS.index(name)] = 0
    assert read_layout(paper_heatmap(located, true_mesh(seen.truth))).layout.gain_mm_mv == gain


def test_no_rows_is_a_named_failure() -> None:
    seen = page("3x4")
    located = true_located(seen)
    located.heat[HEATMAPS.index(BASELINE)] = 0
    with pytest.raises(NoRowsFound):
        read_layout(paper_heatmap(located, true_mesh(seen.truth)))


def test_an_unknown_count_of_rows_lists_what_was_seen() -> None:
    seen = page("3x4")
    located = true_located(seen)
    line = located.heat[HEATMAPS.index(BASELINE)]
    line[line.shape[0] // 2 - 5 :] = 0  # hides the lower rows
    with pytest.raises(UnknownLayout, match=r"[12] rows?;"):
        read_layout(paper_heatmap(located, true_mesh(seen.truth)))


def test_random_styles_mostly_read_right() -> None:
    right = 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        seen = synthetic_page(simulated_recording(rng), rng, kind="render", style=style_from_rng(rng))
        layout = read_layout(paper_heatmap(true_located(seen), true_mesh(seen.truth))).layout
        right += layout.name == seen.truth.layout.name
    assert right >= 11
