"""Vector PDFs of three libraries: layout, scale, names and samples are those that were drawn."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest
from vector_pages import PINK, STYLES, WRITERS, VectorPage, rotate_pdf, vector_page

from ecgdigit_rt import Digitized
from ecgdigit_rt.decode.sources import page_from_source
from ecgdigit_rt.results import VECTOR
from ecgdigit_rt.vector.pipeline import VectorPipeline

TOLERANCE_MM = {"matplotlib": 0.01, "reportlab": 0.01, "cairo": 0.015}
"""Cairo rounds positions to 1/256 of a point, and then drops those on the line through their neighbours. On a
steep slope, such a line can be 0.012 mm away from the dropped sample."""

LAYOUTS = ("3x4+1", "6x2", "12x1")
SCALES = ((25.0, 10.0), (50.0, 10.0), (25.0, 5.0), (50.0, 5.0))
ROTATIONS = (0, 90, 180, 270)

COVERING = [
    ("3x4+1", (25.0, 10.0), "path", 0),
    ("6x2", (25.0, 5.0), "pieces", 90),
    ("12x1", (50.0, 10.0), "path", 180),
    ("3x4+1", (50.0, 5.0), "segments", 270),
]
"""Every layout, scale, style and rotation at least once. The slow test has all combinations."""


def write(page: VectorPage, library: str, path: Path, rotation: int = 0) -> Path:
    try:
        WRITERS[library](page, path)
    except (ImportError, OSError) as error:  # cairocffi needs the system library
        pytest.skip(str(error))
    if rotation:
        rotate_pdf(path, rotation)
    return path


def read(path: Path) -> Digitized:
    """Return the result of the pipeline for line drawings. Raises DrawingNotUnderstood."""
    page = page_from_source(path)
    drawing = page.drawing()
    assert drawing is not None
    return VectorPipeline().read(drawing, page.words(), page.page)


def assert_exact(found: Digitized, page: VectorPage, speed: float, gain: float, tolerance_mm: float) -> None:
    """Assert that all leads are as drawn: their starts, numbers of samples and heights."""
    assert (found.layout.speed_mm_s, found.layout.gain_mm_mv) == (speed, gain)
    assert found.signal_source == VECTOR
    assert found.doubts == ()
    assert set(found.leads) == set(page.leads)
    for name, (start_s, mv) in page.leads.items():
        lead = found.leads[name]
        assert lead.start_s == pytest.approx(start_s, abs=1e-4), name
        assert lead.mv.size == mv.size, name
        difference_mm = (lead.mv - mv) * gain
        assert np.abs(difference_mm - np.median(difference_mm)).max() < tolerance_mm, name


@pytest.mark.parametrize("library", list(WRITERS))
@pytest.mark.parametrize(("layout", "scale", "style", "rotation"), COVERING)
def test_pages_are_read_exactly(
    tmp_path: Path, library: str, layout: str, scale: tuple[float, float], style: str, rotation: int
) -> None:
    page = vector_page(layout, *scale, style=style)
    found = read(write(page, library, tmp_path / "page.pdf", rotation))
    assert found.layout.name == layout
    assert_exact(found, page, *scale, TOLERANCE_MM[library])


@pytest.mark.slow
@pytest.mark.parametrize("library", list(WRITERS))
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("style", STYLES)
def test_all_combinations_are_read_exactly(tmp_path: Path, library: str, layout: str, style: str) -> None:
    for index, (scale, rotation) in enumerate(product(SCALES, ROTATIONS)):
        page = vector_page(layout, *scale, style=style)
        found = read(write(page, library, tmp_path / f"{index}.pdf", rotation))
        assert_exact(found, page, *scale, TOLERANCE_MM[library])


def test_without_a_grid_the_page_has_the_scale_of_the_file(tmp_path: Path) -> None:
    page = vector_page(has_grid=False)
    found = read(write(page, "reportlab", tmp_path / "page.pdf"))
    assert_exact(found, page, 25.0, 10.0, 0.02)
    assert any("no grid is drawn as lines" in note for note in found.notes)


def test_without_grid_and_pulses_the_scale_is_doubtful(tmp_path: Path) -> None:
    page = vector_page(has_grid=False, has_pulses=False)
    (doubt,) = read(write(page, "reportlab", tmp_path / "page.pdf")).doubts
    assert doubt.id == "D-SPEED-01"
    assert "confirms the scale" in doubt.message


@pytest.mark.parametrize(("zoom", "is_certain"), [(1.0, True), (0.9, False)])
def test_lines_of_5_mm_alone_must_be_exact(tmp_path: Path, zoom: float, is_certain: bool) -> None:
    """Lines at other distances may be those of a plot, such as one line per half second."""
    page = vector_page(has_pulses=False)
    lines = [line for line in page.lines if line.colour != PINK]
    resized = VectorPage(
        [type(line)(line.points * zoom, line.colour, line.width_mm) for line in lines],
        [type(text)(text.text, text.x_mm * zoom, text.y_mm * zoom) for text in page.texts],
        page.leads,
    )
    found = read(write(resized, "reportlab", tmp_path / "page.pdf"))
    assert [doubt.id for doubt in found.doubts] == ([] if is_certain else ["D-SPEED-01"])


def test_a_page_without_pulses_is_read(tmp_path: Path) -> None:
    page = vector_page("6x2", has_pulses=False)
    found = read(write(page, "reportlab", tmp_path / "page.pdf"))
    assert_exact(found, page, 25.0, 10.0, TOLERANCE_MM["reportlab"])


@pytest.mark.parametrize("zoom", [0.9, 1.05])
def test_the_grid_determines_the_scale_of_a_page_that_was_resized(tmp_path: Path, zoom: float) -> None:
    page = vector_page()
    resized = VectorPage(
        [type(line)(line.points * zoom, line.colour, line.width_mm) for line in page.lines],
        [type(text)(text.text, text.x_mm * zoom, text.y_mm * zoom) for text in page.texts],
        page.leads,
    )
    found = read(write(resized, "reportlab", tmp_path / "page.pdf"))
    assert_exact(found, page, 25.0, 10.0, TOLERANCE_MM["reportlab"])


def test_pulses_that_contradict_the_gain_are_doubtful(tmp_path: Path) -> None:
    page = vector_page(has_pulses=False)
    low = [line for line in vector_page(gain_mm_mv=9.5).lines if len(line.points) == 6]
    page.lines.extend(low)
    found = read(write(page, "reportlab", tmp_path / "page.pdf"))
    (doubt,) = found.doubts
    assert doubt.id == "D-GAIN-01"
    assert "9.50 mm high" in doubt.message


def test_a_stretched_grid_is_doubtful(tmp_path: Path) -> None:
    page = vector_page(has_pulses=False)
    stretched = VectorPage(
        [type(line)(line.points * (1.03, 1.0), line.colour, line.width_mm) for line in page.lines],
        page.texts,
        page.leads,
    )
    found = read(write(stretched, "reportlab", tmp_path / "page.pdf"))
    assert [doubt.id for doubt in found.doubts] == ["D-SPEED-01"]
    assert "px/mm along the rows" in found.doubts[0].message


def test_curves_in_the_image_lie_on_the_drawn_lines(tmp_path: Path) -> None:
    path = write(vector_page(), "reportlab", tmp_path / "page.pdf", 90)
    found = read(path)
    image = page_from_source(path).pixels()
    for lead in found.leads.values():
        x, y = np.floor(lead.curve_px.T).astype(int)
        dark = image[y, x].max(-1) < 120
        assert dark.mean() > 0.97, lead.name
