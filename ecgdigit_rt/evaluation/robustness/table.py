"""The measured sweeps as a table for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ecgdigit_rt.evaluation.robustness.measure import mean_dbs


def text_from_figures(figures: Mapping[str, Any]) -> str:
    """Of each sweep its levels, the mean dB there, and how much that is less than clean."""
    pages, clean = figures["pages"], figures["clean"]
    lines = [f"clean {clean['mean_db']:.2f} dB, mean over {len(pages)} pages: {', '.join(pages)}"]
    if clean["failed"]:
        lines.append(f"failed {_failed(clean)}")
    for name, sweep in figures["sweeps"].items():
        pairs = mean_dbs(sweep)
        rows = {
            name: [f"{at:g}" for at, _ in pairs],
            "mean dB": [f"{db:.2f}" for _, db in pairs],
            "change": [f"{db - clean['mean_db']:+.2f}" for _, db in pairs],
        }
        if any(level["failed"] for level in sweep["levels"]):
            rows["failed"] = [str(len(level["failed"]) or "") for level in sweep["levels"]]
        lines.append("")
        for number, (head, cells) in enumerate(rows.items()):
            end = f"  {sweep['level']}" if number == 0 else ""
            lines.append((f"{head:<12}" + "".join(f"{cell:>8}" for cell in cells) + end).rstrip())
        lines += [f"at {level['at']:g}: {_failed(level)}" for level in sweep["levels"] if level["failed"]]
    return "\n".join(lines) + "\n"


def _failed(level: Mapping[str, Any]) -> str:
    return ", ".join(f"{page} [{error}]" for page, error in level["failed"].items())
