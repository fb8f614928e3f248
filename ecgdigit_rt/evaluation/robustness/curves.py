"""The measured sweeps as curves: one SVG, a panel for each sweep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ecgdigit_rt.evaluation.robustness.measure import mean_dbs
from ecgdigit_rt.plots.svg import (
    ACCENT,
    GRID,
    INK,
    QUIET,
    SOFT,
    Axes,
    Span,
    curve,
    dot,
    drawing,
    horizontal_grid,
    line,
    round_span,
    ticks,
    words,
)

_COLUMNS, _PANEL, _INSIDE = 4, (240.0, 200.0), (186.0, 124.0)
_LEFT, _TOP, _HEAD = 42.0, 34.0, 34.0
_STEP_DB, _EDGE = 5.0, 0.05
_NUMBER = 24.0  # px that a number needs; of two nearer ones the first is written


def svg_from_figures(figures: Mapping[str, Any]) -> str:
    """Thin lines are single pages, the thick one is their mean, the level line is the mean of clean pages."""
    sweeps, clean = figures["sweeps"], figures["clean"]
    every = [clean, *(level for sweep in sweeps.values() for level in sweep["levels"])]
    dbs = [db for level in every for db in level["page_db"].values()]
    span = round_span(dbs, _STEP_DB)
    parts = [
        words(
            f"mean dB over {len(figures['pages'])} pages, clean {clean['mean_db']:.1f} dB",
            (10, 20),
            weight=600,
        )
    ]
    for number, (name, sweep) in enumerate(sweeps.items()):
        corner = (number % _COLUMNS * _PANEL[0], _HEAD + number // _COLUMNS * _PANEL[1])
        parts.append(_panel(name, sweep, clean, corner, span))
    columns, rows = min(_COLUMNS, len(sweeps)), -(-len(sweeps) // _COLUMNS)
    size = (columns * _PANEL[0], _HEAD + rows * _PANEL[1])
    return drawing(size, parts, "curves of dB by level of degradation", is_file=True) + "\n"


def _panel(name: str, sweep: Mapping[str, Any], clean: Mapping[str, Any], corner: Span, y_span: Span) -> str:
    pairs = mean_dbs(sweep)
    at = [level for level, _ in pairs]
    room = _EDGE * (max(at) - min(at)) or 1.0
    x_span = (min(at) - room, max(at) + room)
    axes = Axes(corner[0] + _LEFT, corner[1] + _TOP, *_INSIDE, x_span, y_span)
    parts = [
        words(name, (axes.left, axes.top - 10), weight=600),
        words(f"{sweep['level']}", (axes.right, axes.top - 10), "end", QUIET),
        horizontal_grid(axes, ticks(y_span, 4)),
    ]
    for level in at:
        parts.append(line((axes.x(level), axes.top), (axes.x(level), axes.bottom), GRID))
    for level in _with_room(at, axes):
        parts.append(words(f"{level:g}", (axes.x(level), axes.bottom + 15), "middle", QUIET))
    parts.append(line((axes.left, axes.y(clean["mean_db"])), (axes.right, axes.y(clean["mean_db"])), INK))
    for page in clean["page_db"]:
        own = [(axes.x(level["at"]), axes.y(level["page_db"][page])) for level in sweep["levels"]]
        parts.append(curve(own, SOFT, 1))
    parts.append(curve([(axes.x(level), axes.y(db)) for level, db in pairs], ACCENT))
    parts += [dot((axes.x(level), axes.y(db)), ACCENT, f"{level:g}: {db:.1f} dB") for level, db in pairs]
    return "".join(parts)


def _with_room(levels: Sequence[float], axes: Axes) -> list[float]:
    """Those whose number does not run into one before it."""
    kept: list[float] = []
    for level in levels:
        if all(abs(axes.x(level) - axes.x(other)) >= _NUMBER for other in kept):
            kept.append(level)
    return kept
