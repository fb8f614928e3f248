"""Catalogue of page layouts that ECG machines print."""

from __future__ import annotations

from dataclasses import dataclass

from ecgdigit_rt.errors import InvalidLayout
from ecgdigit_rt.results import ALL_LEADS

INVERTED_PREFIX = "-"
"""Prefix of a lead that is printed inverted, such as -aVR in Cabrera's order."""

STANDARD_WIDTHS_MM = (250.0, 125.0)
"""Widths of a record that ECG machines print: 10 s and 5 s at 25 mm/s."""

_LIMB = ("I", "II", "III", "aVR", "aVL", "aVF")
_CHEST = ("V1", "V2", "V3", "V4", "V5", "V6")
_CABRERA = ("aVL", "I", "-aVR", "II", "aVF", "III")
"""Limb leads in the order of their angles (Cabrera; Fumagalli, 1949)."""


def _rows_from_columns(*columns: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """Return the rows of a page from its columns. A column lists its leads from the top down."""
    return tuple(zip(*columns, strict=True))


_THREE_BY_FOUR = _rows_from_columns(_LIMB[:3], _LIMB[3:], _CHEST[:3], _CHEST[3:])
_SIX_BY_TWO = _rows_from_columns(_LIMB, _CHEST)
_CABRERA_THREE_BY_FOUR = _rows_from_columns(_CABRERA[:3], _CABRERA[3:], _CHEST[:3], _CHEST[3:])
_CABRERA_SIX_BY_TWO = _rows_from_columns(_CABRERA, _CHEST)


@dataclass(frozen=True, slots=True)
class LayoutPlan:
    """Rows of leads from the top down. The leads of a row share its width equally, from left to right.

    In a row of several leads, each lead shows an equal part of the record. A row of one lead, such as a
    rhythm strip, shows the whole record. If all rows show the same single lead, they continue each other. A
    cell is a lead name, preceded by `INVERTED_PREFIX` if the lead is printed inverted.

    `frequency` is the prior probability of the layout, relative to the others of the catalogue.
    """

    name: str
    rows: tuple[tuple[str, ...], ...]
    frequency: float = 0.005

    @property
    def columns(self) -> int:
        """Number of columns: the maximum number of leads in a row."""
        return max(len(row) for row in self.rows)

    @property
    def is_rare(self) -> bool:
        """True if the layout is much rarer than those that most machines print."""
        return self.frequency < _RARE_FREQUENCY

    @property
    def is_consecutive(self) -> bool:
        """True if several rows show the same single lead, one after another in time."""
        return len(self.rows) > 1 and len(set(self.rows)) == 1 and self.columns == 1

    def is_strip(self, row: int) -> bool:
        """Return whether a row is a rhythm strip: it shows one lead on a page with rows of several leads."""
        return len(self.rows[row]) < self.columns


_RARE_FREQUENCY = 0.02  # hand-picked, not tuned

# The frequencies are estimates from 60 real pages of public archives, smoothed.
LAYOUTS: dict[str, LayoutPlan] = {
    plan.name: plan
    for plan in (
        LayoutPlan("3x4", _THREE_BY_FOUR, 0.12),
        LayoutPlan("3x4+1", (*_THREE_BY_FOUR, ("II",)), 0.45),
        LayoutPlan("3x4+2", (*_THREE_BY_FOUR, ("V1",), ("II",)), 0.02),
        LayoutPlan("3x4+3", (*_THREE_BY_FOUR, ("II",), ("V1",), ("V5",)), 0.10),
        LayoutPlan("6x2", _SIX_BY_TWO, 0.08),
        LayoutPlan("6x2+1", (*_SIX_BY_TWO, ("II",)), 0.06),
        LayoutPlan("12x1", tuple((lead,) for lead in (*_LIMB, *_CHEST)), 0.08),
        LayoutPlan("4x3", (_LIMB[:3], _LIMB[3:], _CHEST[:3], _CHEST[3:])),
        LayoutPlan("6x1", tuple((lead,) for lead in _LIMB), 0.02),
        LayoutPlan("chest-6x1", tuple((lead,) for lead in _CHEST), 0.02),
        LayoutPlan("cabrera-3x4", _CABRERA_THREE_BY_FOUR),
        LayoutPlan("cabrera-3x4+1", (*_CABRERA_THREE_BY_FOUR, ("II",))),
        LayoutPlan("cabrera-6x2", _CABRERA_SIX_BY_TWO),
        LayoutPlan("cabrera-12x1", tuple((lead,) for lead in (*_CABRERA, *_CHEST))),
    )
}
"""Known layouts by name, common layouts first. To add a layout, add a line here."""


def lead_from_cell(cell: str) -> str:
    """Return the lead name in a plan's cell, without `INVERTED_PREFIX`."""
    return cell.removeprefix(INVERTED_PREFIX)


def plan_from_text(text: str) -> LayoutPlan:
    """Return the known layout with this name, or build the layout that `text` lists.

    A list separates rows with `/` and leads with `,`: `II` (one strip of lead II) or `I,II,III/aVR,aVL,aVF`.
    Case is ignored. Raises InvalidLayout.
    """
    known = {name.lower(): plan for name, plan in LAYOUTS.items()}
    if text.strip().lower() in known:
        return known[text.strip().lower()]
    capitals = {lead.lower(): lead for lead in ALL_LEADS}
    rows = []
    for row in text.split("/"):
        cells = [cell.strip() for cell in row.split(",")]
        leads = [capitals.get(lead_from_cell(cell).lower()) for cell in cells]
        if None in leads:
            raise InvalidLayout(text, tuple(LAYOUTS))
        signs = [cell[: len(cell) - len(lead_from_cell(cell))] for cell in cells]
        rows.append(tuple(sign + str(lead) for sign, lead in zip(signs, leads, strict=True)))
    return LayoutPlan(text, tuple(rows))
