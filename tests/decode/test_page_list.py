"""Page list of the inputs: each page is listed once, in natural order, with a distinct id."""

from __future__ import annotations

import io
import os
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from dicom_files import image_dataset
from sample_image import page
from tiff_files import bgr, encode

from ecgdigit_rt.decode.file_formats import rgb_from_page
from ecgdigit_rt.decode.page_list import find_pages, page_ids, pages_from_inputs
from ecgdigit_rt.errors import InputNotFound, NoPagesFound, UnreadableImage
from ecgdigit_rt.results import PageRef


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def names(root: Path, *inputs: str | Path) -> list[str]:
    return [page.path.relative_to(root).as_posix() for page in pages_from_inputs(inputs)]


def test_folder_is_searched_recursively_in_natural_order(tmp_path: Path) -> None:
    touch(tmp_path, "p10.png", "p2.JPG", "b/x1.tiff", "b/x.webp", "notes.txt", "t.csv", ".h/a.png")
    touch(tmp_path, "._p1.png")
    assert names(tmp_path, tmp_path) == ["b/x.webp", "b/x1.tiff", "p2.JPG", "p10.png"]


def test_folder_is_searched_for_every_suffix(tmp_path: Path) -> None:
    images = ["a.pdf", "b.DCM", "c.dicom", "d.HEIC", "e.heif", "f.avif", "g.gif", "h.bmp", "i.jpeg", "j.tif"]
    touch(tmp_path, *images, "k.svg", "l.docx")
    assert names(tmp_path, tmp_path) == images  # each file is empty and listed as one page


def test_files_with_other_names_are_recognized_by_their_content(tmp_path: Path) -> None:
    """Archives of DICOM files have no suffixes, and copies of scans have unusual ones."""
    stored = image_dataset(np.full((300, 300), 200, np.uint8), "MONOCHROME2")
    for name in ("IM0001", "1.2.840.1", "study/IM-0002.x", "DICOMDIR"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        stored.save_as(tmp_path / name, enforce_file_format=True)
    images = {"a.jfif": ".jpg", "b": ".png", "c.scan": ".tif", "d": ".bmp", "e.x": ".webp"}
    for name, suffix in images.items():
        (tmp_path / name).write_bytes(encode(suffix, bgr(page())))
    (tmp_path / "f.document").write_bytes(b"%PDF-1.7\n")
    expected = ["1.2.840.1", "a.jfif", "b", "c.scan", "d", "e.x", "f.document", "IM0001", "study/IM-0002.x"]
    found = find_pages([tmp_path])
    assert [ref.path.relative_to(tmp_path).as_posix() for ref in found.pages] == expected
    assert found.other_files == {"without suffix": 1}
    assert rgb_from_page(found.pages[-2]).shape == (300, 300, 3)
    assert names(tmp_path, f"{tmp_path}/[bI]*") == ["b", "IM0001"]


def test_other_files_are_counted_by_kind(tmp_path: Path) -> None:
    jp2 = b"\0\0\0\x0cjP  \r\n\x87\n\0\0\0\x14ftypjp2 "
    contents = {
        "a.jp2": jp2,
        "b.JP2": jp2,
        "notes": b"text",
        "BMI": b"BMI 24.5, a text with more than eighteen bytes",
        "two": b"\2\0\0\0 binary data that begin like DICOM without a preamble",
        "late": b"x" * 200 + b"%PDF-1.7",
        "empty": b"",
        "x.json": b"{}",
        "y.123": b"data",
        "z.a b": b"data",
        "raw.dng": encode(".tif", bgr(page())),
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "page.png").touch()
    (tmp_path / ".hidden").touch()
    os.mkfifo(tmp_path / "pipe")  # opening it would wait forever
    (tmp_path / "broken").symlink_to("missing")
    found = find_pages([tmp_path])
    assert [ref.path.name for ref in found.pages] == ["page.png"]
    counts = {".jp2": 2, "without suffix": 7, ".json": 1, "other": 2, ".dng": 1}
    assert found.other_files == counts


def test_pages_are_in_input_order_without_duplicates(tmp_path: Path) -> None:
    touch(tmp_path, "z.png", "a.png", "sub/m.png")
    inputs = [tmp_path / "z.png", tmp_path, tmp_path / "sub" / ".." / "a.png"]
    assert names(tmp_path, *inputs) == ["z.png", "a.png", "sub/m.png"]


def test_globs(tmp_path: Path) -> None:
    touch(tmp_path, "p10.png", "p2.png", "q.png", "p3.txt", "deep/er/p1.png", "pfolder/in.jpg")
    assert names(tmp_path, f"{tmp_path}/p*") == ["p2.png", "p10.png", "pfolder/in.jpg"]
    assert names(tmp_path, f"{tmp_path}/**/p1.png") == ["deep/er/p1.png"]


def test_file_passed_directly_is_listed_with_any_suffix(tmp_path: Path) -> None:
    touch(tmp_path, "scan.pdf", "[odd] name.png")
    assert names(tmp_path, tmp_path / "scan.pdf") == ["scan.pdf"]
    assert names(tmp_path, tmp_path / "[odd] name.png") == ["[odd] name.png"]


def test_no_match_raises(tmp_path: Path) -> None:
    touch(tmp_path, "notes.txt")
    with pytest.raises(NoPagesFound, match="No page images found in "):
        pages_from_inputs([tmp_path])
    with pytest.raises(NoPagesFound, match="the list of inputs is empty"):
        pages_from_inputs([])
    with pytest.raises(InputNotFound, match="absent"):
        pages_from_inputs([tmp_path / "absent"])
    with pytest.raises(InputNotFound, match=r"\*\.png"):
        pages_from_inputs([f"{tmp_path}/*.png"])


def pages_from_stdin(monkeypatch: pytest.MonkeyPatch, text: bytes, *inputs: str) -> list[Path]:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text), encoding="utf-8"))
    return [page.path for page in pages_from_inputs(inputs or ["-"])]


def test_list_on_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "z.png", "two words .png", "f/m2.png", "f/m10.png", "a.png")
    monkeypatch.chdir(tmp_path)
    lines = b"z.png\r\n\n   \ntwo words .png\nf\nz.png"
    assert [str(path) for path in pages_from_stdin(monkeypatch, lines, "a.png", "-")] == [
        "a.png", "z.png", "two words .png", "f/m2.png", "f/m10.png",
    ]  # fmt: skip
    with pytest.raises(InputNotFound, match="absent"):
        pages_from_stdin(monkeypatch, b"z.png\nabsent.png\n")
    with pytest.raises(NoPagesFound, match="in standard input"):
        pages_from_stdin(monkeypatch, b"\n\n")
    with pytest.raises(InputNotFound, match=r": -$"):  # a list cannot contain another list
        pages_from_stdin(monkeypatch, b"-\n")


def test_nul_separated_list_accepts_any_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    odd = [b"two\nlines.png", b"caf\xe9.png", " \u2028 .png".encode(), b"end\r.png"]
    paths = [tmp_path / os.fsdecode(name) for name in odd]
    for path in paths:
        path.touch()
    assert pages_from_stdin(monkeypatch, b"\0".join(map(os.fsencode, paths)) + b"\0") == paths
    assert pages_from_stdin(monkeypatch, b"\n".join(map(os.fsencode, paths[1:]))) == paths[1:]


def test_damaged_files_do_not_stop_the_search(tmp_path: Path) -> None:
    for name, content in (
        ("a.pdf", b"%PDF-1.7"),
        ("b.tif", b"II*\0\xff\xff\xff\xff"),
        ("c.dcm", b"\0" * 128 + b"DICM"),
    ):
        (tmp_path / name).write_bytes(content)
    (tmp_path / "d.png").symlink_to(tmp_path / "gone.png")
    touch(tmp_path, "e.jpg")
    assert names(tmp_path, tmp_path) == ["a.pdf", "b.tif", "c.dcm", "d.png", "e.jpg"]


def test_names_with_digits_or_letters_at_one_position_are_sorted(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "1.png", "10.png", "a1b.png", "²x.png")
    assert names(tmp_path, tmp_path) == ["1.png", "10.png", "a.png", "a1b.png", "²x.png"]


def ids(*paths: str) -> list[str]:
    return page_ids([PageRef(Path(path)) for path in paths])


def test_unique_stems_are_ids() -> None:
    assert ids("/s/1053.png", "/t/77.jpg") == ["1053", "77"]


def test_equal_stems_get_folder_prefixes() -> None:
    assert ids("/s/ward-a/1.png", "/s/2.png", "/s/ward-b/1.png") == ["ward-a-1", "2", "ward-b-1"]
    assert ids("/x/a/1.png", "/y/a/1.png") == ["x-a-1", "y-a-1"]
    assert ids("/a/1.png", "/1.png") == ["a-1", "1"]


def test_equal_stems_in_one_folder_get_suffixes() -> None:
    assert ids("/s/1.png", "/s/1.jpg") == ["1-png", "1-jpg"]


def test_pages_of_one_file_are_numbered() -> None:
    visit, scan = Path("/s/visit.pdf"), Path("/s/visit_p2.png")
    assert page_ids([PageRef(visit), PageRef(visit, 1)]) == ["visit", "visit_p2"]
    assert page_ids([PageRef(visit, 1), PageRef(scan)]) == ["visit_p2-pdf", "visit_p2-png"]


def test_ids_never_collide() -> None:
    got = ids("/s/a/1.png", "/s/b/1.png", "/s/a-1.png", "/s/a/1.jpg", "/t/b/1.png")
    assert len(set(got)) == 5
    assert got[2] == "a-1"


@pytest.mark.parametrize("name", ["x" * 300, "a\0b.png"])
def test_invalid_file_name_is_not_found(name: str) -> None:
    with pytest.raises(InputNotFound):
        pages_from_inputs([name])


def test_tiff_with_impossible_tag_count_is_one_failing_page(tmp_path: Path) -> None:
    path = tmp_path / "damaged.tif"
    path.write_bytes(struct.pack("<2sHHHQQ", b"II", 43, 8, 0, 16, 2**40) + bytes(64))
    assert pages_from_inputs([path]) == [PageRef(path)]
    with pytest.raises(UnreadableImage):
        rgb_from_page(PageRef(path))
