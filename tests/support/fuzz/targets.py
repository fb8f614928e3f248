"""Fuzz targets, which check that a reader of any bytes raises a named error or returns a valid value."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from ecgdigit_rt.decode import dicom, heic, opencv_image, pdf, tiff
from ecgdigit_rt.decode.file_formats import (
    HEAD_BYTES,
    FileFormat,
    drawing_from_page,
    page_count,
    rgb_from_page,
    words_from_page,
)
from ecgdigit_rt.drawing import Drawing, DrawingNotUnderstood, Pen, Stroke
from ecgdigit_rt.errors import EcgDigitError
from ecgdigit_rt.formats.submission_csv import read_submission
from ecgdigit_rt.formats.test_csv import MAX_RATE_HZ, MAX_ROWS, read_test_csv
from ecgdigit_rt.results import ALL_LEADS, LEADS, PageRef
from ecgdigit_rt.text.facts import facts_from_words
from ecgdigit_rt.vector.pipeline import VectorPipeline
from ecgdigit_rt.words import Word

MAX_PIXELS = 2_000_000
_PX_PER_MM = 300 / 25.4
_MAX_PAGES = 3  # maximum number of pages decoded, because a file may declare many equal pages

_FOLDER = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))


def check_decoding(file_format: FileFormat, data: bytes) -> None:
    """Decode pixels and words of a file with these bytes, unless the bytes are of another format."""
    if not file_format.matches(data[:HEAD_BYTES]):
        return
    path = _FOLDER / "page"
    path.write_bytes(data)
    try:
        count = page_count(path)
    except EcgDigitError:
        count = 1
    for number in range(min(count, _MAX_PAGES)):
        try:
            pixels = rgb_from_page(PageRef(path, number), MAX_PIXELS)
            words = words_from_page(PageRef(path, number), MAX_PIXELS)
            drawing = drawing_from_page(PageRef(path, number), MAX_PIXELS)
        except EcgDigitError:
            continue
        assert pixels.dtype == np.uint8
        assert pixels.ndim == 3
        assert pixels.shape[2] == 3
        assert pixels.flags.c_contiguous
        assert pixels.size <= 3 * MAX_PIXELS
        height, width, _ = pixels.shape
        for left, top, right, bottom in (word.box_px for word in words):
            assert 0 <= left < right <= width
            assert 0 <= top < bottom <= height
        facts_from_words(words)
        if drawing is not None:
            _read_drawing(drawing, words)


def check_drawing(data: bytes) -> None:
    """Read the bytes as a drawing: coordinates in millimetres, and NaN between strokes and before names."""
    count = len(data) // 2 * 2
    values = np.frombuffer(data[:count], "<f2").astype(np.float64)
    points = np.resize(values, (values.size // 2, 2))
    breaks = np.flatnonzero(~np.isfinite(points).all(1))
    strokes, words = [], []
    for number, part in enumerate(np.split(points, breaks)):
        line = part[np.isfinite(part).all(1)] * _PX_PER_MM
        if len(line) > 1:
            strokes.append(Stroke(line, Pen((0, 0, number % 2 * 255), 1.0, is_fill=number % 7 == 6)))
        elif len(line) == 1:
            x, y = np.clip(line[0], 0, 3000).tolist()
            words.append(Word(ALL_LEADS[number % len(ALL_LEADS)], (x, y, x + 30, y + 30)))
    if strokes:
        _read_drawing(Drawing(tuple(strokes), (3508, 2480), (_PX_PER_MM, _PX_PER_MM)), words)


def _read_drawing(drawing: Drawing, words: Sequence[Word]) -> None:
    """Digitize a drawing, and check that the signals of an accepted one are finite."""
    try:
        page = VectorPipeline().read(drawing, words, PageRef(Path("page.pdf")))
    except DrawingNotUnderstood:
        return
    for lead in page.leads.values():
        assert np.isfinite(lead.mv).all()
        assert lead.mv.shape == lead.curve_px.shape[:1]


def check_test_csv(data: bytes) -> None:
    """Read the bytes as test.csv."""
    path = _FOLDER / "test.csv"
    path.write_bytes(data)
    try:
        tables = read_test_csv(path)
    except EcgDigitError:
        return
    assert tables
    for image, requests in tables.items():
        assert image
        assert requests
        assert len({request.lead for request in requests}) == len(requests)
        for request in requests:
            assert request.lead in LEADS
            assert 0 < request.rate_hz <= MAX_RATE_HZ
            assert 0 < request.rows <= MAX_ROWS


def check_submission(data: bytes) -> None:
    """Read the bytes as submission.csv."""
    path = _FOLDER / "submission.csv"
    path.write_bytes(data)
    try:
        tables = read_submission(path)
    except EcgDigitError:
        return
    assert all(mv.dtype == np.float64 and mv.size for leads in tables.values() for mv in leads.values())


_TABLES: dict[str, Callable[[bytes], None]] = {
    "test-csv": check_test_csv,
    "submission": check_submission,
    "drawing": check_drawing,
}
_FORMATS: dict[str, FileFormat] = {"tiff": tiff, "heic": heic, "dicom": dicom, "pdf": pdf}


def target(name: str) -> Callable[[bytes], None]:
    """Return the target for a key of SEEDS."""
    return _TABLES.get(name) or partial(check_decoding, _FORMATS.get(name, opencv_image))
