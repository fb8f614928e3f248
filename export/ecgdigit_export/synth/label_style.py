"""Random placement and wording of printed lead names."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Colour = tuple[float, float, float]

# Probabilities of the placements of lead names. Hand-picked, not tuned: more than half of the pages keep the
# usual placement above or below the trace, and names on the trace or at a bar, which networks miss most
# often, are the most frequent of the others.
_PLACEMENTS = {"cell": 0.56, "trace": 0.16, "bar": 0.22, "margin": 0.06}

# Probabilities of other properties of lead names. Hand-picked, not tuned.
_SMALL_PROBABILITY = 0.2
_UPPER_CASE_PROBABILITY = 0.05
_COLOUR_PROBABILITY = 0.08
_SPACED_PROBABILITY = 0.1
_SUFFIX_PROBABILITY = 0.15
_PREFIX_PROBABILITY = 0.04
_REPORT_FONT_PROBABILITY = 0.45

_SMALL_CAP_MM = (1.3, 2.0)
"""Range of the height of capital letters of small names. Hand-picked after reports of several devices."""

_BLUE: Colour = (20.0, 20.0, 200.0)
"""Ink of names and rules in some reports. Hand-picked, not tuned."""

_SUFFIXES = (
    " (rhythm)",
    " rhythm",
    " {speed}mm/s",
    " {gain}mm/mV",
    " (cont.)",
    " strip",
    "  x1",
    ":",
    ".",
)
"""Text after the name of a rhythm strip. Hand-picked, not tuned."""


@dataclass(frozen=True, slots=True)
class LabelStyle:
    """Placement and wording of lead names. The offset of a name is `SheetStyle.label_offset_mm`.

    placement: `cell`: relative to the start of the cell and the baseline. `trace`: the vertical offset is
    relative to the trace below or behind the name. `bar`: as `cell`, with the first letter at the separator.
    `margin`: left of the row, with the right edge of the name at the offset.
    suffix: text after the names of rows of one lead on a page with other rows, or of all rows of one lead if
    `has_suffix_everywhere`. `{speed}` and `{gain}` in it are the scales of the sheet, which are marked.
    prefix: text before the names of rows of one lead.
    is_first_row_only: whether only the first row has a name, as in continuous strips of one lead.
    is_spaced: whether a space follows the first letter of aVR, aVL and aVF.
    colour: colour of the names, or None for the colour of the pen.
    """

    placement: str = "cell"
    is_upper_case: bool = False
    suffix: str = ""
    has_suffix_everywhere: bool = False
    prefix: str = ""
    is_first_row_only: bool = False
    is_spaced: bool = False
    colour: Colour | None = None


USUAL_LABELS = LabelStyle()
"""Names above or below the trace at the start of each cell, without further text."""


def label_style_from_rng(rng: np.random.Generator) -> LabelStyle:
    """Return a random style of lead names."""
    placement = str(rng.choice(list(_PLACEMENTS), p=list(_PLACEMENTS.values())))
    has_suffix = rng.random() < _SUFFIX_PROBABILITY
    has_prefix = rng.random() < _PREFIX_PROBABILITY
    return LabelStyle(
        placement=placement,
        is_upper_case=bool(rng.random() < _UPPER_CASE_PROBABILITY),
        suffix=str(rng.choice(_SUFFIXES)) if has_suffix else "",
        has_suffix_everywhere=bool(rng.random() < 0.25),
        prefix=str(rng.choice(("Lead ", "Abl. ", "Lead: "))) if has_prefix else "",
        colour=_BLUE if rng.random() < _COLOUR_PROBABILITY else None,
        is_spaced=bool(rng.random() < _SPACED_PROBABILITY),
    )


def label_cap_from_rng(rng: np.random.Generator, usual_mm: float) -> float:
    """Return the height of capital letters in mm: `usual_mm`, or a small height on some pages."""
    return float(rng.uniform(*_SMALL_CAP_MM)) if rng.random() < _SMALL_PROBABILITY else usual_mm


def label_offset_from_rng(
    rng: np.random.Generator, placement: str, cap_mm: float, usual_mm: tuple[float, float]
) -> tuple[float, float]:
    """Return the horizontal and vertical offset in mm of names with a placement."""
    if placement == "trace":
        return float(rng.uniform(-0.8, 3.0)), float(rng.uniform(-1.5, 1.5))
    if placement == "bar":  # up to the width of a letter left of the bar
        return float(rng.uniform(-0.6, 0.4) * cap_mm), float(rng.uniform(-3.2, 1.5))
    if placement == "margin":
        return float(-rng.uniform(0.3, 3.0)), float(rng.uniform(-4.0, 2.0))
    return usual_mm


def uses_report_font(rng: np.random.Generator) -> bool:
    """Return at random whether a page uses one of the fonts of reports instead of the usual fonts."""
    return bool(rng.random() < _REPORT_FONT_PROBABILITY)
