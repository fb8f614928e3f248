"""Memory that this process may use, and memory that it can return."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import cast

_MEMINFO = Path("/proc/meminfo")
_CGROUP_V2 = Path("/sys/fs/cgroup")
_CGROUP_V1 = Path("/sys/fs/cgroup/memory")


def available_memory(meminfo: Path = _MEMINFO, v2: Path = _CGROUP_V2, v1: Path = _CGROUP_V1) -> int | None:
    """Return the number of bytes that processes can still allocate, or None if it is unknown.

    The free memory of the machine and the limit of the container limit the number. The parameters are the
    files of Linux, for tests. On other systems the number is unknown.
    """
    found = [_machine(meminfo)]
    found += [
        _control_group(v2 / "memory.max", v2 / "memory.current", v2 / "memory.stat", "inactive_file"),
        _control_group(
            v1 / "memory.limit_in_bytes",
            v1 / "memory.usage_in_bytes",
            v1 / "memory.stat",
            "total_inactive_file",
        ),
    ]
    known = [value for value in found if value is not None]
    return max(0, min(known)) if known else None


def _machine(meminfo: Path) -> int | None:
    """Return the available bytes of the machine."""
    kilobytes = _values(meminfo).get("MemAvailable:")
    return None if kilobytes is None else 1024 * kilobytes


def _control_group(limit: Path, usage: Path, stat: Path, cache: str) -> int | None:
    """Return the bytes up to the limit of a control group. Unused file cache counts as free."""
    try:
        most, used = limit.read_text().strip(), int(usage.read_text())
    except (OSError, ValueError):
        return None
    if not most.isdecimal():  # "max" in version 2
        return None
    return int(most) - used + _values(stat).get(cache, 0)


def _values(path: Path) -> dict[str, int]:
    """Return the numbers of a file whose lines are a name and a number. Other lines are left out."""
    try:
        lines = [line.split() for line in path.read_text().splitlines()]
    except OSError:
        return {}
    return {line[0]: int(line[1]) for line in lines if len(line) > 1 and line[1].isdecimal()}


@cache
def _trim_function() -> Callable[[int], int] | None:
    """Return `malloc_trim` of glibc, or None on other systems."""
    try:
        return cast("Callable[[int], int]", ctypes.CDLL(None).malloc_trim)
    except (AttributeError, OSError, TypeError):  # another C library, or Windows
        return None


def release_freed_memory() -> None:
    """Return memory that this process has freed to the system, if glibc still keeps it.

    glibc keeps the memory that each thread has freed for later use by the same thread. Before a step that
    needs much memory, this lowers the peak of the process.
    """
    trim = _trim_function()
    if trim is not None:
        trim(0)
