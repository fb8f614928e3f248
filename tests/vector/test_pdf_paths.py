"""Paths of PDF files: matrices, forms, clip paths, visibility and limits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("reportlab")

from reportlab.lib.colors import Color
from reportlab.pdfgen.canvas import Canvas

from ecgdigit_rt.decode import pdf_paths
from ecgdigit_rt.decode.sources import page_from_source
from ecgdigit_rt.drawing import Drawing, Stroke

SIZE_PT = (600.0, 400.0)
PX_PER_PT = 300 / 72
WAVE = np.stack([np.arange(300.0), 20 * np.sin(np.arange(300) / 7)], 1)


def draw_wave(canvas: Canvas) -> None:
    path = canvas.beginPath()
    for index, (x, y) in enumerate(WAVE.tolist()):
        (path.lineTo if index else path.moveTo)(x, y)
    canvas.drawPath(path)


def drawing_of(tmp_path: Path, draw: Callable[[Canvas], None]) -> Drawing | None:
    path = tmp_path / "drawing.pdf"
    canvas = Canvas(str(path), pagesize=SIZE_PT)
    draw(canvas)
    canvas.save()
    return page_from_source(path).drawing()


def only_stroke(drawing: Drawing | None) -> Stroke:
    assert drawing is not None
    (stroke,) = drawing.strokes
    return stroke


def expected_px(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the pixels of points of the page, whose origin is at the lower left."""
    return np.stack([points[:, 0], SIZE_PT[1] - points[:, 1]], 1) * PX_PER_PT


def test_matrices_are_applied(tmp_path: Path) -> None:
    def draw(canvas: Canvas) -> None:
        canvas.translate(100, 50)
        canvas.scale(0.5, 2)
        canvas.rotate(90)
        draw_wave(canvas)

    stroke = only_stroke(drawing_of(tmp_path, draw))
    turned = np.stack([-WAVE[:, 1], WAVE[:, 0]], 1) * (0.5, 2) + (100, 50)
    np.testing.assert_allclose(stroke.points, expected_px(turned), atol=0.5)
    assert stroke.pen.colour == (0, 0, 0)


@pytest.mark.parametrize("nesting", [1, 3])
def test_forms_are_read(tmp_path: Path, nesting: int) -> None:
    def draw(canvas: Canvas) -> None:
        canvas.beginForm("form0")
        canvas.translate(10, 0)
        draw_wave(canvas)
        canvas.endForm()
        for level in range(1, nesting):
            canvas.beginForm(f"form{level}")
            canvas.translate(10, 0)
            canvas.doForm(f"form{level - 1}")
            canvas.endForm()
        canvas.translate(0, 200)
        canvas.doForm(f"form{nesting - 1}")

    stroke = only_stroke(drawing_of(tmp_path, draw))
    np.testing.assert_allclose(stroke.points, expected_px(WAVE + np.array([10 * nesting, 200])), atol=0.5)


def test_forms_that_are_nested_too_deeply_are_not_read(tmp_path: Path) -> None:
    def draw(canvas: Canvas) -> None:
        canvas.beginForm("form0")
        draw_wave(canvas)
        canvas.endForm()
        for level in range(1, pdf_paths.MAX_NESTING + 3):
            canvas.beginForm(f"form{level}")
            canvas.doForm(f"form{level - 1}")
            canvas.endForm()
        canvas.doForm(f"form{pdf_paths.MAX_NESTING + 2}")

    assert drawing_of(tmp_path, draw) is None


def test_invisible_and_clipped_paths_are_left_out(tmp_path: Path) -> None:
    def draw(canvas: Canvas) -> None:
        canvas.translate(100, 200)
        draw_wave(canvas)
        canvas.saveState()
        canvas.setStrokeColor(Color(0, 0, 0, alpha=0))
        draw_wave(canvas)
        canvas.restoreState()
        clip = canvas.beginPath()
        clip.rect(400, 0, 50, 50)
        canvas.clipPath(clip, stroke=0, fill=0)
        draw_wave(canvas)

    only_stroke(drawing_of(tmp_path, draw))


def test_closed_paths_and_curves_are_polylines(tmp_path: Path) -> None:
    def draw(canvas: Canvas) -> None:
        draw_wave(canvas)
        canvas.rect(50, 100, 200, 30)
        canvas.circle(400, 300, 20)

    drawing = drawing_of(tmp_path, draw)
    assert drawing is not None
    _, rectangle, circle = drawing.strokes
    np.testing.assert_allclose(rectangle.points[0], rectangle.points[-1])
    radius = np.linalg.norm(circle.points - expected_px(np.array([(400.0, 300.0)])), axis=1) / PX_PER_PT
    np.testing.assert_allclose(radius, 20, rtol=0.01)


def test_pages_with_few_lines_have_no_drawing(tmp_path: Path) -> None:
    assert drawing_of(tmp_path, lambda canvas: canvas.rect(50, 50, 100, 100)) is None


@pytest.mark.parametrize("limit", ["MAX_SEGMENTS", "MAX_OBJECTS", "MAX_SECONDS"])
def test_limits_leave_the_page_to_the_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    assert drawing_of(tmp_path, draw_wave) is not None
    monkeypatch.setattr(pdf_paths, limit, -1)
    assert drawing_of(tmp_path, draw_wave) is None
