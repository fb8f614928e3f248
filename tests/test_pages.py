"""Inputs become pages: each once, in an order a person expects, with ids that never collide."""

from __future__ import annotations

from pathlib import Path

import pytest

from ecgdigit_rt.errors import InputNotFound, NoPagesFound
from ecgdigit_rt.inputs.pages import page_ids, pages_from_inputs
from ecgdigit_rt.record import PageRef


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def names(root: Path, *inputs: str | Path) -> list[str]:
    return [page.path.relative_to(root).as_posix() for page in pages_from_inputs(inputs)]


def test_a_folder_is_searched_below_in_natural_order(tmp_path: Path) -> None:
    touch(tmp_path, "p10.png", "p2.JPG", "b/x1.tiff", "b/x.webp", "notes.txt", "t.csv", ".h/a.png")
    touch(tmp_path, "._p1.png")
    assert names(tmp_path, tmp_path) == ["b/x.webp", "b/x1.tiff", "p2.JPG", "p10.png"]


def test_inputs_keep_their_order_and_repeat_nothing(tmp_path: Path) -> None:
    touch(tmp_path, "z.png", "a.png", "sub/m.png")
    given = [tmp_path / "z.png", tmp_path, tmp_path / "sub" / ".." / "a.png"]
    assert names(tmp_path, *given) == ["z.png", "a.png", "sub/m.png"]


def test_globs(tmp_path: Path) -> None:
    touch(tmp_path, "p10.png", "p2.png", "q.png", "p3.txt", "deep/er/p1.png", "pfolder/in.jpg")
    assert names(tmp_path, f"{tmp_path}/p*") == ["p2.png", "p10.png", "pfolder/in.jpg"]
    assert names(tmp_path, f"{tmp_path}/**/p1.png") == ["deep/er/p1.png"]


def test_a_named_file_is_taken_whatever_its_type(tmp_path: Path) -> None:
    touch(tmp_path, "scan.pdf", "[odd] name.png")
    assert names(tmp_path, tmp_path / "scan.pdf") == ["scan.pdf"]
    assert names(tmp_path, tmp_path / "[odd] name.png") == ["[odd] name.png"]


def test_nothing_found_is_an_error(tmp_path: Path) -> None:
    touch(tmp_path, "notes.txt")
    with pytest.raises(NoPagesFound, match="no page images"):
        pages_from_inputs([tmp_path])
    with pytest.raises(InputNotFound, match="absent"):
        pages_from_inputs([tmp_path / "absent"])
    with pytest.raises(InputNotFound, match=r"\*\.png"):
        pages_from_inputs([f"{tmp_path}/*.png"])


def test_names_with_digits_and_letters_in_one_place_sort(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "1.png", "10.png", "a1b.png", "²x.png")
    assert names(tmp_path, tmp_path) == ["1.png", "10.png", "a.png", "a1b.png", "²x.png"]


def ids(*paths: str) -> list[str]:
    return page_ids([PageRef(Path(path)) for path in paths])


def test_ids_are_stems_where_they_differ() -> None:
    assert ids("/s/1053.png", "/t/77.jpg") == ["1053", "77"]


def test_equal_stems_are_told_apart_by_folders() -> None:
    assert ids("/s/ward-a/1.png", "/s/2.png", "/s/ward-b/1.png") == ["ward-a-1", "2", "ward-b-1"]
    assert ids("/x/a/1.png", "/y/a/1.png") == ["x-a-1", "y-a-1"]
    assert ids("/a/1.png", "/1.png") == ["a-1", "1"]


def test_equal_stems_in_one_folder_are_told_apart_by_suffix() -> None:
    assert ids("/s/1.png", "/s/1.jpg") == ["1-png", "1-jpg"]


def test_ids_never_collide() -> None:
    got = ids("/s/a/1.png", "/s/b/1.png", "/s/a-1.png", "/s/a/1.jpg", "/t/b/1.png")
    assert len(set(got)) == 5
    assert got[2] == "a-1"
