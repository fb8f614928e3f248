"""Evidence for a layout from printed layout codes and statements."""

from __future__ import annotations

import pytest

from ecgdigit_rt.layout.catalog import LAYOUTS, LayoutPlan, plan_from_text
from ecgdigit_rt.layout.text_evidence import NO_FACTS, text_evidence
from ecgdigit_rt.text.facts import PrintedFacts


def points(plan: LayoutPlan, facts: PrintedFacts) -> list[float]:
    return [item.points for item in text_evidence(plan, facts)]


def test_a_page_without_facts_has_no_evidence() -> None:
    assert points(LAYOUTS["3x4+1"], NO_FACTS) == []
    assert points(LAYOUTS["3x4+1"], PrintedFacts(speed_mm_s=25.0, heart_rate_bpm=70.0)) == []


@pytest.mark.parametrize(
    ("facts", "right", "wrong"),
    [
        (PrintedFacts(rows=3, columns=4, rhythm_rows=1), "3x4+1", "6x2"),
        (PrintedFacts(rows=6, columns=2), "6x2", "12x1"),
        (PrintedFacts(groups=4, group_s=2.5, rhythm_rows=1), "3x4+1", "6x2+1"),  # 4*2.5s+1r
        (PrintedFacts(groups=2, group_s=5.0, rhythm_rows=1), "6x2+1", "3x4+1"),
        (PrintedFacts(groups=4, group_s=2.5, rhythm_rows=3), "3x4+3", "3x4+1"),
        (PrintedFacts(rhythm_rows=2), "3x4+2", "3x4+3"),
    ],
)
def test_a_layout_code_is_evidence_for_its_layout(facts: PrintedFacts, right: str, wrong: str) -> None:
    agreeing = points(LAYOUTS[right], facts)
    assert agreeing
    assert min(agreeing) > 3
    assert sum(points(LAYOUTS[wrong], facts)) < sum(agreeing) - 6


def test_groups_without_rhythm_strips_may_be_on_several_pages() -> None:
    """Two groups of six leads, one on each page."""
    assert points(LAYOUTS["chest-6x1"], PrintedFacts(groups=2, group_s=5.0)) == []


def test_the_statement_of_a_single_lead_excludes_other_layouts() -> None:
    facts = PrintedFacts(single_lead="I")
    assert points(plan_from_text("I/I/I"), facts)[0] > 6
    assert points(plan_from_text("I"), facts)[0] > 6
    for name in ("II", "I/II/III", "3x4+1"):
        assert points(plan_from_text(name), facts)[0] < -6


def test_layout_codes_do_not_describe_consecutive_rows() -> None:
    facts = PrintedFacts(rows=1, columns=1, single_lead="I")
    (only,) = text_evidence(plan_from_text("I/I/I"), facts)
    assert only.text == "only lead I stated"
