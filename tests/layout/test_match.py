"""Tests of layouts that are read from ideal heatmaps of synthetic pages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("matplotlib")

from synthetic_pages import layout_page, layout_style
from true_stages import true_located, true_mesh

from ecgdigit_export.synth.page import SyntheticPage, synthetic_page
from ecgdigit_export.synth.signals import simulated_recording
from ecgdigit_export.synth.style import style_from_rng
from ecgdigit_rt.errors import InvalidLayout, NoRowsFound, UnknownLayout
from ecgdigit_rt.geometry.locate_stage import Located
from ecgdigit_rt.layout.catalog import LAYOUTS, lead_from_cell, plan_from_text
from ecgdigit_rt.layout.match import LayoutOverrides, LayoutReading, read_layout
from ecgdigit_rt.layout.paper_heatmap import PaperHeatmap, paper_heatmap
from ecgdigit_rt.results import Layout
from ecgdigit_rt.stages import BASELINE, GAINS, HEATMAPS, SPEEDS

SHUFFLED = "V3,I/aVF,V6/II,V1/V5,aVL/III,V2/aVR,V4"


def ideal_heatmap(page: SyntheticPage, located: Located | None = None) -> PaperHeatmap:
    return paper_heatmap(located or true_located(page), true_mesh(page.truth))


def read(page: SyntheticPage) -> LayoutReading:
    return read_layout(ideal_heatmap(page))


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
    assert lead_names(layout) == [[s.lead for s in row.segments] for row in true_layout.rows]
    true_v_mm = [row.baseline_mm for row in true_layout.rows]
    assert np.allclose([line.v_mm for line in reading.baselines], true_v_mm, atol=0.8)
    assert np.allclose([row.start_mm for row in layout.rows], true_layout.rows[0].start_mm, atol=3)
    assert np.allclose([row.end_mm for row in layout.rows], true_layout.rows[0].end_mm, atol=3)


def test_speed_and_gain_are_read_from_printed_text() -> None:
    layout = read(layout_page("3x4", speed_mm_s=50.0, gain_mm_mv=20.0)).layout
    assert (layout.speed_mm_s, layout.gain_mm_mv) == (50.0, 20.0)


def test_rhythm_strips_take_their_printed_names() -> None:
    page = layout_page("3x4+3")
    located = true_located(page)
    half = located.heatmaps.shape[1] // 2  # the rhythm strips are in the lower half of the page
    order = [HEATMAPS.index(name) for name in ("II", "V1", "V5")]
    located.heatmaps[order, half:] = located.heatmaps[[order[1], order[0], order[2]], half:]
    reading = read_layout(ideal_heatmap(page, located))
    assert lead_names(reading.layout)[3:] == [["V1"], ["II"], ["V5"]]
    located.heatmaps[order, half:] = 0
    reading = read_layout(ideal_heatmap(page, located))
    assert lead_names(reading.layout)[3:] == [["II"], ["V1"], ["V5"]]


def test_clear_labels_override_the_order_of_a_layout() -> None:
    layout = read(layout_page(SHUFFLED)).layout
    assert lead_names(layout) == [row.split(",") for row in SHUFFLED.split("/")]
    assert layout.name == "6x2 as labelled"


def test_the_inverted_lead_of_cabrera_is_marked() -> None:
    layout = read(layout_page("cabrera-6x2")).layout
    assert [s.lead for row in layout.rows for s in row.segments if s.is_inverted] == ["aVR"]


def test_a_specified_plan_takes_the_strongest_rows() -> None:
    heatmap = ideal_heatmap(layout_page("3x4+1"))
    plan = plan_from_text("I,II,III/aVR,avl,aVF/v1,V2,V3/-V4,V5,V6")
    reading = read_layout(heatmap, LayoutOverrides(plan, 50.0, 5.0))
    assert lead_names(reading.layout) == [[lead_from_cell(cell) for cell in row] for row in plan.rows]
    assert reading.layout.rows[3].segments[0].is_inverted
    assert (reading.layout.speed_mm_s, reading.layout.gain_mm_mv) == (50.0, 5.0)
    assert reading.notes == (
        "50 mm/s specified, but 25 mm/s detected on the page",
        "5 mm/mV specified, but 10 mm/mV detected on the page",
    )
    with pytest.raises(UnknownLayout, match="4 rows, but the specified layout 12x1 has 12"):
        read_layout(heatmap, LayoutOverrides(plan_from_text("12X1")))


@pytest.mark.parametrize("text", ["3x5", "I,II/V7", "", "I,,II"])
def test_an_invalid_layout_is_rejected(text: str) -> None:
    with pytest.raises(InvalidLayout, match="Unknown layout"):
        plan_from_text(text)


def test_half_a_page_matches_no_layout() -> None:
    """The rows look like those of a whole page. Only the lead names contradict the layout."""
    heatmap = ideal_heatmap(layout_page("I,aVR/II,aVL/III,aVF"))
    with pytest.raises(UnknownLayout, match="3 rows; I aVR; II aVL; III aVF") as caught:
        read_layout(heatmap)
    assert "--layout" in caught.value.hint
    reading = read_layout(heatmap, LayoutOverrides(plan_from_text("I,aVR/II,aVL/III,aVF")))
    assert lead_names(reading.layout) == [["I", "aVR"], ["II", "aVL"], ["III", "aVF"]]


def test_assumed_values_are_noted() -> None:
    page = layout_page("3x4")
    assert read(page).notes == ()
    located = true_located(page)
    erase(located, [*GAINS, *SPEEDS])
    heatmap = ideal_heatmap(page, located)
    assert read_layout(heatmap).notes == (
        "25 mm/s assumed: no printed paper speed detected",
        "10 mm/mV assumed: neither a printed gain nor a calibration pulse detected",
    )
    assert read_layout(heatmap, LayoutOverrides(None, 25.0, 10.0)).notes == ()


@pytest.mark.parametrize("gain", [5.0, 10.0, 20.0])
def test_pulses_determine_the_gain_without_text(gain: float) -> None:
    style = replace(layout_style("3x4"), pulse="left", gain_mm_mv=gain)
    rng = np.random.default_rng(11)
    page = synthetic_page(simulated_recording(rng), rng, kind="render", style=style)
    located = true_located(page)
    erase(located, GAINS)
    assert read_layout(ideal_heatmap(page, located)).layout.gain_mm_mv == gain


def test_a_page_without_rows_is_rejected() -> None:
    page = layout_page("3x4")
    located = true_located(page)
    erase(located, [BASELINE])
    with pytest.raises(NoRowsFound):
        read_layout(ideal_heatmap(page, located))


def test_an_unknown_number_of_rows_lists_what_was_detected() -> None:
    page = layout_page("3x4")
    located = true_located(page)
    line = located.heatmaps[HEATMAPS.index(BASELINE)]
    line[line.shape[0] // 2 - 5 :] = 0  # hide the lower rows
    with pytest.raises(UnknownLayout, match=r"[12] rows?;"):
        read_layout(ideal_heatmap(page, located))


def test_most_random_styles_are_read_correctly() -> None:
    correct = 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        page = synthetic_page(simulated_recording(rng), rng, kind="render", style=style_from_rng(rng))
        correct += read(page).layout.name == page.truth.layout.name
    assert correct >= 11
