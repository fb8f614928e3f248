"""What must hold for any bytes: a named error or a sound value, and nothing else."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from ecgdigit_rt.decode import dicom, heic, pdf, plain_image, tiff
from ecgdigit_rt.decode.decode_page import rgb_from_page
from ecgdigit_rt.decode.format import HEAD_BYTES, FileFormat
from ecgdigit_rt.decode.formats import page_count
from ecgdigit_rt.errors import EcgDigitError
from ecgdigit_rt.formats.submission_csv import read_submission
from ecgdigit_rt.formats.test_csv import MAX_RATE_HZ, MAX_ROWS, read_test_csv
from ecgdigit_rt.results import LEADS, PageRef

MAX_PIXELS = 2_000_000
_MOST_PAGES = 3  # of a file that says it has many: they are alike

_FOLDER = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))


def decoded(kind: FileFormat, data: bytes) -> None:
    """The pages of a file with these bytes. What has become another kind of file has a target of its own."""
    if not kind.matches(data[:HEAD_BYTES]):
        return
    path = _FOLDER / "page"
    path.write_bytes(data)
    try:
        count = page_count(path)
    except EcgDigitError:
        count = 1
    for number in range(min(count, _MOST_PAGES)):
        try:
            pixels = rgb_from_page(PageRef(path, number), MAX_PIXELS)
        except EcgDigitError:
            continue
        assert pixels.dtype == np.uint8
        assert pixels.ndim == 3
        assert pixels.shape[2] == 3
        assert pixels.flags.c_contiguous
        assert pixels.size <= 3 * MAX_PIXELS


def questions(data: bytes) -> None:
    path = _FOLDER / "test.csv"
    path.write_bytes(data)
    try:
        found = read_test_csv(path)
    except EcgDigitError:
        return
    assert found
    for image, asked in found.items():
        assert image
        assert asked
        assert len({one.lead for one in asked}) == len(asked)
        for one in asked:
            assert one.lead in LEADS
            assert 0 < one.rate_hz <= MAX_RATE_HZ
            assert 0 < one.rows <= MAX_ROWS


def submitted(data: bytes) -> None:
    path = _FOLDER / "submission.csv"
    path.write_bytes(data)
    try:
        found = read_submission(path)
    except EcgDigitError:
        return
    assert all(mv.dtype == np.float64 and mv.size for leads in found.values() for mv in leads.values())


_OTHERS: dict[str, Callable[[bytes], None]] = {"test-csv": questions, "submission": submitted}
_KINDS: dict[str, FileFormat] = {"tiff": tiff, "heic": heic, "dicom": dicom, "pdf": pdf}


def target(name: str) -> Callable[[bytes], None]:
    """By a seed's name."""
    return _OTHERS.get(name) or partial(decoded, _KINDS.get(name, plain_image))
