"""Reading of a file into memory, with a specific error for each cause of a failure."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from ecgdigit_rt.decode.limits import MAX_FILE_BYTES
from ecgdigit_rt.errors import FileTooLarge, InputError, InputNotFound, UnreadableImage, UnsupportedType

_SPECIAL_FILES = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def bytes_from_file(path: Path, first: int = -1, last: int | None = None) -> bytes:
    """Return all bytes of a file, or only the first `first` or the last `last` bytes.

    Pipes, sockets and devices are rejected and not opened, because opening a pipe blocks until another
    process opens it for writing. Raises InputNotFound, UnreadableImage, UnsupportedType or FileTooLarge.
    """
    try:
        _check_kind(path)
        with path.open("rb") as file:
            if last is not None:
                file.seek(max(0, file.seek(0, os.SEEK_END) - last))
            return file.read(first)
    except FileNotFoundError as error:
        if path.is_symlink():
            raise UnreadableImage(path, "it is a broken link") from error
        raise InputNotFound(str(path)) from error
    except InputError:  # some input errors are also OSErrors
        raise
    except OSError as error:
        raise UnreadableImage(path, error.strerror or str(error)) from error


def _check_kind(path: Path) -> None:
    """Raise UnsupportedType for a pipe, socket or device, FileTooLarge for a large file, or OSError."""
    status = path.stat()
    special_kind = _SPECIAL_FILES.get(stat.S_IFMT(status.st_mode))
    if special_kind is not None:
        raise UnsupportedType(path, special_kind, "Write its data to a regular file and pass that file.")
    if stat.S_ISREG(status.st_mode) and status.st_size > MAX_FILE_BYTES:
        raise FileTooLarge(path, status.st_size, MAX_FILE_BYTES)
