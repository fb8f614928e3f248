"""Invalid inputs: each fails alone, with a named error, without hanging and with bounded memory."""

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
from input_corpus import INVALID, NO_PERMISSION, NOT_AN_ECG, VALID, CorpusFile, make_corpus
from paper_page import digitized_page, signals
from PIL import Image
from sample_image import image_bytes, page

from ecgdigit_rt.decode.file_formats import rgb_from_file, rgb_from_page
from ecgdigit_rt.decode.page_list import page_ids, pages_from_inputs
from ecgdigit_rt.errors import EcgDigitError, UnreadableImage
from ecgdigit_rt.formats.metadata import escape_surrogates
from ecgdigit_rt.formats.page_folder import file_stem
from ecgdigit_rt.formats.registry import FORMATS, OutputDestination
from ecgdigit_rt.formats.submission_csv import read_submission
from ecgdigit_rt.results import PageRef, failed_from_error

SUPPORT = Path(__file__).parents[1] / "support"
MAX_REJECTED_MB = 60
"""Maximum memory growth for a rejected file. Measured are 20 MB, for libraries that are loaded."""

MAX_DECODED_MB = 150
"""Maximum memory growth for a valid page. Measured are 60 MB, for 7 megapixels or 16 bits."""

MAX_RUN_MB = 1500
"""Maximum memory of a whole run, including the networks."""

NOBODY = 65534


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_corpus(tmp_path_factory.mktemp("outside") / "corpus")


def is_rejected(file: CorpusFile) -> bool:
    """Return whether the file fails before it is decoded."""
    return file.error_id.startswith("E-INPUT")


def test_each_file_has_its_error_and_bounded_memory(corpus: Path) -> None:
    files = (*VALID, *INVALID)
    names = b"\0".join(os.fsencode(corpus / file.name) for file in files)
    probe = [sys.executable, "-W", "ignore", str(SUPPORT / "memory_probe.py")]
    done = subprocess.run(probe, input=names, capture_output=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    for file, line in zip(files, done.stdout.splitlines(), strict=True):
        found = json.loads(line)
        assert found["name"] == os.fsencode(file.name).hex()
        expected = (file.error_id if is_rejected(file) else "", file.pages)
        assert (found["error_id"], found["pages"]) == expected, file.name
        limit = MAX_REJECTED_MB if is_rejected(file) else MAX_DECODED_MB
        assert found["grown_mb"] < limit, (file.name, found)


class RunResult(NamedTuple):
    """Exit code, log output and peak memory of a run in its own process."""

    code: int
    log: str
    peak_mb: float


_MEASURED_RUN = """
import re, sys
from pathlib import Path
from ecgdigit_rt.cli.app import exit_code
code = exit_code(["run", *sys.argv[2:]])
Path(sys.argv[1]).write_text(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
sys.exit(code)
"""
"""Script that reports its peak memory, because the peak that the kernel reports includes the parent."""


def run(folder: Path, out: Path) -> RunResult:
    peak_file = out.with_suffix(".kb")
    command = [sys.executable, "-c", _MEASURED_RUN, str(peak_file), str(folder), "--out", str(out)]
    done = subprocess.run(command, capture_output=True, check=False, timeout=300, cwd=folder.parent)
    assert done.stdout == b""
    return RunResult(
        done.returncode, done.stderr.decode("utf-8", "strict"), int(peak_file.read_text()) / 1024
    )


@pytest.mark.slow
def test_run_over_the_whole_corpus(corpus: Path, tmp_path: Path) -> None:
    result = run(corpus, tmp_path / "corpus.csv")
    assert result.code == 2
    assert result.peak_mb < MAX_RUN_MB
    assert not set(result.log) & {"\x1b", "\x07", "\u202e", "\r"}
    results = json.loads((tmp_path / "corpus.report.json").read_text(encoding="utf-8"))["results"]
    ids: dict[str, list[str]] = {}
    for page_result in results:
        ids.setdefault(Path(page_result["path"]).name, []).append(page_result["error_id"])
    for file in (*VALID, *INVALID):
        error_ids = ids.pop(escape_surrogates(file.name))
        if file.error_id == NOT_AN_ECG:
            error_ids = [NOT_AN_ECG for error_id in error_ids if error_id[:-3] in NOT_AN_ECG.split()]
        assert error_ids == [file.error_id] * file.pages, file.name
    assert list(ids) == [NO_PERMISSION.name]

    valid = make_corpus(tmp_path / "corpus", VALID)
    assert run(valid, tmp_path / "valid.csv").code == 0
    assert (tmp_path / "corpus.csv").read_bytes() == (tmp_path / "valid.csv").read_bytes()
    assert len(read_submission(tmp_path / "valid.csv")) == len(VALID)


def test_listing_leaves_the_folder_unchanged(corpus: Path) -> None:
    before = sorted((path.name, path.lstat().st_mtime_ns) for path in corpus.iterdir())
    pages_from_inputs([corpus])
    assert sorted((path.name, path.lstat().st_mtime_ns) for path in corpus.iterdir()) == before


def test_folder_and_glob_list_the_same_pages_despite_loops(corpus: Path) -> None:
    pages = pages_from_inputs([corpus])
    assert len(pages) == sum(file.pages for file in (*VALID, *INVALID, NO_PERMISSION))
    assert pages_from_inputs([f"{corpus}/**"]) == pages
    assert set(pages_from_inputs([f"{corpus.parent}/**/b*.png"])) == {
        PageRef(corpus / name) for name in ("bomb.png", "blank-grid.png")
    }
    named = [corpus / file.name for file in (*VALID, *INVALID, NO_PERMISSION)]
    assert set(pages_from_inputs(named)) == set(pages)


def test_pipe_does_not_block(tmp_path: Path) -> None:
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
def as_unprivileged_user() -> Iterator[None]:
    """Run the block as another user, because root can read every file."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def test_missing_permissions_raise(tmp_path: Path) -> None:
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    NO_PERMISSION.write(tmp_path / "closed.png")
    (tmp_path / "ward").mkdir()
    (tmp_path / "ward" / "a.png").write_bytes(bombs.png(300, 300, 300))
    (tmp_path / "ward").chmod(0)
    with as_unprivileged_user():
        pages = pages_from_inputs([tmp_path])
        assert [page.path.name for page in pages] == ["closed.png", "ward"]
        for page in pages:
            with pytest.raises(UnreadableImage, match="Permission denied"):
                rgb_from_page(page)
    (tmp_path / "ward").chmod(0o755)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "PDF", "GIF", "WEBP", "BMP"])
def test_file_truncated_after_listing_raises(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "page"
    data = image_bytes(Image.fromarray(page()), kind)
    path.write_bytes(data)
    listed = pages_from_inputs([path])
    for share in (0.6, 0.01, 0):
        path.write_bytes(data[: int(share * len(data))])
        with pytest.raises(UnreadableImage):
            rgb_from_page(listed[0])
    path.unlink()
    with pytest.raises(EcgDigitError, match="Input not found"):
        rgb_from_page(listed[0])


@pytest.mark.parametrize("form", FORMATS)
def test_unusual_names_in_every_output_format(tmp_path: Path, form: str) -> None:
    refs = [PageRef(Path("scans", file.name)) for file in VALID]
    out = tmp_path / "out"
    with FORMATS[form].open_writer(OutputDestination(out)) as writer:
        for name, ref in zip(page_ids(refs), refs, strict=True):
            writer.write(name, digitized_page(ref, signals(0)))
            writer.write(f"{name}-bad", failed_from_error(ref, UnreadableImage(ref.path, "truncated")))
    if FORMATS[form].is_folder:
        stems = {path.name.split(".")[0] for path in out.iterdir()}
        assert len(stems) == len(VALID)
        assert all(path.name.isprintable() for path in out.iterdir())
    elif form == "submission":
        assert set(read_submission(out)) == {escape_surrogates(ref.id) for ref in refs}
    elif form == "json":
        lines = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
        assert [line["source"] for line in lines[::2]] == [escape_surrogates(str(ref.path)) for ref in refs]
        assert all(
            escape_surrogates(str(ref.path)) in line["message"]
            for ref, line in zip(refs, lines[1::2], strict=True)
        )
    else:
        from pyarrow import parquet

        table = parquet.read_table(out)
        assert set(table["page_id"].to_pylist()) >= {escape_surrogates(ref.id) for ref in refs}


def test_names_that_look_alike_give_distinct_files() -> None:
    stems = [file_stem(Path(file.name).stem) for file in VALID]
    assert len({unicodedata.normalize("NFC", stem) for stem in stems}) == len(stems)
