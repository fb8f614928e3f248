"""Plots of how decibels are spread: a histogram of all, a box for each group."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from ecgdigit_rt.plots.svg import (
    ACCENT,
    INK,
    QUIET,
    SOFT,
    Axes,
    dot,
    drawing,
    horizontal_grid,
    line,
    rectangle,
    round_span,
    ticks,
    vertical_grid,
    words,
)

Named = Sequence[tuple[str, float]]
"""Values, each with what its mark says when pointed at."""

_BIN_DB, _STEP_DB = 2.0, 5.0
_WIDTH, _ROW, _RIGHT, _BELOW = 720.0, 26.0, 20.0, 40.0
_LETTER = 7.0
_WHISKER = 1.5  # Tukey's, in lengths of the box


def histogram(values: Sequence[float], what: str) -> str:
    """How many of `what` lie in each 2 dB. Values that are not finite are left out."""
    known = [value for value in values if math.isfinite(value)]
    if not known:
        return ""
    low, high = round_span(known, _BIN_DB)
    counts, edges = np.histogram(known, np.arange(low, high + _BIN_DB, _BIN_DB))
    axes = Axes(50, 12, _WIDTH - 50 - _RIGHT, 170, (low, high), (0, max(4, int(counts.max()))))
    whole = [value for value in ticks(axes.y_span, 4) if value == int(value)]
    parts = [horizontal_grid(axes, whole), vertical_grid(axes, ticks(axes.x_span, 10))]
    for count, left in zip(counts.tolist(), edges.tolist(), strict=False):
        corner = (axes.x(left) + 1, axes.y(count))
        size = (axes.x(left + _BIN_DB) - axes.x(left) - 2, axes.bottom - axes.y(count))
        parts.append(rectangle(corner, size, ACCENT, f"{left:g} to {left + _BIN_DB:g} dB: {count} {what}"))
    parts.append(words("dB", (axes.right, axes.bottom + 32), "end", QUIET))
    return drawing((_WIDTH, axes.bottom + _BELOW), parts, f"histogram of dB over {len(known)} {what}")


def boxes(groups: Mapping[str, Named], what: str) -> str:
    """A row for each group: a dot for each value, a box from quartile to quartile, a bar at the median.

    Whiskers reach to the last value within 1.5 lengths of the box. Values that are not finite are left out.
    """
    known = {name: [pair for pair in pairs if math.isfinite(pair[1])] for name, pairs in groups.items()}
    known = {name: pairs for name, pairs in known.items() if pairs}
    if not known:
        return ""
    left = 20 + _LETTER * max(len(name) for name in known)
    span = round_span((value for pairs in known.values() for _, value in pairs), _STEP_DB)
    axes = Axes(left, 8, _WIDTH - left - _RIGHT, _ROW * len(known), span, (0, 1))
    parts = [vertical_grid(axes, ticks(span, 10))]
    for number, (name, pairs) in enumerate(known.items()):
        middle = axes.top + _ROW * (number + 0.5)
        parts += [words(name, (left - 8, middle + 4), "end"), _box(axes, middle, pairs)]
    parts.append(words("dB", (axes.right, axes.bottom + 32), "end", QUIET))
    return drawing((_WIDTH, axes.bottom + _BELOW), parts, f"spread of dB by {what}")


def _box(axes: Axes, middle: float, pairs: Named) -> str:
    values = np.array([value for _, value in pairs])
    low, median, high = (float(value) for value in np.percentile(values, (25, 50, 75)))
    reach = _WHISKER * (high - low)
    inside = values[(values >= low - reach) & (values <= high + reach)]
    ends = float(inside.min()), float(inside.max())
    half = 0.32 * _ROW
    figures = f"median {median:.1f}, quartiles {low:.1f} and {high:.1f} dB, {len(pairs)} values"
    parts = [
        line((axes.x(ends[0]), middle), (axes.x(ends[1]), middle), QUIET),
        rectangle(
            (axes.x(low), middle - half), (max(axes.x(high) - axes.x(low), 1), 2 * half), SOFT, figures
        ),
        *(dot((axes.x(value), middle), ACCENT, f"{name}: {value:.1f} dB", 2.5) for name, value in pairs),
        line((axes.x(median), middle - half), (axes.x(median), middle + half), INK, 2),
    ]
    return "".join(parts)
