"""Uploads: read the file of a request into memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from pathlib import PurePosixPath, PureWindowsPath

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from ecgdigit_rt.errors import FormMalformed, UploadStalled, UploadTooLarge

FILE_FIELD = "file"
"""Name of the form field that contains the file."""

_MAX_FORM_OVERHEAD_BYTES = 65_536
"""Maximum bytes of a form without its file: boundaries, headers and names. Hand-picked, not tuned."""

_MAX_PAUSE_S = 15.0
"""Maximum time in seconds between two parts of an upload. Hand-picked, not tuned: a phone that changes its
network pauses for a few seconds."""

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

    Raises UploadTooLarge, FormMalformed, UploadStalled, or ClientDisconnect if the client disconnects before
    the end of the form.
    """
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise FormMalformed("the body is not multipart/form-data")
    length = request.headers.get("content-length", "0")
    if length.isdecimal() and int(length) > max_bytes + _MAX_FORM_OVERHEAD_BYTES:
        raise UploadTooLarge(max_bytes)

    async def limited_stream() -> AsyncGenerator[bytes, None]:
        size = 0
        async for chunk in _without_pauses(request.stream()):
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


async def _without_pauses(chunks: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """Yield the chunks. Raises UploadStalled if the next one does not arrive within _MAX_PAUSE_S."""
    while True:
        try:
            async with asyncio.timeout(_MAX_PAUSE_S):
                chunk = await anext(chunks, None)
        except TimeoutError as error:
            raise UploadStalled(_MAX_PAUSE_S) from error
        if chunk is None:
            return
        yield chunk


def _base_name(name: str) -> str:
    """Remove folders and NUL characters from the file name of an upload, and limit its length.

    POSIX and Windows separators are recognized. A name that is empty or contains only dots and spaces is
    replaced with `page`.
    """
    base = PureWindowsPath(PurePosixPath(name.replace("\0", "")).name).name
    return base[:_MAX_NAME_LENGTH] if base.strip(". ") else "page"
