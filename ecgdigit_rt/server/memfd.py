"""File paths for bytes in memory, for libraries that can only open files.

On Linux nothing is written to a disk if `/dev/shm` is writable.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 memory, not a disk


@contextmanager
def memory_file(data: bytes) -> Iterator[Path]:
    """Yield a path from which `data` can be read inside the block, also by child processes.

    The file may also be written. Without `memfd_create` (macOS, Windows), a temporary file is created and
    deleted after the block.
    """
    if not hasattr(os, "memfd_create"):
        with memory_folder() as folder:
            path = folder / "page"
            path.write_bytes(data)
            yield path
        return
    descriptor = os.memfd_create("page", os.MFD_CLOEXEC)
    try:
        with open(descriptor, "wb", closefd=False) as file:
            file.write(data)
        yield Path(f"/proc/{os.getpid()}/fd/{descriptor}")
    finally:
        os.close(descriptor)


@contextmanager
def memory_folder() -> Iterator[Path]:
    """Yield an empty folder that is deleted after the block.

    It is in shared memory if available, otherwise in the folder for temporary files.
    """
    parent = _SHARED_MEMORY if os.access(_SHARED_MEMORY, os.W_OK | os.X_OK) else None
    with tempfile.TemporaryDirectory(prefix="ecgdigit-", dir=parent) as folder:
        yield Path(folder)
