"""Decoding of an uploaded file, in a process of its own: pixels, words and line drawing of one page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.decode import pdf
from ecgdigit_rt.decode.file_formats import FileFormat, format_from_file
from ecgdigit_rt.decode.limits import MAX_PIXELS, check_count, decode_bytes
from ecgdigit_rt.decode.memory_limit import limited_memory
from ecgdigit_rt.drawing import Drawing
from ecgdigit_rt.errors import EcgDigitError, UnreadableImage, UnsupportedType
from ecgdigit_rt.words import Word


@dataclass(frozen=True, slots=True)
class DecodeRequest:
    """Page to decode.

    `path` is a file with the upload, and `name` the file name from the client. `page` counts from 1. The
    line drawing is read if `reads_drawing` is set. The pixels are decoded if `needs_image` is set, or if the
    page has no line drawing. They are written to the file `pixels`.
    """

    path: Path
    name: str
    page: int
    reads_drawing: bool
    needs_image: bool
    pixels: Path


@dataclass(frozen=True, slots=True, eq=False)
class DecodedUpload:
    """Decoded page, without its pixels.

    `page_count` is the number of pages in the file. `size_px` are the width and the height of the decoded
    pixels, (0, 0) if they were not decoded. `words` and `drawing` are in these pixels. `drawing` is None if
    the page has hardly any lines.
    """

    page_count: int
    size_px: tuple[int, int]
    words: tuple[Word, ...] = field(repr=False)
    drawing: Drawing | None = field(repr=False)


def decode_upload(request: DecodeRequest) -> DecodedUpload:
    """Decode a page, with limited memory.

    Raises UnsupportedType if the file type is not supported, UnreadableImage if the file is empty,
    MemoryError, and what the decoders raise. Messages contain the name of the upload instead of its path.
    """
    with _upload_name_in_errors(request.path, request.name), limited_memory(decode_bytes(MAX_PIXELS)):
        file = _UploadedFile(request.path)
        count = file.page_count()
        check_count(request.path, count)
        index = request.page - 1
        drawing = file.drawing(index) if request.reads_drawing else None
        size = 0, 0
        if request.needs_image or drawing is None:
            image = file.rgb(index)
            image.tofile(request.pixels)
            size = image.shape[1], image.shape[0]
        return DecodedUpload(count, size, file.words(index), drawing)


class _UploadedFile:
    """Uploaded file. PDFium needs the path of a regular file, or the bytes, so it gets the bytes."""

    def __init__(self, path: Path) -> None:
        self._path, self._format = path, _file_format(path)
        self._data = path.read_bytes() if self._format is pdf else b""

    def page_count(self) -> int:
        if self._format is pdf:
            return pdf.page_count_from_pdf(self._path, self._data)
        return self._format.page_count(self._path)

    def rgb(self, page: int) -> NDArray[np.uint8]:
        if self._format is pdf:
            return pdf.rgb_from_pdf(self._path, self._data, page, MAX_PIXELS)
        return self._format.rgb(self._path, page, MAX_PIXELS)

    def words(self, page: int) -> tuple[Word, ...]:
        if self._format is pdf:
            return pdf.words_from_pdf(self._path, self._data, page, MAX_PIXELS)
        return self._format.words(self._path, page, MAX_PIXELS)

    def drawing(self, page: int) -> Drawing | None:
        if self._format is pdf:
            return pdf.drawing_from_pdf(self._path, self._data, page, MAX_PIXELS)
        return self._format.drawing(self._path, page, MAX_PIXELS)


def _file_format(path: Path) -> FileFormat:
    """Return the format of the file. Raises UnsupportedType, or UnreadableImage if the file is empty."""
    try:
        return format_from_file(path)
    except UnreadableImage as error:
        if not path.stat().st_size:
            raise
        hint = "Send a PNG, JPEG, TIFF, BMP, WebP, GIF, AVIF, HEIC, PDF or DICOM file."
        raise UnsupportedType(path, "not a file of a supported type", hint) from error


@contextmanager
def _upload_name_in_errors(path: Path, name: str) -> Iterator[None]:
    """Replace the temporary path in error messages with the name of the upload."""
    try:
        yield
    except EcgDigitError as error:
        error.message = error.message.replace(str(path), name)
        error.args = (error.message,)
        raise
