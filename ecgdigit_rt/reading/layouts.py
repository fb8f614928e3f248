"""The page layouts that machines print: which lead stands where."""

from __future__ import annotations

from dataclasses import dataclass

_LIMB = ("I", "II", "III", "aVR", "aVL", "aVF")
_CHEST = ("V1", "V2", "V3", "V4", "V5", "V6")
_THREE_BY_FOUR = (("I", "aVR", "V1", "V4"), ("II", "aVL", "V2", "V5"), ("III", "aVF", "V3", "V6"))
_SIX_BY_TWO = tuple(zip(_LIMB, _CHEST, strict=True))


@dataclass(frozen=True, slots=True)
class LayoutPlan:
    """Rows of leads from the top down; a row's leads share its width equally, left to right.

    In a row of several leads each shows its share of the record's time; a row of one lead is a
    rhythm strip and shows all of it.
    """

    name: str
    rows: tuple[tuple[str, ...], ...]

    @property
    def columns(self) -> int:
        return max(len(row) for row in self.rows)


LAYOUTS: dict[str, LayoutPlan] = {
    plan.name: plan
    for plan in (
        LayoutPlan("3x4", _THREE_BY_FOUR),
        LayoutPlan("3x4+1", (*_THREE_BY_FOUR, ("II",))),
        LayoutPlan("3x4+3", (*_THREE_BY_FOUR, ("II",), ("V1",), ("V5",))),
        LayoutPlan("6x2", _SIX_BY_TWO),
        LayoutPlan("6x2+1", (*_SIX_BY_TWO, ("II",))),
        LayoutPlan("12x1", tuple((lead,) for lead in (*_LIMB, *_CHEST))),
    )
}
"""Known layouts by name. A new layout is one more line here."""
