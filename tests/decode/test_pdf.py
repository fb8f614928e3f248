"""Rendering of PDFs: scans keep their pixels, drawings have 300 dpi, invalid files raise named errors."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from pdf_files import NOISE, encryption, image_object, pdf, scan
from PIL import Image
from sample_image import HEIGHT, WIDTH, assert_same, page, save_image

from ecgdigit_rt.decode.file_formats import rgb_from_file, rgb_from_page
from ecgdigit_rt.decode.page_list import page_ids, pages_from_inputs
from ecgdigit_rt.decode.pdf_scale import MAX_RENDERED_PIXELS
from ecgdigit_rt.errors import ImageSizeOutOfRange, PasswordProtected, UnreadableImage, UnsupportedType
from ecgdigit_rt.results import PageRef

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "page.pdf"


@pytest.mark.parametrize("dpi", [75, 150, 300, 301.7, 600])
def test_scan_keeps_its_pixels(path: Path, dpi: float) -> None:
    path.write_bytes(scan(dpi))
    assert_same(rgb_from_file(path), NOISE)


@pytest.mark.parametrize("resolution", [72, 200, 600])
def test_scan_saved_by_pillow(path: Path, resolution: int) -> None:
    save_image(path, Image.fromarray(page()), resolution=resolution, quality=98)
    assert_same(rgb_from_file(path), page(), tolerance=3)


def test_rotated_page(path: Path) -> None:
    path.write_bytes(scan(200, page_keys=b"/Rotate 90"))
    assert_same(rgb_from_file(path), np.rot90(NOISE, -1).copy())


def test_drawing_is_rendered_at_300_dpi(path: Path) -> None:
    path.write_bytes(pdf(b"1 0 0 rg 0 0 297.5 842 re f 0 0 1 RG 5 w 400 0 m 400 842 l S"))
    got = rgb_from_file(path)
    assert got.shape == (3509, 2480, 3)
    assert got[1000, 600].tolist() == [255, 0, 0]
    assert got[1000, 1667].tolist() == [0, 0, 255]  # 400 pt
    assert got[1000, 2000].tolist() == [255, 255, 255]


@pytest.mark.parametrize(
    ("dpi", "content", "expected"),
    [(100, b"0 0 m 9 9 l S", 300), (400, b"0 0 m 9 9 l S", 400), (20, b"", 300)],
    ids=["lines over a low-resolution scan", "lines over a high-resolution scan", "background"],
)
def test_lines_over_an_image_are_rendered_at_300_dpi_or_more(
    path: Path, dpi: float, content: bytes, expected: float
) -> None:
    path.write_bytes(scan(dpi, content))
    assert rgb_from_file(path).shape[1] == pytest.approx(WIDTH * expected / dpi, abs=1)


def test_logo_does_not_set_the_resolution(path: Path) -> None:
    path.write_bytes(pdf(b"q 30 0 0 20 0 0 cm /Im Do Q", more=image_object(WIDTH, HEIGHT, NOISE.tobytes())))
    assert rgb_from_file(path).shape == (3509, 2480, 3)


def test_rendered_size_is_limited(path: Path) -> None:
    path.write_bytes(pdf(b"", size=(14_400, 7200)))
    height, width, _ = rgb_from_file(path).shape
    assert width == pytest.approx(2 * height, abs=2)
    assert 0.99 * MAX_RENDERED_PIXELS < width * height < 1.01 * MAX_RENDERED_PIXELS
    path.write_bytes(pdf(b"", size=(600, 20)))
    with pytest.raises(ImageSizeOutOfRange, match="2500 x 84"):
        rgb_from_file(path)


def test_embedded_image_is_checked_before_decoding(path: Path) -> None:
    bomb = image_object(60_000, 60_000, b"", b"/ColorSpace/DeviceGray")
    path.write_bytes(pdf(b"q 595 0 0 842 0 0 cm /Im Do Q", more=bomb))
    with pytest.raises(ImageSizeOutOfRange, match=r"60000 x 60000 px.*megapixels"):
        rgb_from_file(path)


def test_pages_are_in_order(path: Path) -> None:
    greys = [0.0, 0.2, 0.4, 0.6, 0.8]
    path.write_bytes(pdf(*(b"%f g 0 0 200 200 re f" % grey for grey in greys), size=(200, 100)))
    found = pages_from_inputs([path])
    assert found == [PageRef(path, number) for number in range(5)]
    assert page_ids(found) == ["page", "page_p2", "page_p3", "page_p4", "page_p5"]
    for ref, grey in reversed(list(zip(found, greys, strict=True))):
        assert rgb_from_page(ref)[10, 10, 0] == pytest.approx(255 * grey, abs=1)
    with pytest.raises(UnreadableImage, match="5 pages, but page 6"):
        rgb_from_page(PageRef(path, 5))


def test_pdfium_is_called_by_one_thread_at_a_time(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of several threads receives its page, although the calls of PDFium do not overlap."""
    import pypdfium2

    greys = np.linspace(0, 1, 16)
    path.write_bytes(pdf(*(b"%f g 0 0 200 200 re f" % grey for grey in greys), size=(200, 100)))
    inside = threading.Semaphore(1)
    original = pypdfium2.PdfPage.render

    def render(*args: object, **options: object) -> object:
        assert inside.acquire(blocking=False), "two threads in PDFium"
        threading.Event().wait(0.005)
        try:
            return original(*args, **options)
        finally:
            inside.release()

    monkeypatch.setattr(pypdfium2.PdfPage, "render", render)
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda ref: int(rgb_from_page(ref)[9, 9, 0]), pages_from_inputs([path])))
    assert got == pytest.approx((255 * greys).tolist(), abs=1)


def test_password_raises(path: Path) -> None:
    path.write_bytes(pdf(b"", more=encryption()))
    assert pages_from_inputs([path.parent]) == [PageRef(path)]
    with pytest.raises(PasswordProtected, match="password") as caught:
        rgb_from_file(path)
    assert caught.value.path == path
    path.write_bytes(pdf(b"", more=encryption(b"/V 9/R 9")))
    with pytest.raises((UnsupportedType, PasswordProtected)):
        rgb_from_file(path)


@pytest.mark.parametrize("share", [0.02, 0.5, 0.97])
def test_truncated_file_raises(path: Path, share: float) -> None:
    data = scan(300)
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(UnreadableImage, match="truncated"):
        rgb_from_file(path)


def test_damaged_file_raises(path: Path) -> None:
    path.write_bytes(b"%PDF-1.7\n" + b"?" * 500 + b"\n%%EOF")
    assert pages_from_inputs([path.parent]) == [PageRef(path)]
    with pytest.raises(UnreadableImage, match="damaged"):
        rgb_from_file(path)


def test_bytes_before_and_after_the_document_are_ignored(path: Path) -> None:
    path.write_bytes(b"\r\n\0junk\r\n" + scan(300) + bytes(1000))
    assert rgb_from_file(path).shape == (HEIGHT, WIDTH, 3)


def test_pdf_of_two_example_pages(tmp_path: Path) -> None:
    files = sorted(EXAMPLES.glob("*.jpg"))[:2]
    originals = [rgb_from_file(file) for file in files]
    first, second = (Image.fromarray(original).resize((1100, 850)) for original in originals)
    save_image(tmp_path / "visit.pdf", first, save_all=True, append_images=[second], resolution=100)
    found = pages_from_inputs([tmp_path])
    assert page_ids(found) == ["visit", "visit_p2"]
    pages = [rgb_from_page(ref) for ref in found]
    assert [pixels.shape for pixels in pages] == [(850, 1100, 3)] * 2
    assert_same(pages[0], np.array(first), tolerance=40)
    assert_same(pages[1], np.array(second), tolerance=40)
    assert np.abs(pages[0].astype(int) - pages[1]).mean() > 5
