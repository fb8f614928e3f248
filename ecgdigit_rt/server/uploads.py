"""A request's body becomes an upload in memory, and an upload a picture."""

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
from ecgdigit_rt.decode.format import FileFormat
from ecgdigit_rt.decode.formats import format_from_file
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
_FORM_BYTES = 65_536
"""What a form may add to its file: boundaries, headers, names."""


@dataclass(frozen=True, slots=True)
class Upload:
    """name: the file's own, without folders, as the client gave it."""

    name: str
    data: bytes = field(repr=False)


async def upload_from_request(request: Request, most_bytes: int) -> Upload:
    """The file in a request's form, read into memory. Raises UploadTooLarge and FormMalformed."""
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise FormMalformed("the body is no multipart/form-data")
    length = request.headers.get("content-length", "0")
    if length.isdecimal() and int(length) > most_bytes + _FORM_BYTES:
        raise UploadTooLarge(most_bytes)

    async def counted() -> AsyncGenerator[bytes, None]:
        size = 0
        async for chunk in request.stream():
            size += len(chunk)
            if size > most_bytes + _FORM_BYTES:
                raise UploadTooLarge(most_bytes)
            yield chunk

    parser = MultiPartParser(request.headers, counted(), max_files=1, max_fields=0)
    parser.spool_max_size = most_bytes + 2 * _FORM_BYTES  # beyond it files would go to a disk
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise FormMalformed(f"the form cannot be read: {error.message}") from error
    except (AssertionError, KeyError, UnicodeDecodeError) as error:
        raise FormMalformed("the form cannot be read") from error
    sent = form.get(FIELD)
    if not isinstance(sent, UploadFile):
        raise FormMalformed(f"the form has no file in its field {FIELD!r}")
    data = await sent.read()
    await form.close()
    if len(data) > most_bytes:
        raise UploadTooLarge(most_bytes)
    return Upload(_plain_name(sent.filename or ""), data)


def picture_from_upload(upload: Upload, page: int) -> tuple[NDArray[np.uint8], int]:
    """Decode one page, counted from 1: (height, width, 3) uint8 RGB; and how many pages the file has.

    Raises UnsupportedType for what is no image, and else as `rgb_from_page`, with the upload's own name.
    """
    with memory_file(upload.data) as path, _named(path, upload.name):
        kind = _kind(path)
        if kind is pdf:  # PDFium wants a path of a real file, or the bytes
            count = pdf.page_count_of(path, upload.data)
            check_count(path, count)
            return pdf.rgb_from_pdf(path, upload.data, page - 1, MAX_PIXELS), count
        count = kind.page_count(path)
        check_count(path, count)
        return kind.rgb(path, page - 1, MAX_PIXELS), count


def _kind(path: Path) -> FileFormat:
    try:
        return format_from_file(path)
    except UnreadableImage as error:
        how = "Send PNG, JPEG, TIFF, BMP, WebP, GIF, AVIF, HEIC, PDF or DICOM."
        raise UnsupportedType(path, f"of no type that is read here ({error.reason})", how) from error


@contextmanager
def _named(path: Path, name: str) -> Iterator[None]:
    """What goes wrong inside the block speaks of the upload, not of the path under which it was opened."""
    try:
        yield
    except EcgDigitError as error:
        error.message = error.message.replace(str(path), name)
        error.args = (error.message,)
        raise


def _plain_name(name: str) -> str:
    """The last part of a name, whichever system's folders are before it."""
    last = PureWindowsPath(PurePosixPath(name.replace("\0", "")).name).name
    return last[:200] if last.strip(". ") else "page"
