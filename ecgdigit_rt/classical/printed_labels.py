"""Positions of printed lead names: small components near the rows, whose text is not read."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from ecgdigit_rt.classical.paper_ink import PX_PER_MM, PaperInk
from ecgdigit_rt.layout.catalog import LayoutPlan
from ecgdigit_rt.layout.marks import Label, RowFrame, misplaced_label_share

# Hand-picked, not tuned.
_HEIGHT_RANGE_MM = (1.2, 6.0)  # range of the height of a name
_MAX_WIDTH_MM = 14.0  # maximum width of a name
_LETTER_GAP_MM = 1.5  # maximum gap between the letters of a name
_LABEL_RANGE_MM = (-6.0, 12.0)  # range of a name's position relative to the start of its cell
_MISPLACED_WEIGHT = 0.5  # weight of misplaced labels in a plan's score


def find_label_candidates(paper: PaperInk, frame: RowFrame) -> list[Label]:
    """Return isolated small components near the rows as labels without a name, from left to right."""
    mask = paper.mask.astype(np.uint8)
    kernel = np.ones((1, round(_LETTER_GAP_MM * PX_PER_MM) | 1), np.uint8)
    words = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, kernel)
    _, _, stats, centres = cv2.connectedComponentsWithStats(words)
    u, v = paper.corner_mm
    labels = []
    for (_, _, width, height, _), (x, y) in zip(stats[1:], centres[1:], strict=True):
        if (
            not _HEIGHT_RANGE_MM[0] <= height / PX_PER_MM <= _HEIGHT_RANGE_MM[1]
            or width / PX_PER_MM > _MAX_WIDTH_MM
        ):
            continue
        u_mm, v_mm = u + x / PX_PER_MM, v + y / PX_PER_MM
        if min(abs(baseline.v_mm - v_mm) for baseline in frame.baselines) <= frame.reach_mm:
            labels.append(Label("", u_mm, v_mm, 1.0))
    return sorted(labels, key=lambda label: label.u_mm)


def label_score(plan: LayoutPlan, frame: RowFrame, labels: Sequence[Label]) -> float:
    """Return the fraction of the plan's cells with a label at their start, minus a penalty.

    The penalty is proportional to the fraction of labels that are misplaced.
    """
    cells = labelled = 0
    for baseline, leads in zip(frame.baselines, plan.rows, strict=True):
        for column in range(len(leads)):
            start_mm = frame.cell_start_mm(column, len(leads))
            cells += 1
            labelled += any(
                _LABEL_RANGE_MM[0] <= label.u_mm - start_mm <= _LABEL_RANGE_MM[1]
                and abs(label.v_mm - baseline.v_mm) <= frame.reach_mm
                for label in labels
            )
    return labelled / cells - _MISPLACED_WEIGHT * misplaced_label_share(plan, frame, labels)
