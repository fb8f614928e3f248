"""Search for another ECG in the parts of the image that a layout leaves free."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ecgdigit_engine.runner import Runner
from ecgdigit_rt.errors import MirroredPage, NoPageFound, SeveralEcgs
from ecgdigit_rt.geometry.locate_stage import Located, locate, mark_evidence
from ecgdigit_rt.geometry.mesh import Mesh
from ecgdigit_rt.results import Layout

_MIN_AREA, _MIN_SIDE = 0.6, 0.2
"""Minimum area of a free part and of its short side, relative to the rows. Measured: no page of 31 has such a
part, and every one of 40 sheets with two ECGs."""
_MIN_EVIDENCE = 6.0
"""Minimum evidence of an ECG. Measured: 6.8 to 11.1 on the second ECG of 16 sheets."""

_SINGLE_REACH_MM = 14.0  # height above and below a single row that belongs to it. Hand-picked, not tuned.


def check_free_parts(runner: Runner, located: Located, mesh: Mesh, layout: Layout) -> None:
    """Raise SeveralEcgs if a part of the image without rows of the layout shows an ECG in any orientation.

    `runner` is the network of the locate stage. It is used only if a free part is large.
    """
    for left, top, right, bottom in _free_parts(_rows_px(mesh, layout), located.image.shape[:2]):
        part = np.ascontiguousarray(located.image[top:bottom, left:right])
        try:
            is_ecg = mark_evidence(locate(runner, part).heatmaps) > _MIN_EVIDENCE
        except NoPageFound:
            continue
        except MirroredPage:
            is_ecg = True
        if is_ecg:
            rows = f"{len(layout.rows)} row{'s' if len(layout.rows) != 1 else ''}"
            raise SeveralEcgs(f"{rows} of one ECG, and another ECG beside, above or below them")


def _rows_px(mesh: Mesh, layout: Layout) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of the rows, with half of the distance between rows around them."""
    heights = np.array([row.baseline_mm for row in layout.rows])
    reach = float(np.median(np.diff(heights))) / 2 if heights.size > 1 else _SINGLE_REACH_MM
    u = [min(row.start_mm for row in layout.rows), max(row.end_mm for row in layout.rows)]
    v = [heights.min() - reach, heights.max() + reach]
    x, y = mesh.pixels_from_mm(np.array([*u, *u]), np.repeat(v, 2))
    return int(x.min()), int(y.min()), int(np.ceil(x.max())), int(np.ceil(y.max()))


def _free_parts(
    rows: tuple[int, int, int, int], shape: tuple[int, ...]
) -> Iterator[tuple[int, int, int, int]]:
    """Yield the large parts of the image to the left, above, to the right and below the rows."""
    height, width = shape
    left, right = (min(max(side, 0), width) for side in (rows[0], rows[2]))
    top, bottom = (min(max(side, 0), height) for side in (rows[1], rows[3]))
    area, side = (right - left) * (bottom - top), min(right - left, bottom - top)
    for part in (
        (0, 0, left, height),
        (0, 0, width, top),
        (right, 0, width, height),
        (0, bottom, width, height),
    ):
        part_width, part_height = part[2] - part[0], part[3] - part[1]
        if part_width * part_height > _MIN_AREA * area and min(part_width, part_height) > _MIN_SIDE * side:
            yield part
