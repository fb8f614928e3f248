"""Doubts about the geometry of a page: scale without a grid, and rows that are too long."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import cv2
import numpy as np
import pytest
from painted_pages import painted_page

from ecgdigit_rt.geometry.mesh import Mesh
from ecgdigit_rt.layout.match import read_layout
from ecgdigit_rt.pipeline import PageState, PipelineOptions, _page_doubts
from ecgdigit_rt.results import Layout
from ecgdigit_rt.tracing.assemble import stretch_layout
from ecgdigit_rt.tracing.mesh_from_rows import scale_variation


def mesh(perspective: float = 0.0, residual_px: float = 0.2) -> Mesh:
    """Return the mesh of a sheet of 300 x 220 mm at 8 px/mm. At its right edge, the scale is smaller."""
    v, u = np.mgrid[-40:260:5, -40:340:5].astype(np.float64)
    matrix = np.array([[8.0, 0, 0], [0, 8.0, 0], [perspective / 300, 0, 1]])
    points = np.stack([u, v], -1).reshape(1, -1, 2)
    nodes = cv2.perspectiveTransform(points, matrix).reshape(*u.shape, 2)
    return Mesh(nodes.astype(np.float32), (-40.0, -40.0), residual_px, 1.0)


def doubts(paper: Mesh, layout: Layout | None = None, pulse_mm: float | None = 5.0) -> list[str]:
    page = painted_page("3x4+1")
    pulses_mm = [] if pulse_mm is None else [pulse_mm] * 4
    reading = read_layout(page.text, page.curves, pulses_mm=pulses_mm)
    state = SimpleNamespace(
        located=SimpleNamespace(has_other_sheet=False),
        mesh=paper,
        reading=reading,
        layout=layout or reading.layout,
        lines=SimpleNamespace(curves=page.curves),
        options=PipelineOptions(),
    )
    return [doubt.id for doubt in _page_doubts(cast("PageState", cast("Any", state)))]


def test_a_page_with_a_grid_has_no_doubts() -> None:
    assert doubts(mesh()) == []
    assert doubts(mesh(perspective=0.2), pulse_mm=None) == []


def test_without_a_grid_the_pulses_must_confirm_the_scale() -> None:
    assert doubts(mesh(residual_px=np.nan)) == []
    assert doubts(mesh(residual_px=np.nan), pulse_mm=None) == ["D-SPEED-01"]


def test_a_photo_without_a_grid_is_doubtful() -> None:
    photo = mesh(perspective=0.1, residual_px=np.nan)
    assert scale_variation(photo) > 0.1
    assert scale_variation(mesh()) == pytest.approx(0, abs=1e-6)
    assert doubts(photo) == ["D-SPEED-01"]


def test_rows_longer_than_a_record_are_doubtful() -> None:
    """Gaps between columns do not count."""
    layout = read_layout(painted_page("3x4+1").text, painted_page("3x4+1").curves).layout
    assert doubts(mesh(), stretch_layout(layout, 20.0, 20.0 + 250.0, gap_mm=3.0)) == []
    assert doubts(mesh(), stretch_layout(layout, 20.0, 20.0 + 267.0)) == ["D-LAYOUT-02"]
