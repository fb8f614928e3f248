"""Bytes under a path, for libraries that open files; on Linux no disk is touched."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 memory, not a disk


@contextmanager
def memory_file(data: bytes) -> Iterator[Path]:
    """A path that can be opened and read while the block runs.

    Where the system has no anonymous files (macOS, Windows) it is a temporary one, gone with the block.
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
        yield Path(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)


@contextmanager
def memory_folder() -> Iterator[Path]:
    """An empty folder for the block: in shared memory where there is some, else a temporary one."""
    parent = _SHARED_MEMORY if os.access(_SHARED_MEMORY, os.W_OK | os.X_OK) else None
    with tempfile.TemporaryDirectory(prefix="ecgdigit-", dir=parent) as folder:
        yield Path(folder)
