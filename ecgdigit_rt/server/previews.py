"""What the page in the browser draws of every step, in pixels of the upright picture."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.geometry.locate_stage import Located, downscaled
from ecgdigit_rt.geometry.mesh import Mesh
from ecgdigit_rt.layout.match import LayoutReading
from ecgdigit_rt.pipeline import PageSteps
from ecgdigit_rt.plots.inspect.labels import marks_from_located
from ecgdigit_rt.results import LEADS, Digitized, Layout
from ecgdigit_rt.tracing.assemble import rotate_points

Preview = dict[str, Any]

_PICTURE_SIDE = 2000
_JPEG_QUALITY = 84
_PLAIN_HEAT = 0.4
_EVERY = 2  # nodes: a line every centimetre
_ROW_POINTS = 24
_HALF_ROW_MM = 11.0


def picture(image: NDArray[np.uint8]) -> Preview:
    """The picture small enough to send, and its size in pixels before that."""
    small, _ = downscaled(image, _PICTURE_SIDE)
    encoded = cv2.imencode(".jpg", small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1]
    data = base64.b64encode(encoded.tobytes()).decode()
    height, width = image.shape[:2]
    return {"width": width, "height": height, "jpeg": data}


class PreviewBuilder:
    """Turns the steps of one page into sketches; it needs the mesh to place what the layout says."""

    def __init__(self) -> None:
        self._mesh: Mesh | None = None

    def of_step(self, value: object) -> Preview:
        """What there is to draw of a step's value, if anything; with a turned picture upright."""
        match value:
            case Located():
                return _of_located(value)
            case Mesh():
                self._mesh = value
                return {"mesh": _mesh_lines(value)}
            case LayoutReading() if self._mesh is not None:
                return _of_layout(value.layout, self._mesh)
        return {}


def result_sketch(steps: PageSteps, size: tuple[int, int]) -> Preview:
    """Curves and rows of a page that was read. size: (width, height) of the picture as it was decoded."""
    back = -steps.located.quarter_turns % 4
    curves = {
        name: _flat(rotate_points(lead.curve_px, size, back)) for name, lead in steps.page.leads.items()
    }
    return {"curves": curves, "rows": rows_of(steps.page)}


def rows_of(page: Digitized) -> list[list[dict[str, Any]]]:
    """The page's rows: which lead shows which time where."""
    return [
        [
            {"lead": one.lead, "start_s": round(one.start_s, 4), "end_s": round(one.end_s, 4)}
            for one in row.segments
        ]
        for row in page.layout.rows
    ]


def _of_located(located: Located) -> Preview:
    turned = {"picture": picture(located.image)} if located.quarter_turns else {}
    marks = [mark for mark in marks_from_located(located, LEADS) if mark.heat >= _PLAIN_HEAT]
    return turned | {
        "turns": located.quarter_turns,
        "sheet": [int(side) for side in located.page_px],
        "marks": [{"lead": mark.name, "x": round(mark.x_px), "y": round(mark.y_px)} for mark in marks],
    }


def _mesh_lines(mesh: Mesh) -> list[list[float]]:
    nodes = mesh.pixels[::_EVERY, ::_EVERY]
    return [_flat(line) for line in (*nodes, *nodes.transpose(1, 0, 2))]


def _of_layout(layout: Layout, mesh: Mesh) -> Preview:
    """Every lead's stretch of a row as an outline, with its name."""
    boxes: list[Mapping[str, Any]] = []
    for row in layout.rows:
        for one in row.segments:
            u = np.linspace(one.start_mm, one.end_mm, _ROW_POINTS)
            top, bottom = (
                np.stack(mesh.pixels_from_mm(u, row.baseline_mm + side * _HALF_ROW_MM), -1)
                for side in (-1, 1)
            )
            boxes.append({"lead": one.lead, "outline": _flat(np.concatenate([top, bottom[::-1]]))})
    return {
        "boxes": boxes,
        "layout": {"name": layout.name, "speed_mm_s": layout.speed_mm_s, "gain_mm_mv": layout.gain_mm_mv},
    }


def _flat(points: NDArray[np.floating[Any]] | Sequence[Any]) -> list[float]:
    """x, y, x, y, … to a tenth of a pixel."""
    values: list[float] = np.round(np.asarray(points, np.float64), 1).ravel().tolist()
    return values
