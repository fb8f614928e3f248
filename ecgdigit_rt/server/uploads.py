"""Uploads: read the file from a request into memory and decode it to an image."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath

import numpy as np
from numpy.typing import NDArray
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from ecgdigit_rt.decode import pdf
from ecgdigit_rt.decode.file_formats import FileFormat, format_from_file
from ecgdigit_rt.decode.limits import MAX_PIXELS, check_count
from ecgdigit_rt.drawing import Drawing
from ecgdigit_rt.errors import (
    EcgDigitError,
    FormMalformed,
    UnreadableImage,
    UnsupportedType,
    UploadTooLarge,
)
from ecgdigit_rt.server.memfd import memory_file
from ecgdigit_rt.words import Word

FILE_FIELD = "file"
"""Name of the form field that contains the file."""

_MAX_FORM_OVERHEAD_BYTES = 65_536
"""Maximum bytes of a form without its file: boundaries, headers and names. Hand-picked, not tuned."""

_MAX_NAME_LENGTH = 200
"""Maximum number of characters of a file name. The rest is cut off. Hand-picked, not tuned. A non-ASCII name
of this length may exceed the 255 bytes that file systems allow. Therefore `file_stem` limits the names of
written files in bytes."""


@dataclass(frozen=True, slots=True)
class Upload:
    """Uploaded file. `name` is the file name from the client, without folders and of limited length."""

    name: str
    data: bytes = field(repr=False)


async def upload_from_request(request: Request, max_bytes: int) -> Upload:
    """Read the file of a form request into memory.

    Raises UploadTooLarge, FormMalformed, or ClientDisconnect if the client disconnects before the end of the
    form.
    """
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise FormMalformed("the body is not multipart/form-data")
    length = request.headers.get("content-length", "0")
    if length.isdecimal() and int(length) > max_bytes + _MAX_FORM_OVERHEAD_BYTES:
        raise UploadTooLarge(max_bytes)

    async def limited_stream() -> AsyncGenerator[bytes, None]:
        size = 0
        async for chunk in request.stream():
            size += len(chunk)
            if size > max_bytes + _MAX_FORM_OVERHEAD_BYTES:
                raise UploadTooLarge(max_bytes)
            yield chunk

    parser = MultiPartParser(request.headers, limited_stream(), max_files=1, max_fields=0)
    # The parser would write a file above this size to a disk.
    parser.spool_max_size = max_bytes + 2 * _MAX_FORM_OVERHEAD_BYTES
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise FormMalformed(f"the form cannot be parsed: {error.message}") from error
    except (AssertionError, KeyError, UnicodeDecodeError) as error:
        raise FormMalformed("the form cannot be parsed") from error
    file = form.get(FILE_FIELD)
    if not isinstance(file, UploadFile):
        raise FormMalformed(f"the form has no file in the field {FILE_FIELD!r}")
    data = await file.read()
    await form.close()
    if len(data) > max_bytes:
        raise UploadTooLarge(max_bytes)
    return Upload(_base_name(file.filename or ""), data)


def image_from_upload(upload: Upload, page: int) -> tuple[NDArray[np.uint8], int]:
    """Return a page as (height, width, 3) uint8 RGB, and the number of pages in the file.

    `page` counts from 1. Raises UnsupportedType if the file type is not supported, UnreadableImage if the
    file is empty, and what the decoders raise. Messages contain the name of the upload instead of a temporary
    path.
    """
    with memory_file(upload.data) as path, _upload_name_in_errors(path, upload.name):
        file_format = _file_format(path, upload.data)
        if file_format is pdf:  # PDFium needs the path of a regular file, or the bytes
            count = pdf.page_count_from_pdf(path, upload.data)
            check_count(path, count)
            return pdf.rgb_from_pdf(path, upload.data, page - 1, MAX_PIXELS), count
        count = file_format.page_count(path)
        check_count(path, count)
        return file_format.rgb(path, page - 1, MAX_PIXELS), count


def words_from_upload(upload: Upload, page: int) -> tuple[Word, ...]:
    """Return the words that the file contains for a page: those of a PDF, or none.

    `page` counts from 1. Boxes are in pixels of the image that `image_from_upload` returns. Raises the same
    errors.
    """
    with memory_file(upload.data) as path, _upload_name_in_errors(path, upload.name):
        file_format = _file_format(path, upload.data)
        if file_format is pdf:
            return pdf.words_from_pdf(path, upload.data, page - 1, MAX_PIXELS)
        return file_format.words(path, page - 1, MAX_PIXELS)


def drawing_from_upload(upload: Upload, page: int) -> Drawing | None:
    """Return the line drawing that the file contains for a page: that of a vector PDF, or None.

    `page` counts from 1. Lines are in pixels of the image that `image_from_upload` returns. Raises the same
    errors.
    """
    with memory_file(upload.data) as path, _upload_name_in_errors(path, upload.name):
        file_format = _file_format(path, upload.data)
        if file_format is pdf:
            return pdf.drawing_from_pdf(path, upload.data, page - 1, MAX_PIXELS)
        return file_format.drawing(path, page - 1, MAX_PIXELS)


def _file_format(path: Path, data: bytes) -> FileFormat:
    """Return the format of the file. Raises UnsupportedType, or UnreadableImage if the file is empty."""
    try:
        return format_from_file(path)
    except UnreadableImage as error:
        if not data:
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


def _base_name(name: str) -> str:
    """Remove folders and NUL characters from the file name of an upload, and limit its length.

    POSIX and Windows separators are recognized. A name that is empty or contains only dots and spaces is
    replaced with `page`.
    """
    base = PureWindowsPath(PurePosixPath(name.replace("\0", "")).name).name
    return base[:_MAX_NAME_LENGTH] if base.strip(". ") else "page"
