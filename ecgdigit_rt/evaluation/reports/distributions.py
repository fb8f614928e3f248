"""Plots of the distribution of dB values: a histogram of all images, and a box plot by group."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.plots.svg import COLOURS, Titles, svg_from_drawing, xml_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LabelledValues = Sequence[tuple[str, float]]
"""Pairs of a tooltip label and a value in dB."""

_BIN_DB = 2.0  # width of a bin of the histogram. Hand-picked, not tuned.
_WHISKER = 1.5  # maximum length of a whisker in interquartile ranges, as defined by Tukey

# Width of a plot, and heights of a histogram, of a row of a box plot and of its axis. Hand-picked, not tuned.
_WIDTH_PX, _HISTOGRAM_PX, _ROW_PX, _AXIS_PX = 720, 222, 26, 56

_MAX_LABEL = 40
"""Maximum number of characters of a group name. A longer name would leave no room for the plot."""


def histogram_svg(values: Sequence[float], noun: str) -> str:
    """Return a histogram of the finite values in bins of 2 dB as SVG, or an empty string if there are none.

    `noun` is the plural noun of the counted items.
    """
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return ""
    low = math.floor(min(finite) / _BIN_DB) * _BIN_DB
    high = max(math.ceil(max(finite) / _BIN_DB) * _BIN_DB, low + _BIN_DB)
    counts, edges = np.histogram(finite, np.arange(low, high + _BIN_DB, _BIN_DB))

    def draw(figure: Figure) -> Titles:
        axes = figure.add_subplot()
        bars = axes.bar(edges[:-1], counts, 0.92 * _BIN_DB, align="edge", color=COLOURS["accent"])
        for number, bar in enumerate(bars):
            bar.set_gid(f"bar-{number}")
        axes.set_xlim(low, high)
        axes.set_ylim(0, max(4, int(counts.max())))
        axes.locator_params(axis="y", integer=True)
        axes.set_xlabel("dB")
        return {
            f"bar-{number}": [f"{left:g} to {left + _BIN_DB:g} dB: {count} {noun}"]
            for number, (left, count) in enumerate(zip(edges.tolist(), counts.tolist(), strict=False))
        }

    return svg_from_drawing(draw, (_WIDTH_PX, _HISTOGRAM_PX), f"histogram of dB over {len(finite)} {noun}")


def box_plot_svg(groups: Mapping[str, LabelledValues], noun: str) -> str:
    """Return a box plot as SVG with one row per group, or an empty string without finite values.

    Each value is a dot. The box spans the quartiles, with a bar at the median. Each whisker extends to the
    farthest value within 1.5 interquartile ranges of the box. Values that are not finite are left out. `noun`
    is the singular noun of the groups, such as "lead".
    """
    finite = {name: [pair for pair in pairs if math.isfinite(pair[1])] for name, pairs in groups.items()}
    finite = {name: pairs for name, pairs in finite.items() if pairs}
    if not finite:
        return ""

    def draw(figure: Figure) -> Titles:
        axes = figure.add_subplot()
        columns = [np.array([value for _, value in pairs]) for pairs in finite.values()]
        drawn = axes.boxplot(
            columns,
            orientation="horizontal",
            positions=range(len(columns)),
            widths=0.64,
            whis=_WHISKER,
            showcaps=False,
            showfliers=False,
            patch_artist=True,
            tick_labels=[_short(name) for name in finite],
            boxprops={"facecolor": COLOURS["soft"], "linewidth": 0},
            medianprops={"color": COLOURS["ink"], "linewidth": 1.5, "zorder": 4},
            whiskerprops={"color": COLOURS["quiet"], "linewidth": 0.75},
        )
        titles: dict[str, Sequence[str]] = {}
        for row, (values, pairs) in enumerate(zip(columns, finite.values(), strict=True)):
            drawn["boxes"][row].set_gid(f"box-{row}")
            titles[f"box-{row}"] = [_quartiles(values)]
            y = [row] * len(pairs)
            axes.plot(values, y, "o", color=COLOURS["accent"], alpha=0.75, ms=3.75, mew=0, gid=f"dots-{row}")
            titles[f"dots-{row}"] = [f"{name}: {value:.1f} dB" for name, value in pairs]
        axes.set_ylim(len(columns) - 0.5, -0.5)
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", labelcolor=COLOURS["ink"])
        axes.set_xlabel("dB")
        return titles

    height_px = _AXIS_PX + _ROW_PX * len(finite)
    return svg_from_drawing(draw, (_WIDTH_PX, height_px), f"distribution of dB by {noun}")


def _quartiles(values: NDArray[np.float64]) -> str:
    low, median, high = (float(value) for value in np.percentile(values, (25, 50, 75)))
    return f"median {median:.1f}, quartiles {low:.1f} and {high:.1f} dB, {values.size} values"


def _short(name: str) -> str:
    text = xml_text(name)
    return text if len(text) <= _MAX_LABEL else f"{text[: _MAX_LABEL - 1]}…"
