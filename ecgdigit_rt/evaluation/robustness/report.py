"""Reports of measured robustness: a text table, and curves as SVG (extra `report`)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ecgdigit_rt.evaluation.robustness.measurement import mean_dbs
from ecgdigit_rt.plots.svg import COLOURS, Titles, svg_from_drawing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLUMNS, _PANEL_PX, _HEADING_PX = 4, (240, 200), 34
_STEP_DB = 5.0
_MARGIN = 0.05
_MIN_TICK_GAP = 0.13
"""Layout of the plot. Hand-picked, not tuned.

- number of columns, size of a panel, and height of the heading
- multiple to which the ends of the dB axis are rounded
- margin at both ends of the level axis, as a fraction of the range of levels
- minimum distance between two tick labels, as a fraction of the axis; the second of two closer labels is
  left out
"""


def text_from_robustness(measured: Mapping[str, Any]) -> str:
    """Return one table per sweep: levels, mean dB, difference from clean pages, failed and doubtful pages."""
    pages, clean = measured["pages"], measured["clean"]
    lines = [f"clean {clean['mean_db']:.2f} dB, mean over {len(pages)} pages: {', '.join(pages)}"]
    if clean["failed"]:
        lines.append(f"failed {_failed_pages(clean)}")
    if clean["doubtful"]:
        lines.append(f"doubtful {', '.join(clean['doubtful'])}")
    for name, sweep in measured["sweeps"].items():
        pairs = mean_dbs(sweep)
        rows = {
            name: [f"{at:g}" for at, _ in pairs],
            "mean dB": [f"{db:.2f}" for _, db in pairs],
            "change": [f"{db - clean['mean_db']:+.2f}" for _, db in pairs],
        }
        for status in ("failed", "doubtful"):
            if any(level[status] for level in sweep["levels"]):
                rows[status] = [str(len(level[status]) or "") for level in sweep["levels"]]
        lines.append("")
        for number, (heading, cells) in enumerate(rows.items()):
            unit = f"  {sweep['level']}" if number == 0 else ""
            lines.append((f"{heading:<12}" + "".join(f"{cell:>8}" for cell in cells) + unit).rstrip())
        lines += [
            f"at {level['at']:g}: {_failed_pages(level)}" for level in sweep["levels"] if level["failed"]
        ]
    return "\n".join(lines) + "\n"


def _failed_pages(level: Mapping[str, Any]) -> str:
    return ", ".join(f"{page} [{error}]" for page, error in level["failed"].items())


def svg_from_robustness(measured: Mapping[str, Any]) -> str:
    """Return an SVG document with one panel of curves per sweep. Raises DependencyMissing.

    Each thin line is a page, and the thick line is the mean of all pages. The horizontal line is the mean of
    the clean pages.
    """
    sweeps, clean = measured["sweeps"], measured["clean"]
    columns, rows = min(_COLUMNS, len(sweeps)), math.ceil(len(sweeps) / _COLUMNS)
    measurements = [clean, *(level for sweep in sweeps.values() for level in sweep["levels"])]
    dbs = [db for measurement in measurements for db in measurement["page_db"].values()]
    low = math.floor(min(dbs) / _STEP_DB) * _STEP_DB
    high = max(math.ceil(max(dbs) / _STEP_DB) * _STEP_DB, low + _STEP_DB)

    def draw(figure: Figure) -> Titles:
        title = f"mean dB over {len(measured['pages'])} pages, clean {clean['mean_db']:.1f} dB"
        figure.set_layout_engine("constrained", w_pad=0.12, h_pad=0.12)
        figure.suptitle(title, x=0.015, ha="left", fontsize=9, fontweight="bold")
        titles: dict[str, Sequence[str]] = {}
        for number, (name, sweep) in enumerate(sweeps.items()):
            axes = figure.add_subplot(rows, columns, number + 1)
            axes.set_ylim(low, high)
            titles[name] = _draw_sweep(axes, name, sweep, clean)
        return titles

    size_px = (columns * _PANEL_PX[0], _HEADING_PX + rows * _PANEL_PX[1])
    return svg_from_drawing(draw, size_px, "curves of dB by level of degradation", is_file=True) + "\n"


def _draw_sweep(axes: Axes, name: str, sweep: Mapping[str, Any], clean: Mapping[str, Any]) -> list[str]:
    """Draw one panel, and return the tooltips of the points of the mean curve.

    The `gid` of these points in the SVG is `name`.
    """
    levels, means = zip(*mean_dbs(sweep), strict=True)
    axes.set_title(name, loc="left")
    axes.set_title(sweep["level"], loc="right", fontweight="normal", color=COLOURS["quiet"])
    axes.axhline(clean["mean_db"], color=COLOURS["ink"], linewidth=0.75)
    for page in clean["page_db"]:
        dbs = [level["page_db"][page] for level in sweep["levels"]]
        axes.plot(levels, dbs, color=COLOURS["soft"], linewidth=0.75)
    axes.plot(levels, means, color=COLOURS["accent"], linewidth=1.5)
    axes.plot(levels, means, "o", color=COLOURS["accent"], ms=4.5, mew=0, gid=name)
    margin = _MARGIN * (max(levels) - min(levels)) or 1.0
    axes.set_xlim(min(levels) - margin, max(levels) + margin)
    labelled = _spaced(levels, _MIN_TICK_GAP * (max(levels) - min(levels) + 2 * margin))
    axes.set_xticks(levels, [f"{level:g}" if level in labelled else "" for level in levels])
    return [f"{level:g}: {db:.1f} dB" for level, db in zip(levels, means, strict=True)]


def _spaced(levels: Sequence[float], gap: float) -> list[float]:
    """Return the levels that are at least `gap` away from every level returned before."""
    spaced: list[float] = []
    for level in levels:
        if all(abs(level - other) >= gap for other in spaced):
            spaced.append(level)
    return spaced
