"""Tests of layout_pages.py: drawing, and verdicts of constructed results of synthetic pages."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("PIL")

from layout_pages import ONE_LEAD, REPORT_LAYOUTS, draw, layout_fault, report_style, strip_fault
from synthetic_pages import layout_page

from ecgdigit_export.synth.truth import Mark, PageTruth, load_truth
from ecgdigit_export.synth.truth_csv import RATE_HZ, lead_signals
from ecgdigit_rt.results import Digitized, Lead, PageRef


@pytest.fixture(scope="module")
def truth() -> PageTruth:
    return layout_page("3x4+1").truth


def true_page(truth: PageTruth) -> Digitized:
    """Return the result with the layout and the signals of the truth."""
    leads = {
        name: Lead(name, mv.astype(np.float32), RATE_HZ, start_s, 1.0, np.zeros((mv.size, 2), np.float32))
        for name, (start_s, mv) in lead_signals(truth).items()
    }
    return Digitized(PageRef(Path("a.png")), leads, truth.layout, 0.2, {})


def test_true_page_is_right(truth: PageTruth) -> None:
    assert layout_fault(truth, true_page(truth)) == ""


def test_page_with_other_rows_is_wrong(truth: PageTruth) -> None:
    page = true_page(truth)
    shorter = replace(page.layout, name="3x4", rows=page.layout.rows[:3])
    assert layout_fault(truth, replace(page, layout=shorter)) == "layout: 3x4 instead of 3x4+1"
    strip = page.layout.rows[3]
    renamed = replace(strip, segments=(replace(strip.segments[0], lead="V1"),))
    other = replace(page.layout, rows=(*page.layout.rows[:3], renamed))
    assert layout_fault(truth, replace(page, layout=other)) == "rows: V1 instead of II"


def test_wrong_scale_is_marked_if_it_is_not_printed(truth: PageTruth) -> None:
    page = true_page(truth)
    fast = replace(page, layout=replace(page.layout, speed_mm_s=50.0))
    printed = replace(truth, marks=(Mark("speed_25", 1, 1, 1, 1), Mark("pulse", 1, 1, 1, 1)))
    assert layout_fault(printed, fast) == "speed: 50 instead of 25 mm/s"
    assert layout_fault(replace(truth, marks=()), fast) == "speed: 50 instead of 25 mm/s (not printed)"
    low = replace(page, layout=replace(page.layout, gain_mm_mv=5.0))
    assert layout_fault(printed, low) == "gain: 5 instead of 10 mm/mV"
    assert layout_fault(replace(truth, marks=()), low) == "gain: 5 instead of 10 mm/mV (not printed)"


def test_wrong_duration_or_signal_of_a_lead_is_wrong(truth: PageTruth) -> None:
    page = true_page(truth)
    lead = page.leads["II"]
    part = replace(page, leads={**page.leads, "II": replace(lead, mv=lead.mv[:1250])})
    assert layout_fault(truth, part) == "durations: II 2.50 instead of 10.00 s"
    other = replace(page, leads={**page.leads, "II": replace(lead, mv=-lead.mv)})
    assert layout_fault(truth, other).startswith("signals: correlation of II")


def test_strip_may_be_shorter_but_has_no_other_lead(tmp_path: Path, truth: PageTruth) -> None:
    draw(tmp_path, ONE_LEAD, 1, None, 0)
    (path,) = tmp_path.glob("*.npz")
    strip = load_truth(path)
    page = true_page(strip)
    (name,) = page.leads
    assert strip_fault(strip, page) == ""
    part = replace(page.leads[name], mv=page.leads[name].mv[400:])
    assert strip_fault(strip, replace(page, leads={name: part})) == ""
    assert strip_fault(strip, replace(page, leads={**page.leads, "V9": part})) == "leads: V9 invented"
    path.with_suffix(".png").unlink()
    draw(tmp_path, ONE_LEAD, 1, None, 0)
    assert not path.with_suffix(".png").exists()  # pages that exist are not drawn again


@pytest.mark.parametrize("layout", REPORT_LAYOUTS)
def test_layouts_outside_the_catalogue_are_drawn(layout: str) -> None:
    style = report_style(layout, np.random.default_rng(0))
    assert style.plan.name == layout
    assert len(style.plan.rows) == len(style.baselines_mm)
