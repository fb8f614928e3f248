"""Words of PDF pages: their boxes are where the rendered page shows the text."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from dicom_files import dataset
from numpy.typing import NDArray
from pdf_files import A4, image_object, pdf, scan, text_at
from pydicom.uid import EncapsulatedPDFStorage
from sample_image import HEIGHT, WIDTH, page

from ecgdigit_rt.decode import pdf as pdf_format
from ecgdigit_rt.decode import pdf_words
from ecgdigit_rt.decode.file_formats import rgb_from_page, words_from_page
from ecgdigit_rt.decode.limits import MAX_PIXELS
from ecgdigit_rt.decode.sources import page_from_source, pages_from_sources
from ecgdigit_rt.errors import ImageSizeOutOfRange, PasswordProtected, UnreadableImage
from ecgdigit_rt.results import PageRef
from ecgdigit_rt.words import Word


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "page.pdf"


def texts(path: Path) -> list[str]:
    return [word.text for word in words_from_page(PageRef(path))]


def ink_box(image: NDArray[np.uint8]) -> tuple[float, float, float, float]:
    """Return the box around everything that is dark."""
    rows, columns = np.nonzero(image.min(axis=2) < 128)
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


def union(words: tuple[Word, ...]) -> tuple[float, float, float, float]:
    lefts, tops, rights, bottoms = zip(*(word.box_px for word in words), strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def assert_boxes_enclose_ink(path: Path, max_pixels: int = MAX_PIXELS, tolerance: float = 2) -> None:
    image = rgb_from_page(PageRef(path), max_pixels)
    words = words_from_page(PageRef(path), max_pixels)
    assert union(words) == pytest.approx(ink_box(image), abs=tolerance)


def test_words_end_at_spaces(path: Path) -> None:
    path.write_bytes(pdf(text_at(100, 700, "25 mm/s, 10 mm/mV")))
    assert texts(path) == ["25", "mm/s,", "10", "mm/mV"]
    assert_boxes_enclose_ink(path)


@pytest.mark.parametrize("angle", [0, 90, 180, 270])
@pytest.mark.parametrize(
    "keys", [b"", b"/CropBox[40 60 500 700]", b"/CropBox[-30 -20 640 900]", b"/UserUnit 2"]
)
def test_boxes_on_rotated_and_cropped_pages(path: Path, angle: int, keys: bytes) -> None:
    path.write_bytes(pdf(text_at(120, 500, "aVR V3R"), page_keys=b"/Rotate %d" % angle + keys))
    assert texts(path) == ["aVR", "V3R"]
    assert_boxes_enclose_ink(path)


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("angle", [0, 90, 180, 270, 3])
def test_lines_in_each_direction(path: Path, angle: int, rotation: int) -> None:
    path.write_bytes(pdf(text_at(300, 400, "II aVF", angle_deg=angle), page_keys=b"/Rotate %d" % rotation))
    assert texts(path) == ["II", "aVF"]
    assert_boxes_enclose_ink(path, tolerance=2 if angle % 90 == 0 else 5)  # tilted boxes have a margin


def test_diagonal_text_is_ignored(path: Path) -> None:
    path.write_bytes(pdf(text_at(100, 100, "DRAFT", angle_deg=45) + text_at(100, 700, "V1")))
    assert texts(path) == ["V1"]


@pytest.mark.parametrize("mode", [3, 7])
def test_invisible_text_is_ignored(path: Path, mode: int) -> None:
    """The text layer of a scan is the result of a text recognition, which may be wrong."""
    hidden = b"%d Tr " % mode + text_at(100, 500, "50 mm/s") + b" 0 Tr "
    path.write_bytes(pdf(hidden + text_at(100, 700, "V1")))
    assert texts(path) == ["V1"]


def test_words_end_at_gaps_and_other_lines(path: Path) -> None:
    content = text_at(100, 700, "77") + text_at(150, 700, "BPM") + text_at(100, 660, "V") + text_at(
        116.5, 660, "4"
    ) + text_at(132, 669, "I")  # fmt: skip
    path.write_bytes(pdf(content))
    assert texts(path) == ["77", "BPM", "V4", "I"]


def test_kerned_text_is_one_word(path: Path) -> None:
    path.write_bytes(pdf(b"BT /F 24 Tf 100 700 Td [(a) 60 (V) -60 (L)] TJ ET"))
    assert texts(path) == ["aVL"]


def test_text_outside_the_page_is_ignored(path: Path) -> None:
    content = text_at(100, 900, "above") + text_at(700, 500, "right") + text_at(100, 700, "V1")
    path.write_bytes(pdf(content))
    assert texts(path) == ["V1"]


def test_scale_is_that_of_a_scan(path: Path) -> None:
    path.write_bytes(scan(150, text_at(20, 40, "50mm/s")))
    (word,) = words_from_page(PageRef(path))
    left, top, right, bottom = word.box_px
    assert 20 * 150 / 72 <= left <= 20 * 150 / 72 + 4
    assert right <= WIDTH
    assert bottom - top == pytest.approx(24 * 150 / 72, rel=0.3)
    assert bottom == pytest.approx(HEIGHT - 40 * 150 / 72, abs=3)


@pytest.mark.parametrize("max_pixels", [MAX_PIXELS, 1_000_000])
def test_scale_is_that_of_a_reduced_page(path: Path, max_pixels: int) -> None:
    path.write_bytes(pdf(text_at(500, 4000, "aVR", size=400), size=(14_400, 7200)))
    assert_boxes_enclose_ink(path, max_pixels)


def test_page_without_text(path: Path) -> None:
    path.write_bytes(scan(200))
    assert words_from_page(PageRef(path)) == ()


def test_each_page_has_its_words(path: Path) -> None:
    path.write_bytes(pdf(text_at(100, 700, "I"), text_at(100, 700, "V1")))
    assert [word.text for word in words_from_page(PageRef(path, 1))] == ["V1"]
    with pytest.raises(UnreadableImage, match="2 pages, but page 3"):
        words_from_page(PageRef(path, 2))


def test_number_of_characters_is_limited(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_bytes(pdf(text_at(100, 700, "V1 V2 V3")))
    monkeypatch.setattr(pdf_words, "MAX_CHARACTERS", 5)
    assert texts(path) == ["V1", "V2"]


def test_damaged_text_is_no_text(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pypdfium2

    def fail(page: object) -> object:
        raise pypdfium2.PdfiumError("Failed to load text page.")

    path.write_bytes(pdf(text_at(100, 700, "V1")))
    monkeypatch.setattr(pypdfium2.PdfPage, "get_textpage", fail)
    assert words_from_page(PageRef(path)) == ()


def test_text_is_read_with_the_lock(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pypdfium2

    was_locked = []
    original = pypdfium2.PdfPage.get_textpage

    def get_textpage(page: object) -> object:
        was_locked.append(pdf_format.PDFIUM_LOCK.locked())
        return original(page)

    path.write_bytes(pdf(text_at(100, 700, "V1")))
    monkeypatch.setattr(pypdfium2.PdfPage, "get_textpage", get_textpage)
    assert texts(path) == ["V1"]
    assert was_locked == [True]
    assert not pdf_format.PDFIUM_LOCK.locked()


def test_invalid_documents_raise(path: Path) -> None:
    path.write_bytes(pdf(b"q 595 0 0 842 0 0 cm /Im Do Q", more=image_object(60_000, 60_000, b"")))
    with pytest.raises(ImageSizeOutOfRange):
        words_from_page(PageRef(path))
    path.write_bytes(scan(300)[:2000])
    with pytest.raises(UnreadableImage, match="truncated"):
        words_from_page(PageRef(path))


def test_encapsulated_pdf(tmp_path: Path) -> None:
    document = pdf(text_at(100, 700, "aVL"))
    path = tmp_path / "report.dcm"
    dataset(EncapsulatedPDFStorage, EncapsulatedDocument=document + b"\0" * (len(document) % 2)).save_as(path)
    assert texts(path) == ["aVL"]
    assert_boxes_enclose_ink(path)


def test_words_of_sources(tmp_path: Path) -> None:
    import cv2

    (tmp_path / "a.pdf").write_bytes(pdf(text_at(100, 700, "V1"), text_at(100, 700, "V2")))
    cv2.imwrite(str(tmp_path / "b.png"), page())
    sources = pages_from_sources([tmp_path, page()])
    assert [[word.text for word in source.words()] for source in sources] == [["V1"], ["V2"], [], []]


def test_words_are_lazy(path: Path) -> None:
    source = page_from_source(path)  # the file does not exist
    path.write_bytes(pdf(text_at(A4[0] / 2, 700, "V1")))
    assert [word.text for word in source.words()] == ["V1"]


def test_password(path: Path) -> None:
    from pdf_files import encryption

    path.write_bytes(pdf(b"", more=encryption()))
    with pytest.raises(PasswordProtected):
        words_from_page(PageRef(path))
