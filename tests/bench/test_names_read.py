"""Tests of names_read.py: which names count as read, and which as false."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("PIL")

from names_read import NamesRead, false_names, is_read, printed_names, summary

from ecgdigit_rt.layout.paper_heatmap import PaperHeatmap
from ecgdigit_rt.stages import HEATMAPS


def heatmap_with(*names: tuple[str, float, float, float]) -> PaperHeatmap:
    """Return a heatmap of 100 by 50 mm with activations (lead, u, v, activation)."""
    u, v = np.arange(100, dtype=np.float32), np.arange(100, dtype=np.float32) / np.float32(2)
    heatmaps = np.zeros((len(HEATMAPS), v.size, u.size), np.float32)
    for lead, at_u, at_v, activation in names:
        heatmaps[HEATMAPS.index(lead), int(at_v * 2), int(at_u)] = activation
    return PaperHeatmap(heatmaps, u, v)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([("V1", 21.0, 30.0, 0.9)], True),
        ([("V1", 21.0, 30.0, 0.25)], False),  # too faint
        ([("V1", 25.0, 30.0, 0.9)], False),  # too far away
        ([("V1", 21.0, 30.0, 0.5), ("V2", 22.0, 30.0, 0.6)], False),  # another lead is stronger
        ([("V1", 21.0, 30.0, 0.5), ("V2", 40.0, 30.0, 0.9)], True),
    ],
)
def test_a_name_is_read_near_its_mark(names: list[tuple[str, float, float, float]], expected: bool) -> None:
    assert is_read(heatmap_with(*names), "V1", np.array([20.0, 30.0])) is expected


def test_names_elsewhere_or_of_other_leads_are_false() -> None:
    centres = np.array([[20.0, 30.0], [60.0, 30.0]])
    heatmap = heatmap_with(
        ("V1", 21.0, 30.0, 0.9), ("V3", 61.0, 30.0, 0.9), ("I", 80.0, 10.0, 0.9), ("II", 90.0, 40.0, 0.28)
    )
    assert false_names(heatmap, ("V1", "V2"), centres) == 2
    assert false_names(heatmap, (), np.zeros((0, 2))) == 3


def test_names_of_other_images_are_read_from_json(tmp_path: Path) -> None:
    (tmp_path / "scan.json").write_text(json.dumps([{"name": "aVR", "x": 40, "y": 50}]))
    names = printed_names(tmp_path / "scan.jpg", (200, 100))
    assert names.leads == ("aVR",)
    assert names.centres_px.tolist() == [[40.0, 50.0]]


def test_the_summary_counts_pages_and_names() -> None:
    pages = [
        NamesRead("a", "render", 12, 12, 0, ()),
        NamesRead("b", "photo", 12, 6, 3, ("I",) * 6),
        NamesRead("c", "photo", 0, 0, 0, (), "no grid"),
    ]
    total = summary(pages)
    assert total["all"]["read_share"] == 0.75
    assert total["all"]["pages_with_all_names"] == 2
    assert total["photo"]["false_per_page"] == 1.5
    assert total["photo"]["without_mesh"] == 1
