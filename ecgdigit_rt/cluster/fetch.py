"""Local copies of remote files. They are necessary because the decoders read local paths."""

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
from ecgdigit_rt.errors import FileTooLarge, InputError, InputNotFound, StorageUnusable, UnreadableImage
from ecgdigit_rt.results import Failed, Result

_MEMORY_FOLDER = Path("/dev/shm")  # noqa: S108 used only as the parent of a new temporary folder


@contextmanager
def local_copy(source: str, working_folder: str = "") -> Iterator[Path]:
    """Yield a local path to the file at a path or URL.

    A relative path is resolved against `working_folder`. A URL is fetched into a temporary folder, which is
    deleted at the end of the block. The copy has the same name as the remote file, because page ids are made
    from file names. For a URL, raises InputNotFound, UnreadableImage, FileTooLarge, DependencyMissing or
    StorageUnusable.
    """
    if not is_address(source):
        yield Path(working_folder, source)
        return
    content = _fetch(source)
    with tempfile.TemporaryDirectory(
        prefix="ecgdigit-", dir=_MEMORY_FOLDER if _MEMORY_FOLDER.is_dir() else None
    ) as folder:
        path = Path(folder) / PurePosixPath(source).name
        path.write_bytes(content)
        del content
        yield path


def with_address_in_message(result: Result, file: Path, source: str) -> Result:
    """Return the result. In the message of a `Failed`, the path `file` is replaced with `source`.

    `source` is a path or URL. `Path(source)`, which merges the slashes of a URL, is replaced as well.
    """
    if isinstance(result, Failed):
        message = result.message.replace(str(file), source)
        return replace(result, message=message.replace(str(Path(source)), source))
    return result


def page_count(address: str) -> int:
    """Return the number of pages of the file at a URL.

    For formats with a single page, only the first bytes are fetched. If the file cannot be fetched or
    decoded, the number is 1: digitizing that page then fails with the error. Raises DependencyMissing or
    StorageUnusable.
    """
    filesystem, path = file_system(address)
    try:
        head = filesystem.cat_file(path, 0, HEAD_BYTES)
        if not head or opencv_image.matches(head):
            return 1
        with local_copy(address) as file:
            return len(pages_from_file(file))
    except StorageUnusable:
        raise
    except (OSError, InputError):
        return 1


def _fetch(address: str) -> bytes:
    """Return the content of the file at a URL.

    Raises FileTooLarge, InputNotFound, UnreadableImage, DependencyMissing or StorageUnusable.
    """
    filesystem, path = file_system(address)
    try:
        size = filesystem.size(path)
        if size is not None and size > MAX_FILE_BYTES:
            raise FileTooLarge(Path(address), size, MAX_FILE_BYTES)
        return bytes(filesystem.cat_file(path))
    except FileNotFoundError as error:
        raise InputNotFound(address) from error
    except OSError as error:
        raise UnreadableImage(Path(address), error.strerror or str(error)) from error
