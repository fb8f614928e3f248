"""Where something small is printed: without reading it, its place tells where a lead begins."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from ecgdigit_rt.classical.paper_ink import PX_PER_MM, PaperInk
from ecgdigit_rt.layout.catalog import LayoutPlan
from ecgdigit_rt.layout.marks import Frame, Label, misplaced_label_share

_HEIGHT_MM = (1.2, 6.0)
_WIDEST_MM = 14.0
_JOINED_MM = 1.5  # letters of one word


def small_prints(paper: PaperInk, frame: Frame) -> list[Label]:
    """Small things that stand by themselves near a row, from left to right; their lead is not known."""
    mask = paper.mask.astype(np.uint8)
    joined = cv2.morphologyEx(
        mask, cv2.MORPH_CLOSE, np.ones((1, round(_JOINED_MM * PX_PER_MM) | 1), np.uint8)
    )
    _, _, stats, centres = cv2.connectedComponentsWithStats(joined)
    u, v = paper.corner_mm
    found = []
    for (_, _, width, height, _), (x, y) in zip(stats[1:], centres[1:], strict=True):
        if not _HEIGHT_MM[0] <= height / PX_PER_MM <= _HEIGHT_MM[1] or width / PX_PER_MM > _WIDEST_MM:
            continue
        place = u + x / PX_PER_MM, v + y / PX_PER_MM
        if min(abs(line.v_mm - place[1]) for line in frame.lines) <= frame.reach_mm:
            found.append(Label("", *place, 1.0))
    return sorted(found, key=lambda label: label.u_mm)


def named_share(plan: LayoutPlan, frame: Frame, labels: Sequence[Label]) -> float:
    """The share of the plan's cells that begin beside something small, less the share of such elsewhere."""
    cells = named = 0
    for line, leads in zip(frame.lines, plan.rows, strict=True):
        for column in range(len(leads)):
            at = frame.cell_start_mm(column, len(leads))
            cells += 1
            named += any(
                -6 <= label.u_mm - at <= 12 and abs(label.v_mm - line.v_mm) <= frame.reach_mm
                for label in labels
            )
    return named / cells - 0.5 * misplaced_label_share(plan, frame, labels)
