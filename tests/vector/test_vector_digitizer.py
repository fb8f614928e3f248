"""Digitizer and outputs: vector pages need no networks, and other pages are read as pictures."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from vector_pages import vector_page, write_with_reportlab

pytest.importorskip("reportlab")

from ecgdigit_engine.runner import Runner
from ecgdigit_engine.selection import AUTO, select_backend
from ecgdigit_engine.stage_opener import StageRequest
from ecgdigit_rt import Digitized, Digitizer
from ecgdigit_rt.cli.app import exit_code
from ecgdigit_rt.decode.file_formats import rgb_from_file
from ecgdigit_rt.decode.sources import page_from_source
from ecgdigit_rt.drawing import DrawingNotUnderstood
from ecgdigit_rt.formats.metadata import page_comments, page_metadata
from ecgdigit_rt.results import PICTURE, VECTOR, PageRef

EXAMPLE = Path(__file__).parents[2] / "examples" / "000001_colour_scan.jpg"


@pytest.fixture(scope="module")
def vector_pdf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("vector") / "vector.pdf"
    write_with_reportlab(vector_page("6x2"), path)
    return path


def scanned_pdf(path: Path) -> Path:
    """Write a PDF that contains only the picture of an example page."""
    from reportlab.pdfgen.canvas import Canvas

    height, width = rgb_from_file(EXAMPLE).shape[:2]
    canvas = Canvas(str(path), pagesize=(width * 72 / 200, height * 72 / 200))
    canvas.drawImage(str(EXAMPLE), 0, 0, width * 72 / 200, height * 72 / 200)
    canvas.save()
    return path


def digitized(digitizer: Digitizer, path: Path) -> Digitized:
    (page,) = digitizer.digitize_many([path])
    assert isinstance(page, Digitized), page
    return page


def test_vector_pages_need_no_networks(vector_pdf: Path) -> None:
    def refuse(_: StageRequest) -> Runner:
        raise AssertionError("a network was opened")

    opener = replace(select_backend(AUTO, AUTO, AUTO, ("fp32", "int8")).opener(), open=refuse)
    digitizer = Digitizer(threads=2, opener=opener)
    pages = list(digitizer.digitize_many([vector_pdf] * 7))
    assert [page.signal_source for page in pages if isinstance(page, Digitized)] == [VECTOR] * 7
    assert digitizer.digitize(vector_pdf).signal_source == VECTOR


def test_vector_pages_can_be_read_as_pictures(vector_pdf: Path) -> None:
    lines = digitized(Digitizer(threads=2, ocr=False), vector_pdf)
    picture = digitized(Digitizer(threads=2, ocr=False, vector=False), vector_pdf)
    assert (lines.signal_source, picture.signal_source) == (VECTOR, PICTURE)
    for name, lead in lines.leads.items():
        traced = picture.leads[name].mv
        count = min(traced.size, lead.mv.size)
        assert np.corrcoef(traced[:count], lead.mv[:count])[0, 1] > 0.95, name


def test_a_scanned_page_is_read_as_before(tmp_path: Path) -> None:
    path = scanned_pdf(tmp_path / "scan.pdf")
    with_lines = digitized(Digitizer(threads=2, ocr=False), path)
    without = digitized(Digitizer(threads=2, ocr=False, vector=False), path)
    assert with_lines.signal_source == PICTURE
    assert with_lines.notes == without.notes
    for name, lead in without.leads.items():
        np.testing.assert_array_equal(with_lines.leads[name].mv, lead.mv)


def test_lines_that_are_not_understood_are_noted(tmp_path: Path) -> None:
    """The names of the leads are missing, so that neither the lines nor the picture have a layout."""
    from reportlab.pdfgen.canvas import Canvas

    path = tmp_path / "curve.pdf"
    canvas = Canvas(str(path), pagesize=(842, 595))
    line = canvas.beginPath()
    line.moveTo(50, 300)
    for x in range(500):
        line.lineTo(50 + x, 300 + 40 * np.sin(x / 9))
    canvas.drawPath(line)
    canvas.save()
    page = page_from_source(path)
    drawing = page.drawing()
    assert drawing is not None
    with pytest.raises(DrawingNotUnderstood, match="no known layout"):
        Digitizer(threads=1).digitize_drawing(drawing, page.page, None, page.words)


def test_overrides_apply_to_vector_pages(vector_pdf: Path) -> None:
    page = Digitizer(threads=1, speed_mm_s=50, gain_mm_mv=20).digitize(vector_pdf)
    assert (page.layout.speed_mm_s, page.layout.gain_mm_mv) == (50, 20)
    assert {doubt.id for doubt in page.doubts} == {"D-SPEED-01", "D-GAIN-01"}


def test_outputs_name_the_source_of_the_signals(vector_pdf: Path) -> None:
    page = Digitizer(threads=1).digitize(vector_pdf)
    assert page_metadata(page)["signal_source"] == VECTOR
    assert "signal source: vector" in page_comments(page)
    assert page.provenance is not None
    assert page.provenance.models == "none"
    assert page.expected_db > 40


def test_inspect_compares_lines_and_picture(vector_pdf: Path, tmp_path: Path) -> None:
    assert exit_code(["inspect", str(vector_pdf), "--out", str(tmp_path), "--threads", "2"]) == 0
    metadata = json.loads((tmp_path / "inspect.json").read_text(encoding="utf-8"))
    assert metadata["signal_source"] == VECTOR
    assert "9-vector.png" in metadata["images"]
    image = rgb_from_file(tmp_path / "9-vector.png")
    blue = (np.abs(image.astype(int) - (0, 100, 190)).max(-1) < 40).sum()
    assert blue > 2000, "the lines of the file are visible"


def test_a_page_reference_selects_the_page(vector_pdf: Path) -> None:
    assert Digitizer(threads=1).digitize(PageRef(vector_pdf, 0)).layout.name == "6x2"
