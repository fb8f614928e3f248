"""Whatever lies among the pages costs itself alone: it is named, it does not hang, its memory is bounded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import bombs
import pytest
from paper_page import digitized, signals
from PIL import Image
from sample_picture import data_of, page
from zoo import BAD, CLOSED, GOOD, NO_ECG, Animal, make_zoo

from ecgdigit_rt.decode.decode_page import rgb_from_file, rgb_from_page
from ecgdigit_rt.decode.page_list import page_ids, pages_from_inputs
from ecgdigit_rt.errors import EcgDigitError, UnreadableImage
from ecgdigit_rt.formats.file_names import file_stem
from ecgdigit_rt.formats.metadata import printable
from ecgdigit_rt.formats.registry import FORMATS
from ecgdigit_rt.formats.submission_csv import read_submission
from ecgdigit_rt.formats.writer import OutputDestination
from ecgdigit_rt.results import PageRef, failed_from_error

HERE = Path(__file__).parent
MOST_REFUSED_MB = 60
"""What a file that is refused may take; 20 MB are measured, for libraries that are loaded with it."""
MOST_READ_MB = 150
"""What a good page of the zoo may take; 60 MB are measured, of 7 megapixels or of 16 bits."""
MOST_RUN_MB = 1500
"""A run's whole process, networks and all."""
NOBODY = 65534


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_zoo(tmp_path_factory.mktemp("outside") / "zoo")


def is_refused(animal: Animal) -> bool:
    """Before it is a picture."""
    return animal.error_id.startswith("E-INPUT")


def test_each_is_named_in_bounded_memory(zoo: Path) -> None:
    animals = (*GOOD, *BAD)
    names = b"\0".join(os.fsencode(zoo / animal.name) for animal in animals)
    scales = [sys.executable, "-W", "ignore", str(HERE / "weighed.py")]
    done = subprocess.run(scales, input=names, capture_output=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    for animal, line in zip(animals, done.stdout.splitlines(), strict=True):
        found = json.loads(line)
        assert found["name"] == os.fsencode(animal.name).hex()
        expected = (animal.error_id if is_refused(animal) else "", animal.pages)
        assert (found["error_id"], found["pages"]) == expected, animal.name
        most = MOST_REFUSED_MB if is_refused(animal) else MOST_READ_MB
        assert found["grown_mb"] < most, (animal.name, found)


class Ran(NamedTuple):
    """A run in a process of its own: its exit code, what it said, and the most memory it held."""

    code: int
    said: str
    peak_mb: float


_WEIGHED_RUN = """
import re, sys
from pathlib import Path
from ecgdigit_rt.cli.app import exit_code
code = exit_code(["run", *sys.argv[2:]])
Path(sys.argv[1]).write_text(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
sys.exit(code)
"""
"""The process tells its memory itself: what the kernel tells of a child begins with its parent's."""


def run(folder: Path, out: Path) -> Ran:
    weight = out.with_suffix(".kb")
    command = [sys.executable, "-c", _WEIGHED_RUN, str(weight), str(folder), "--out", str(out)]
    done = subprocess.run(command, capture_output=True, check=False, timeout=300, cwd=folder.parent)
    assert done.stdout == b""
    return Ran(done.returncode, done.stderr.decode("utf-8", "strict"), int(weight.read_text()) / 1024)


@pytest.mark.slow
def test_the_whole_zoo_in_one_run(zoo: Path, tmp_path: Path) -> None:
    whole = run(zoo, tmp_path / "zoo.csv")
    assert whole.code == 2
    assert whole.peak_mb < MOST_RUN_MB
    assert not set(whole.said) & {"\x1b", "\x07", "\u202e", "\r"}
    results = json.loads((tmp_path / "zoo.report.json").read_text(encoding="utf-8"))["results"]
    ids: dict[str, list[str]] = {}
    for result in results:
        ids.setdefault(Path(result["path"]).name, []).append(result["error_id"])
    for animal in (*GOOD, *BAD):
        told = ids.pop(printable(animal.name))
        if animal.error_id == NO_ECG:
            told = [NO_ECG for error_id in told if error_id[:-3] in NO_ECG.split()]
        assert told == [animal.error_id] * animal.pages, animal.name
    assert list(ids) == [CLOSED.name]

    alone = make_zoo(tmp_path / "zoo", GOOD)
    assert run(alone, tmp_path / "alone.csv").code == 0
    assert (tmp_path / "zoo.csv").read_bytes() == (tmp_path / "alone.csv").read_bytes()
    assert len(read_submission(tmp_path / "alone.csv")) == len(GOOD)


def test_a_folder_is_left_as_it_was(zoo: Path) -> None:
    before = sorted((path.name, path.lstat().st_mtime_ns) for path in zoo.iterdir())
    pages_from_inputs([zoo])
    assert sorted((path.name, path.lstat().st_mtime_ns) for path in zoo.iterdir()) == before


def test_a_folder_and_its_glob_list_the_same_and_follow_no_loop(zoo: Path) -> None:
    pages = pages_from_inputs([zoo])
    assert len(pages) == sum(animal.pages for animal in (*GOOD, *BAD, CLOSED))
    assert pages_from_inputs([f"{zoo}/**"]) == pages
    assert set(pages_from_inputs([f"{zoo.parent}/**/b*.png"])) == {
        PageRef(zoo / name) for name in ("bomb.png", "blank-grid.png")
    }
    named = [zoo / animal.name for animal in (*GOOD, *BAD, CLOSED)]
    assert set(pages_from_inputs(named)) == set(pages)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "page.png")
    found: list[BaseException] = []

    def read() -> None:
        try:
            rgb_from_file(tmp_path / "page.png")
        except EcgDigitError as error:
            found.append(error)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    reader.join(20)
    assert [error.id for error in found if isinstance(error, EcgDigitError)] == ["E-INPUT-04"]


@contextmanager
def as_nobody() -> Iterator[None]:
    """Root reads whatever it likes."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def test_what_the_permissions_close_is_named(tmp_path: Path) -> None:
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    CLOSED.make(tmp_path / "closed.png")
    (tmp_path / "ward").mkdir()
    (tmp_path / "ward" / "a.png").write_bytes(bombs.png(300, 300, 300))
    (tmp_path / "ward").chmod(0)
    with as_nobody():
        pages = pages_from_inputs([tmp_path])
        assert [page.path.name for page in pages] == ["closed.png", "ward"]
        for page in pages:
            with pytest.raises(UnreadableImage, match="Permission denied"):
                rgb_from_page(page)
    (tmp_path / "ward").chmod(0o755)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "PDF", "GIF", "WEBP", "BMP"])
def test_a_file_that_shrinks_meanwhile(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "page"
    whole = data_of(Image.fromarray(page()), kind)
    path.write_bytes(whole)
    listed = pages_from_inputs([path])
    for share in (0.6, 0.01, 0):
        path.write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(UnreadableImage):
            rgb_from_page(listed[0])
    path.unlink()
    with pytest.raises(EcgDigitError, match="no such file"):
        rgb_from_page(listed[0])


@pytest.mark.parametrize("form", FORMATS)
def test_odd_names_survive_every_output(tmp_path: Path, form: str) -> None:
    refs = [PageRef(Path("scans", animal.name)) for animal in GOOD]
    out = tmp_path / "out"
    with FORMATS[form].opener(OutputDestination(out)) as writer:
        for name, ref in zip(page_ids(refs), refs, strict=True):
            writer.write(name, digitized(ref, signals(0)))
            writer.write(f"{name}-bad", failed_from_error(ref, UnreadableImage(ref.path, "cut short")))
    if FORMATS[form].is_folder:
        stems = {path.name.split(".")[0] for path in out.iterdir()}
        assert len(stems) == len(GOOD)
        assert all(path.name.isprintable() for path in out.iterdir())
    elif form == "submission":
        assert set(read_submission(out)) == {printable(ref.id) for ref in refs}
    elif form == "json":
        lines = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
        assert [line["source"] for line in lines[::2]] == [printable(str(ref.path)) for ref in refs]
        assert all(
            printable(str(ref.path)) in line["message"] for ref, line in zip(refs, lines[1::2], strict=True)
        )
    else:
        from pyarrow import parquet

        table = parquet.read_table(out)
        assert set(table["page_id"].to_pylist()) >= {printable(ref.id) for ref in refs}


def test_names_that_look_alike_are_files_of_their_own() -> None:
    stems = [file_stem(Path(animal.name).stem) for animal in GOOD]
    assert len({unicodedata.normalize("NFC", stem) for stem in stems}) == len(stems)
