"""Multi-page TIFF: pages are counted without decoding, and only damaged pages raise errors."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from sample_image import HEIGHT, UPRIGHT, WIDTH, assert_same, grey_page, page, save_image

from ecgdigit_rt.decode import tiff_directories
from ecgdigit_rt.decode.file_formats import rgb_from_page
from ecgdigit_rt.decode.limits import MAX_PAGES
from ecgdigit_rt.decode.page_list import pages_from_inputs
from ecgdigit_rt.decode.tiff_directories import Read, Tag, TiffLayout
from ecgdigit_rt.errors import ImageSizeOutOfRange, UnreadableImage
from ecgdigit_rt.results import PageRef

PAGES = [page(), np.ascontiguousarray(page()[::-1]), np.ascontiguousarray(page().transpose(1, 0, 2))]


def big_endian_tiff(bodies: list[NDArray[np.uint8]], orientations: list[int], big: bool) -> bytes:
    """Return grey pages of one strip each. Pillow cannot write BigTIFF in this byte order."""
    pointer, count, entry = (">Q", ">Q", ">HHQQ") if big else (">I", ">H", ">HHII")
    out = struct.pack(">2sHHH", b"MM", 43, 8, 0) if big else struct.pack(">2sH", b"MM", 42)
    at = len(out) + struct.calcsize(pointer)
    for body, orientation in zip(bodies, orientations, strict=True):
        height, width = body.shape
        data = body.tobytes()
        out += struct.pack(pointer, at + len(data)) + data
        tags = [
            (256, width), (257, height), (258, 8), (259, 1), (262, 1), (273, at), (274, orientation),
            (277, 1), (278, height), (279, len(data)),
        ]  # fmt: skip
        out += struct.pack(count, len(tags))
        for tag, value in tags:
            if tag == 274:  # two bytes, left-aligned
                short = value << (48 if big else 16)
                out += struct.pack(entry, tag, 3, 1, short)
            else:
                out += struct.pack(entry, tag, 4, 1, value << 32 if big else value)
        at = len(out) + struct.calcsize(pointer)
    return out + struct.pack(pointer, 0)


@pytest.mark.parametrize("options", [{}, {"compression": "tiff_lzw"}, {"big_tiff": True}])
def test_pages_are_in_order(tmp_path: Path, options: dict[str, Any]) -> None:
    first, *others = [Image.fromarray(pixels) for pixels in PAGES]
    path = save_image(tmp_path / "scan.tif", first, save_all=True, append_images=others, **options)
    found = pages_from_inputs([path])
    assert found == [PageRef(path, 0), PageRef(path, 1), PageRef(path, 2)]
    for ref, expected in zip(found, PAGES, strict=True):
        assert_same(rgb_from_page(ref), expected)


@pytest.mark.parametrize("big", [False, True])
def test_each_page_has_its_own_orientation(tmp_path: Path, big: bool) -> None:
    path = tmp_path / "scan.tif"
    path.write_bytes(big_endian_tiff([grey_page()] * 8, list(UPRIGHT), big))
    found = pages_from_inputs([path])
    assert len(found) == 8
    for ref, turn in zip(found, UPRIGHT.values(), strict=True):
        assert_same(rgb_from_page(ref), np.ascontiguousarray(turn(np.dstack([grey_page()] * 3))))


def test_thumbnails_and_masks_are_not_pages(tmp_path: Path) -> None:
    small = Image.fromarray(page()).resize((40, 30))
    path = tmp_path / "scan.tif"
    for kind in (1, 4):
        pages = [Image.fromarray(page()), small, Image.fromarray(PAGES[1])]
        pages[1].encoderinfo = {"tiffinfo": {254: kind}}
        pages[0].save(path, save_all=True, append_images=pages[1:])
        found = pages_from_inputs([path])
        assert len(found) == 2
        assert_same(rgb_from_page(found[1]), PAGES[1])


def test_truncated_page_fails_and_the_others_decode(tmp_path: Path) -> None:
    first, *others = [Image.fromarray(pixels) for pixels in PAGES]
    path = save_image(tmp_path / "scan.tif", first, save_all=True, append_images=others)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3 + 4])  # into the third directory
    found = pages_from_inputs([path])
    assert len(found) == 3
    assert_same(rgb_from_page(found[1]), PAGES[1])
    with pytest.raises(UnreadableImage, match="ends inside"):
        rgb_from_page(found[2])


def tiff_with_pages(count: int, kind: int = 0) -> bytes:
    """Return a TIFF with directories of this subfile type, which all refer to the same pixels."""
    body = grey_page().tobytes()
    tags = [
        (254, 4, kind), (256, 3, WIDTH), (257, 3, HEIGHT), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, 8),
        (277, 3, 1), (278, 3, HEIGHT), (279, 4, len(body)),
    ]  # fmt: skip
    entries = b"".join(struct.pack("<HHII", tag, form, 1, value) for tag, form, value in tags)
    size, start = len(entries) + 6, 8 + len(body)
    nexts = [start + size * (number + 1) for number in range(count - 1)] + [0]
    directories = (struct.pack("<H", len(tags)) + entries + struct.pack("<I", after) for after in nexts)
    return struct.pack("<2sHI", b"II", 42, start) + body + b"".join(directories)


@pytest.mark.parametrize(("pages", "kind"), [(90_000, 0), (90_000, 1), (MAX_PAGES + 1, 0)])
def test_too_many_pages_are_one_failing_page(tmp_path: Path, pages: int, kind: int) -> None:
    path = tmp_path / "scan.tif"
    path.write_bytes(tiff_with_pages(pages, kind))
    assert pages_from_inputs([path]) == [PageRef(path)]
    with pytest.raises(UnreadableImage, match=f"more than {MAX_PAGES} pages"):
        rgb_from_page(PageRef(path))


def test_directories_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the time for a file grows with the square of its pages."""
    read: list[int] = []
    directory = tiff_directories._directory

    def record(reader: Read, layout: TiffLayout, start: int) -> tuple[dict[int, Tag], int]:
        read.append(start)
        return directory(reader, layout, start)

    monkeypatch.setattr(tiff_directories, "_directory", record)
    path = tmp_path / "scan.tif"
    path.write_bytes(tiff_with_pages(50))
    for page_ref in pages_from_inputs([path]):
        rgb_from_page(page_ref)
    assert len(read) == 50 + 50, "once in the search, and once for each page"
    path.write_bytes(tiff_with_pages(60))
    assert len(pages_from_inputs([path])) == 60, "a changed file is read again"


def test_cyclic_directory_chain_ends(tmp_path: Path) -> None:
    data = bytearray(big_endian_tiff([grey_page(), grey_page()], [1, 1], big=False))
    data[-4:] = data[4:8]
    path = tmp_path / "scan.tif"
    path.write_bytes(bytes(data))
    assert len(pages_from_inputs([path])) == 2


def test_missing_page_raises(tmp_path: Path) -> None:
    path = save_image(tmp_path / "scan.tif", Image.fromarray(page()))
    with pytest.raises(UnreadableImage, match="1 page, but page 3"):
        rgb_from_page(PageRef(path, 2))
    path = save_image(tmp_path / "scan.png", Image.fromarray(page()))
    with pytest.raises(UnreadableImage, match="1 page, but page 2"):
        rgb_from_page(PageRef(path, 1))


def test_each_page_is_checked_before_decoding(tmp_path: Path) -> None:
    data = big_endian_tiff([grey_page(), grey_page()], [1, 1], big=False)
    width = struct.pack(">HHI", 256, 4, 1) + struct.pack(">I", WIDTH)
    at = data.rindex(width)
    path = tmp_path / "bomb.tif"
    path.write_bytes(data[: at + 8] + struct.pack(">I", 1_000_000) + data[at + 12 :])
    found = pages_from_inputs([path])
    assert rgb_from_page(found[0]).shape == (HEIGHT, WIDTH, 3)
    with pytest.raises(ImageSizeOutOfRange, match="megapixels"):
        rgb_from_page(found[1])
