"""Local copies of files at an address, since decoders need a path."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath

from ecgdigit_rt.cluster.address import file_system
from ecgdigit_rt.decode import opencv_image
from ecgdigit_rt.decode.file_formats import HEAD_BYTES
from ecgdigit_rt.decode.limits import MAX_FILE_BYTES
from ecgdigit_rt.decode.page_list import is_address, pages_from_file
from ecgdigit_rt.errors import FileTooLarge, InputNotFound, UnreadableImage
from ecgdigit_rt.results import Failed, Result

_IN_MEMORY = Path("/dev/shm")  # noqa: S108 only as the parent of a new temporary folder


@contextmanager
def local_copy(address: str, working_folder: str = "") -> Iterator[Path]:
    """Return the path of a file, which is fetched into a temporary folder if it is at an address.

    A path is returned relative to `working_folder`. The copy has the file's name, from which page ids are
    made, and is deleted at the end of the block. Raises InputNotFound, UnreadableImage, FileTooLarge,
    DependencyMissing and StorageUnusable.
    """
    if not is_address(address):
        yield Path(working_folder, address)
        return
    data = _fetch(address)
    with tempfile.TemporaryDirectory(
        prefix="ecgdigit-", dir=_IN_MEMORY if _IN_MEMORY.is_dir() else None
    ) as folder:
        path = Path(folder) / PurePosixPath(address).name
        path.write_bytes(data)
        del data
        yield path


def with_address_in_message(result: Result, file: Path, address: str) -> Result:
    """Return the result with the address instead of the local path in its message."""
    if isinstance(result, Failed):
        message = result.message.replace(str(file), address)
        return replace(result, message=message.replace(str(Path(address)), address))
    return result


def page_count(address: str) -> int:
    """Return the number of pages in a file.

    Only the first bytes are fetched of formats that have one page. A file that cannot be fetched or counted
    has one page, so that its error occurs when that page is digitized.
    """
    files, path = file_system(address)
    try:
        head = files.cat_file(path, 0, HEAD_BYTES)
        if not head or opencv_image.matches(head):
            return 1
        with local_copy(address) as file:
            return len(pages_from_file(file))
    except OSError:
        return 1


def _fetch(address: str) -> bytes:
    """Return the content of a file. Raises FileTooLarge, InputNotFound and UnreadableImage."""
    files, path = file_system(address)
    try:
        size = files.size(path)
        if size is not None and size > MAX_FILE_BYTES:
            raise FileTooLarge(Path(address), size, MAX_FILE_BYTES)
        return bytes(files.cat_file(path))
    except FileNotFoundError as error:
        raise InputNotFound(address) from error
    except OSError as error:
        raise UnreadableImage(Path(address), error.strerror or str(error)) from error
