"""Evidence for a layout from printed text: layout codes, and statements that a page shows a single lead."""

from __future__ import annotations

from collections.abc import Iterator

from ecgdigit_rt.layout.catalog import LayoutPlan
from ecgdigit_rt.layout.evidence import Evidence
from ecgdigit_rt.text.facts import PrintedFacts

NO_FACTS = PrintedFacts()
"""Facts of a page without words."""

# Hand-picked, not tuned.
_CODE_POINTS = 4.0  # points of a layout code that agrees with the layout, and of one that contradicts it
_STATED_POINTS = 8.0  # points of the statement that the page shows a single lead


def text_evidence(plan: LayoutPlan, facts: PrintedFacts) -> Iterator[Evidence]:
    """Yield the evidence of the facts that the page states about its layout."""
    grid = [leads for row, leads in enumerate(plan.rows) if not plan.is_strip(row)]
    strips = len(plan.rows) - len(grid)
    stated = {"columns": (facts.columns or _columns_of_code(facts), plan.columns)}
    stated["rows"] = (facts.rows, len(grid))
    stated["rhythm strips"] = (facts.rhythm_rows, strips)
    for name, (printed, own) in stated.items():
        if printed is not None and not plan.is_consecutive:
            points = _CODE_POINTS if printed == own else -_CODE_POINTS
            yield Evidence("text", f"{printed} {name} stated, {own} in the layout", points)
    if facts.single_lead is not None:
        is_single = {lead for leads in plan.rows for lead in leads} == {facts.single_lead}
        points = _STATED_POINTS if is_single else -_STATED_POINTS
        yield Evidence("text", f"only lead {facts.single_lead} stated", points)


def _columns_of_code(facts: PrintedFacts) -> int | None:
    """Return the number of groups of a report with rhythm strips, which are on one page."""
    return facts.groups if facts.rhythm_rows is not None else None
