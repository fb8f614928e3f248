"""Random rules, frames and other straight lines of a sheet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Colour = tuple[float, float, float]

# Probabilities of straight lines that are neither grid lines nor traces. Hand-picked, not tuned.
_COLUMN_RULES_PROBABILITY = 0.16
_ROW_RULES_PROBABILITY = 0.07
_FRAME_PROBABILITY = 0.22
_BASELINES_PROBABILITY = 0.06
_SECOND_LINES_PROBABILITY = 0.07
_TICKS_PROBABILITY = 0.10
_PANELS_PROBABILITY = 0.05

_RULE_WIDTH_MM = (0.15, 0.55)
"""Range of the width of rules and frames. Hand-picked, not tuned."""

_RULE_COLOURS: tuple[Colour, ...] = ((0, 0, 0), (90, 90, 90), (20, 20, 200), (200, 30, 40))
"""RGB colours of rules and frames that have the colour of neither the pen nor the grid. Hand-picked."""


@dataclass(frozen=True, slots=True)
class RuleStyle:
    """Straight lines that are neither grid lines nor traces.

    has_column_rules: a line between the columns of leads, over the height of all rows with these columns.
    has_row_rules: a line between adjacent rows.
    frame: `none`, `grid` (around the grid), `traces` (around the rows) or `box` (around rows and pulses).
    has_baselines: a thin line along the baseline of every row.
    has_second_lines: a bold line every second.
    has_ticks: axis numbers along the lower or left edge.
    panel_gap_mm: height of the blank bands between the grids of the rows, or 0 for a continuous grid.
    colour: colour of rules and frames.
    """

    has_column_rules: bool = False
    has_row_rules: bool = False
    frame: str = "none"
    has_baselines: bool = False
    has_second_lines: bool = False
    has_ticks: bool = False
    panel_gap_mm: float = 0.0
    colour: Colour = (0.0, 0.0, 0.0)
    width_mm: float = 0.3


NO_RULES = RuleStyle()
"""Sheet with grid lines and traces only."""


def rule_style_from_rng(rng: np.random.Generator, pen: Colour, grid: Colour) -> RuleStyle:
    """Return a random style of rules. They often have the colour of the pen or of the grid."""
    colours = (pen, pen, grid, _RULE_COLOURS[rng.integers(len(_RULE_COLOURS))])
    has_frame = rng.random() < _FRAME_PROBABILITY
    has_panels = rng.random() < _PANELS_PROBABILITY
    return RuleStyle(
        has_column_rules=bool(rng.random() < _COLUMN_RULES_PROBABILITY),
        has_row_rules=bool(rng.random() < _ROW_RULES_PROBABILITY),
        frame=str(rng.choice(("grid", "traces", "box"))) if has_frame else "none",
        has_baselines=bool(rng.random() < _BASELINES_PROBABILITY),
        has_second_lines=bool(rng.random() < _SECOND_LINES_PROBABILITY),
        has_ticks=bool(rng.random() < _TICKS_PROBABILITY),
        panel_gap_mm=float(rng.uniform(2, 7)) if has_panels else 0.0,
        colour=colours[rng.integers(len(colours))],
        width_mm=float(rng.uniform(*_RULE_WIDTH_MM)),
    )
