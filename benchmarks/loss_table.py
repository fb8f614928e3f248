"""Summary of loss_by_stage.py over pages: dB of the variants, gains of ideal stages, causes of the error."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import mean, median
from typing import Any

from error_causes import CAUSES

VARIANTS = ("round_trip", "true_mesh", "true_trace", "true_layout", "all")
SPLIT = ("true_mesh", "all")
"""Variants whose errors are split by cause."""

GAINS = {
    "mesh": ("true_mesh", "true_layout"),
    "trace": ("true_trace", "true_layout"),
    "layout": ("true_layout", "all"),
}
"""Gains of ideal stages: dB of the first variant minus dB of the second variant.

The gains of mesh and trace are measured with the true layout, so that a wrong layout does not hide them.
`layout` includes extents, speed and gain.
"""

TOTAL = "all kinds"


def summary(pages: list[dict[str, Any]]) -> dict[str, Any]:
    """Return mean and median dB of every variant, gains and mean shares of the error, by kind and overall."""
    kinds = sorted({page["kind"] for page in pages})
    groups = {kind: [page for page in pages if page["kind"] == kind] for kind in kinds}
    return {kind: _group_summary(group) for kind, group in {**groups, TOTAL: pages}.items()}


def _group_summary(pages: list[dict[str, Any]]) -> dict[str, Any]:
    db = {variant: [page["db"][variant] for page in pages] for variant in VARIANTS}
    gains = {
        stage: [page["db"][better] - page["db"][worse] for page in pages]
        for stage, (better, worse) in GAINS.items()
    }
    return {
        "pages": len(pages),
        "failed": [f"{page['page']}: {page['failed']['all']}" for page in pages if "all" in page["failed"]],
        "misread": {
            item: [page["page"] for page in pages if page["reading"].get(item) is False]
            for item in ("layout", "speed", "gain")
        },
        "mean_db": {variant: round(mean(values), 2) for variant, values in db.items()},
        "median_db": {variant: round(median(values), 2) for variant, values in db.items()},
        "mean_gain_db": {stage: round(mean(values), 2) for stage, values in gains.items()},
        "median_gain_db": {stage: round(median(values), 2) for stage, values in gains.items()},
        "causes": {
            variant: {cause: round(mean(p["causes"][variant][cause] for p in pages), 3) for cause in CAUSES}
            for variant in SPLIT
        },
    }


def table(summaries: Mapping[str, Any]) -> str:
    """Return a text table of `summary`: means and medians, then the shares of the error in percent."""
    split = "".join(f"  {variant + ' ' + '/'.join(CAUSES):>26}" for variant in SPLIT)
    return "\n".join(
        [
            _heading("dB: mean, median", "pages", VARIANTS),
            *(_pairs(kind, group, VARIANTS, "db") for kind, group in summaries.items()),
            "",
            _heading("gain of ideal stage", "failed", tuple(GAINS)),
            *(_pairs(kind, group, tuple(GAINS), "gain_db") for kind, group in summaries.items()),
            "",
            f"{'% of squared error':26}" + split,
            *(_shares(kind, group["causes"]) for kind, group in summaries.items()),
            "",
        ]
    )


def _heading(title: str, count: str, names: tuple[str, ...]) -> str:
    return f"{title:20}{count:>6}" + "".join(f"{name:>15}" for name in names)


def _pairs(kind: str, group: Mapping[str, Any], names: tuple[str, ...], unit: str) -> str:
    count = group["pages"] if unit == "db" else len(group["failed"])
    pairs = ((group[f"mean_{unit}"][name], group[f"median_{unit}"][name]) for name in names)
    return f"{kind:20}{count:6}" + "".join(f"{a:8.1f}{b:7.1f}" for a, b in pairs)


def _shares(kind: str, causes: Mapping[str, Mapping[str, float]]) -> str:
    columns = ("/".join(f"{100 * causes[v][c]:.0f}" for c in CAUSES) for v in SPLIT)
    return f"{kind:26}" + "".join(f"  {shares:>26}" for shares in columns)
