"""Uploads: from a request's body to bytes in memory, and from these to an image."""

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
from ecgdigit_rt.errors import (
    EcgDigitError,
    FormMalformed,
    UnreadableImage,
    UnsupportedType,
    UploadTooLarge,
)
from ecgdigit_rt.server.memfd import memory_file

FIELD = "file"

_MAX_FORM_BYTES = 65_536
"""Maximum size of a form apart from its file: boundaries, headers, names. Chosen, not tuned."""

_MAX_NAME_LENGTH = 200
"""Characters of a file name that are used. Chosen below the usual limit of file systems (255 bytes)."""


@dataclass(frozen=True, slots=True)
class Upload:
    """Uploaded file. `name` is the client's file name without folders."""

    name: str
    data: bytes = field(repr=False)


async def upload_from_request(request: Request, max_bytes: int) -> Upload:
    """Read the file of a request's form into memory. Raises UploadTooLarge and FormMalformed."""
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise FormMalformed("the body is not multipart/form-data")
    length = request.headers.get("content-length", "0")
    if length.isdecimal() and int(length) > max_bytes + _MAX_FORM_BYTES:
        raise UploadTooLarge(max_bytes)

    async def limited_stream() -> AsyncGenerator[bytes, None]:
        size = 0
        async for chunk in request.stream():
            size += len(chunk)
            if size > max_bytes + _MAX_FORM_BYTES:
                raise UploadTooLarge(max_bytes)
            yield chunk

    parser = MultiPartParser(request.headers, limited_stream(), max_files=1, max_fields=0)
    parser.spool_max_size = max_bytes + 2 * _MAX_FORM_BYTES  # larger files would be written to a disk
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise FormMalformed(f"the form cannot be parsed: {error.message}") from error
    except (AssertionError, KeyError, UnicodeDecodeError) as error:
        raise FormMalformed("the form cannot be parsed") from error
    file = form.get(FIELD)
    if not isinstance(file, UploadFile):
        raise FormMalformed(f"the form has no file in its field {FIELD!r}")
    data = await file.read()
    await form.close()
    if len(data) > max_bytes:
        raise UploadTooLarge(max_bytes)
    return Upload(_base_name(file.filename or ""), data)


def image_from_upload(upload: Upload, page: int) -> tuple[NDArray[np.uint8], int]:
    """Return one page, counted from 1, as (height, width, 3) uint8 RGB, and the number of pages in the file.

    Raises UnsupportedType if the file is not an image, otherwise what the decoders raise. Errors name the
    upload.
    """
    with memory_file(upload.data) as path, _errors_name_upload(path, upload.name):
        file_format = _file_format(path)
        if file_format is pdf:  # PDFium needs the path of a regular file, or the bytes
            count = pdf.page_count_from_pdf(path, upload.data)
            check_count(path, count)
            return pdf.rgb_from_pdf(path, upload.data, page - 1, MAX_PIXELS), count
        count = file_format.page_count(path)
        check_count(path, count)
        return file_format.rgb(path, page - 1, MAX_PIXELS), count


def _file_format(path: Path) -> FileFormat:
    try:
        return format_from_file(path)
    except UnreadableImage as error:
        hint = "Send PNG, JPEG, TIFF, BMP, WebP, GIF, AVIF, HEIC, PDF or DICOM."
        raise UnsupportedType(path, f"not a supported file type ({error.reason})", hint) from error


@contextmanager
def _errors_name_upload(path: Path, name: str) -> Iterator[None]:
    """Replace the temporary path in error messages by the name of the upload."""
    try:
        yield
    except EcgDigitError as error:
        error.message = error.message.replace(str(path), name)
        error.args = (error.message,)
        raise


def _base_name(name: str) -> str:
    """Return a client's file name without its folders, with POSIX or Windows separators."""
    base = PureWindowsPath(PurePosixPath(name.replace("\0", "")).name).name
    return base[:_MAX_NAME_LENGTH] if base.strip(". ") else "page"
