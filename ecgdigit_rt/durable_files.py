"""Writing of files so that they survive a power failure.

The operating system keeps written data in memory for up to half a minute. `os.fsync` writes it to the disk:
the content of a file if it is called for the file, and the names of new files if it is called for their
folder.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

_UNSUPPORTED = {errno.EINVAL, errno.ENOTSUP, errno.EBADF}
"""Errors of `os.fsync` on file systems that cannot synchronize a folder, such as some network drives."""


def sync_file(path: Path) -> None:
    """Write the content of a file to the disk. Raises OSError."""
    handle = os.open(path, os.O_RDWR)  # Windows synchronizes only files that are open for writing
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_folder(path: Path) -> None:
    """Write the names of the files in a folder to the disk, if that is possible. Raises OSError.

    Windows cannot open folders, and writes names to the disk on its own. A folder in which the user may write
    but not read cannot be opened either.
    """
    if os.name == "nt":
        return
    try:
        handle = os.open(path, os.O_RDONLY)
    except PermissionError:
        return
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
    finally:
        os.close(handle)


def make_folder(path: Path) -> None:
    """Create a folder and its parents if they are missing. Write their names to the disk. Raises OSError."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for folder in missing:
        sync_folder(folder.parent)


def replace_file(partial: Path, path: Path) -> None:
    """Let a complete temporary file replace the file at `path`. Raises OSError.

    The content is on the disk before the name refers to it, and the name before this function returns. After
    a power failure, the file therefore has the old or the new content, and no part of it.
    """
    sync_file(partial)
    partial.replace(path)
    sync_folder(path.parent)
