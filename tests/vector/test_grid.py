"""Scale of drawn grids: minor and major lines, dashes, dots and rectangles, and drawings without a grid."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from ecgdigit_rt.drawing import Drawing, Pen, Stroke
from ecgdigit_rt.vector.grid import grid_scale, straight_pens

PX_PER_MM = 11.811
MINOR, MAJOR, CURVE = (Pen(colour, 1.0) for colour in ((250, 200, 200), (240, 120, 120), (0, 0, 0)))
WIDTH_MM, HEIGHT_MM = 250.0, 160.0


def stroke(points: list[tuple[float, float]], pen: Pen = MINOR) -> Stroke:
    """Return a stroke through points in millimetres."""
    return Stroke(np.array(points) * PX_PER_MM, pen)


def lines(step_mm: float, pen: Pen = MINOR, *, skip: int = 0) -> Iterator[Stroke]:
    """Yield grid lines, without every line whose number is a multiple of `skip`."""
    for index in range(round(WIDTH_MM / step_mm) + 1):
        if not skip or index % skip:
            yield stroke([(20 + index * step_mm, 20), (20 + index * step_mm, 20 + HEIGHT_MM)], pen)
    for index in range(round(HEIGHT_MM / step_mm) + 1):
        if not skip or index % skip:
            yield stroke([(20, 20 + index * step_mm), (20 + WIDTH_MM, 20 + index * step_mm)], pen)


def drawing(*strokes: Stroke) -> Drawing:
    return Drawing(strokes, (3508, 2480), (PX_PER_MM, PX_PER_MM))


def curve() -> Stroke:
    u = np.arange(0, 250, 0.05)
    return stroke([(20 + x, 100 + 9 * np.sin(x) + 3 * np.cos(7 * x)) for x in u.tolist()], CURVE)


def scale(*strokes: Stroke) -> tuple[float, float, bool] | None:
    found = grid_scale(drawing(*strokes, curve()))
    return None if found is None else (found.x / PX_PER_MM, found.y / PX_PER_MM, found.is_certain)


@pytest.mark.parametrize(
    "strokes",
    [
        [*lines(1.0)],
        [*lines(5.0)],
        [*lines(1.0), *lines(5.0, MAJOR)],
        [*lines(1.0, skip=5), *lines(5.0, MAJOR)],
    ],
)
def test_lines_determine_the_scale(strokes: list[Stroke]) -> None:
    assert scale(*strokes) == pytest.approx((1.0, 1.0, True), abs=1e-4)


@pytest.mark.parametrize("factor", [0.8, 1.2, 0.4, 3.0])
def test_every_fifth_line_identifies_the_millimetres(factor: float) -> None:
    found = scale(*lines(1.0 * factor), *lines(5.0 * factor, MAJOR))
    assert found == pytest.approx((factor, factor, True), rel=1e-4)


@pytest.mark.parametrize(
    ("step", "expected"), [(0.9, (0.9, 0.9, False)), (5.5, (1.1, 1.1, False)), (2.5, None)]
)
def test_other_distances_are_uncertain_or_no_grid(step: float, expected: object) -> None:
    assert scale(*lines(step)) == (expected if expected is None else pytest.approx(expected, rel=1e-3))


def test_dashes_are_lines() -> None:
    dashes = []
    for line in lines(5.0):
        start, end = line.points
        for part in np.linspace(0, 0.96, 40):
            dashes.append(
                Stroke(
                    np.stack([start + part * (end - start), start + (part + 0.015) * (end - start)]), MINOR
                )
            )
    assert scale(*dashes) == pytest.approx((1.0, 1.0, True), abs=1e-3)


def test_dots_are_lines() -> None:
    dots = [stroke([(20 + x, 20 + y), (20.1 + x, 20.1 + y)]) for x in range(250) for y in range(160)]
    assert scale(*dots) == pytest.approx((1.0, 1.0, True), abs=1e-3)


def test_thin_rectangles_are_lines() -> None:
    fill = Pen((240, 150, 150), 0.0, is_fill=True)
    boxes = []
    for line in lines(5.0):
        (x0, y0), (x1, y1) = (line.points / PX_PER_MM).tolist()
        x1, y1 = x1 + 0.1 * (x0 == x1), y1 + 0.1 * (y0 == y1)
        boxes.append(stroke([(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)], fill))
    assert scale(*boxes) == pytest.approx((1.0, 1.0, True), abs=1e-3)


def test_frames_and_text_do_not_disturb_the_grid() -> None:
    rng = np.random.default_rng(0)
    frame = stroke([(19.4, 19.3), (271.2, 19.3), (271.2, 181.7), (19.4, 181.7), (19.4, 19.3)], MAJOR)
    rules = [stroke([(10, y), (290, y)], MAJOR) for y in rng.uniform(0, 19, 3).tolist()]
    assert scale(*lines(1.0), frame, *rules) == pytest.approx((1.0, 1.0, True), abs=1e-3)


def test_a_drawing_without_lines_has_no_grid() -> None:
    assert scale() is None
    assert scale(*[line for line in lines(1.0) if line.points[0, 0] == line.points[1, 0]]) is None


def test_curves_are_not_drawn_with_straight_pens() -> None:
    assert straight_pens(drawing(*lines(1.0), curve())) == {MINOR}
