"""A file by address, laid where the readers of pages find it: they take paths."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath

from ecgdigit_rt.cluster.address import file_system, is_address
from ecgdigit_rt.decode import plain_image
from ecgdigit_rt.decode.format import HEAD_BYTES
from ecgdigit_rt.decode.limits import MAX_FILE_BYTES
from ecgdigit_rt.decode.page_list import pages_of_file
from ecgdigit_rt.errors import FileTooLarge, InputNotFound, UnreadableImage
from ecgdigit_rt.results import Failed, Result

_IN_MEMORY = Path("/dev/shm")  # noqa: S108 a folder of our own is made in it


@contextmanager
def fetched(address: str, here: str = "") -> Iterator[Path]:
    """The file, as long as the block lasts. A path stands for itself, seen from the folder `here`.

    It has its own name, since pages are called after it. Raises InputNotFound, UnreadableImage, FileTooLarge,
    DependencyMissing and StorageUnusable.
    """
    if not is_address(address):
        yield Path(here, address)
        return
    data = _bytes(address)
    with tempfile.TemporaryDirectory(
        prefix="ecgdigit-", dir=_IN_MEMORY if _IN_MEMORY.is_dir() else None
    ) as folder:
        path = Path(folder) / PurePosixPath(address).name
        path.write_bytes(data)
        del data
        yield path


def named(result: Result, file: Path, address: str) -> Result:
    """A result whose messages name the address, not where the file lay meanwhile."""
    if isinstance(result, Failed):
        message = result.message.replace(str(file), address)
        return replace(result, message=message.replace(str(Path(address)), address))
    return result


def counted_pages(address: str) -> int:
    """How many pages a file has. Of one that holds one picture only the first bytes are fetched.

    One that cannot be fetched or counted is one page: reading it tells why.
    """
    files, path = file_system(address)
    try:
        head = files.cat_file(path, 0, HEAD_BYTES)
        if not head or plain_image.matches(head):
            return 1
        with fetched(address) as file:
            return len(pages_of_file(file))
    except OSError:
        return 1


def _bytes(address: str) -> bytes:
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
