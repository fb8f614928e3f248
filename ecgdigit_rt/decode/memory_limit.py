"""Limit on the memory that a process allocates while it decodes an untrusted file (Linux)."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_STATUS = Path("/proc/self/status")

_MAX_GROWTH_BYTES = 300_000_000
"""Growth of the allocated memory after which a process should be replaced. Hand-picked, not tuned: a page of
100 megapixels, or a third of what a hostile PDF leaves behind (measured: 1.2 GB after one of 0.1 MB)."""

_growth: list[int] = []
"""Bytes by which each context with a growth of more than _MAX_GROWTH_BYTES has enlarged this process."""


@contextmanager
def limited_memory(extra_bytes: int) -> Iterator[None]:
    """Let this process allocate at most `extra_bytes` more than at the start of the context.

    An allocation beyond the limit fails. Python then raises MemoryError; a native library reports an error or
    ends the process. The limit counts memory that is allocated, used or not. It applies to all threads, so
    use it in processes that do nothing else meanwhile. On systems other than Linux there is no limit.
    """
    before = _allocated_bytes()
    if before is None:
        yield
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    maximum = before + extra_bytes
    for limit in (soft, hard):
        maximum = maximum if limit == resource.RLIM_INFINITY else min(maximum, limit)
    resource.setrlimit(resource.RLIMIT_DATA, (maximum, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
        growth = (_allocated_bytes() or 0) - before
        if growth > _MAX_GROWTH_BYTES:
            _growth.append(growth)


def has_grown() -> bool:
    """Return True if a context of `limited_memory` has left this process much larger than before.

    Memory that a native library does not return would add up over many files. Such a process is replaced.
    """
    return bool(_growth)


def _allocated_bytes() -> int | None:
    """Return the bytes that count towards RLIMIT_DATA, or None on systems other than Linux."""
    if sys.platform != "linux":
        return None
    try:
        lines = _STATUS.read_text().splitlines()
    except OSError:
        return None
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("VmData:")), None)
