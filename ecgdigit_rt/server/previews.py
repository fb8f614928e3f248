"""Previews of the steps for the web page. Coordinates are in pixels of the upright image."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.geometry.locate_stage import Located, downscale
from ecgdigit_rt.geometry.mesh import Mesh
from ecgdigit_rt.layout.match import LayoutReading
from ecgdigit_rt.plots.inspect.labels import marks_from_located
from ecgdigit_rt.results import LEADS, Digitized, Layout
from ecgdigit_rt.tracing.assemble import rotate_points

Preview = dict[str, Any]

_MAX_SIDE_PX = 2000
_JPEG_QUALITY = 84
"""Maximum side and JPEG quality of the preview image. Hand-picked, not tuned: sharp enough to zoom in."""

_MIN_ACTIVATION = 0.4
"""Minimum heatmap activation of the lead names that are drawn. Hand-picked, not tuned."""

_OUTLINE_POINTS = 24
_HALF_ROW_MM = 11.0
_MESH_LINE_MM = 10.0
"""Points along each long side of a segment's outline, half the height of the outline, and step between the
mesh lines that are drawn: one line per centimeter. Hand-picked, not tuned."""


def image_preview(image: NDArray[np.uint8]) -> Preview:
    """Return a downscaled JPEG of the image, base64-encoded, and the original size in pixels."""
    small, _ = downscale(image, _MAX_SIDE_PX)
    encoded = cv2.imencode(".jpg", small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1]
    data = base64.b64encode(encoded.tobytes()).decode()
    height, width = image.shape[:2]
    return {"width": width, "height": height, "jpeg": data}


class PreviewBuilder:
    """Builder of the previews of one page. It stores the mesh, which maps the layout to the image."""

    def __init__(self) -> None:
        self._mesh: Mesh | None = None

    def preview(self, value: object) -> Preview:
        """Return the preview for the value of a step. It is empty if the step has no preview."""
        match value:
            case Located():
                return _located_preview(value)
            case Mesh():
                self._mesh = value
                return {"mesh": _mesh_lines(value)}
            case LayoutReading() if self._mesh is not None:
                return _layout_preview(value.layout, self._mesh)
        return {}


def result_preview(page: Digitized, size: tuple[int, int], quarter_turns: int) -> Preview:
    """Return curves and rows of a digitized page.

    `size` is (width, height) of the decoded image. The preview shows it after counterclockwise
    `quarter_turns`.
    """
    clockwise_turns = -quarter_turns % 4
    curves = {
        name: _flat(rotate_points(lead.curve_px, size, clockwise_turns)) for name, lead in page.leads.items()
    }
    return {"curves": curves, "rows": _rows(page)}


def _rows(page: Digitized) -> list[list[dict[str, Any]]]:
    """Return lead, start and end of each segment, by row."""
    return [
        [
            {
                "lead": segment.lead,
                "start_s": round(segment.start_s, 4),
                "end_s": round(segment.end_s, 4),
            }
            for segment in row.segments
        ]
        for row in page.layout.rows
    ]


def _located_preview(located: Located) -> Preview:
    """Return the quarter turns, the box of the sheet and the lead names.

    If the decoded image was rotated, the preview also contains the upright image.
    """
    upright = {"image": image_preview(located.image)} if located.quarter_turns else {}
    marks = [mark for mark in marks_from_located(located, LEADS) if mark.activation >= _MIN_ACTIVATION]
    return upright | {
        "quarter_turns": located.quarter_turns,
        "sheet": [int(side) for side in located.page_px],
        "marks": [{"lead": mark.name, "x": round(mark.x_px), "y": round(mark.y_px)} for mark in marks],
    }


def _mesh_lines(mesh: Mesh) -> list[list[float]]:
    step = max(1, round(_MESH_LINE_MM / mesh.step_mm))
    nodes = mesh.pixels[::step, ::step]
    return [_flat(line) for line in (*nodes, *nodes.transpose(1, 0, 2))]


def _layout_preview(layout: Layout, mesh: Mesh) -> Preview:
    """Return the outline of each segment with its lead name, and the layout's name, speed and gain."""
    boxes: list[Mapping[str, Any]] = []
    for row in layout.rows:
        for segment in row.segments:
            u = np.linspace(segment.start_mm, segment.end_mm, _OUTLINE_POINTS)
            top, bottom = (
                np.stack(mesh.pixels_from_mm(u, row.baseline_mm + side * _HALF_ROW_MM), -1)
                for side in (-1, 1)
            )
            boxes.append({"lead": segment.lead, "outline": _flat(np.concatenate([top, bottom[::-1]]))})
    return {
        "boxes": boxes,
        "layout": {"name": layout.name, "speed_mm_s": layout.speed_mm_s, "gain_mm_mv": layout.gain_mm_mv},
    }


def _flat(points: NDArray[np.floating[Any]] | Sequence[Any]) -> list[float]:
    """Return points (n, 2) as x, y, x, y, … rounded to a tenth of a pixel."""
    coordinates: list[float] = np.round(np.asarray(points, np.float64), 1).ravel().tolist()
    return coordinates
