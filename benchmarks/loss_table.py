"""What many pages' variants say together: dB, what each perfect stage would give, causes of the error."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import mean, median
from typing import Any

from causes import CAUSES

VARIANTS = ("round_trip", "true_mesh", "true_trace", "true_layout", "all")
SPLIT = ("true_mesh", "all")
"""Variants whose errors are told by cause."""

GAINS = {
    "mesh": ("true_mesh", "true_layout"),
    "trace": ("true_trace", "true_layout"),
    "layout": ("true_layout", "all"),
}
"""What a perfect stage would give: the first variant less the second. Mesh and trace are told with a true
layout, so that a wrong one does not hide them; `layout` has the extents, speed and gain in it."""

TOTAL = "all kinds"


def summary(pages: list[dict[str, Any]]) -> dict[str, Any]:
    """By kind and over all: mean and median dB of every variant, gains, and mean shares of the error."""
    kinds = sorted({page["kind"] for page in pages})
    groups = {kind: [page for page in pages if page["kind"] == kind] for kind in kinds}
    return {kind: _figures(group) for kind, group in {**groups, TOTAL: pages}.items()}


def _figures(pages: list[dict[str, Any]]) -> dict[str, Any]:
    db = {variant: [page["db"][variant] for page in pages] for variant in VARIANTS}
    gains = {
        stage: [page["db"][better] - page["db"][worse] for page in pages]
        for stage, (better, worse) in GAINS.items()
    }
    return {
        "pages": len(pages),
        "failed": [f"{page['page']}: {page['failed']['all']}" for page in pages if "all" in page["failed"]],
        "misread": {
            what: [page["page"] for page in pages if page["reading"].get(what) is False]
            for what in ("layout", "speed", "gain")
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


def table(figures: Mapping[str, Any]) -> str:
    """`summary` to read: means and medians, then the shares of the error in percent."""
    split = "".join(f"  {variant + ' ' + '/'.join(CAUSES):>26}" for variant in SPLIT)
    return "\n".join(
        [
            _line("dB: mean, median", "pages", VARIANTS),
            *(_pairs(kind, found, VARIANTS, "db") for kind, found in figures.items()),
            "",
            _line("a perfect ... gives", "lost", tuple(GAINS)),
            *(_pairs(kind, found, tuple(GAINS), "gain_db") for kind, found in figures.items()),
            "",
            f"{'% of squared error':26}" + split,
            *(_shares(kind, found["causes"]) for kind, found in figures.items()),
            "",
        ]
    )


def _line(title: str, count: str, names: tuple[str, ...]) -> str:
    return f"{title:20}{count:>6}" + "".join(f"{name:>15}" for name in names)


def _pairs(kind: str, found: Mapping[str, Any], names: tuple[str, ...], unit: str) -> str:
    count = found["pages"] if unit == "db" else len(found["failed"])
    pairs = ((found[f"mean_{unit}"][name], found[f"median_{unit}"][name]) for name in names)
    return f"{kind:20}{count:6}" + "".join(f"{a:8.1f}{b:7.1f}" for a, b in pairs)


def _shares(kind: str, causes: Mapping[str, Mapping[str, float]]) -> str:
    told = ("/".join(f"{100 * causes[v][c]:.0f}" for c in CAUSES) for v in SPLIT)
    return f"{kind:26}" + "".join(f"  {shares:>26}" for shares in told)
