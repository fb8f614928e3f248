"""How kernels are compiled: kept on disk where that is safe, without the interpreter lock, typed for mypy."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar, cast

from numba import njit

F = TypeVar("F", bound=Callable[..., Any])

_PLAIN: dict[str, Any] = {"nogil": True}
_LOOSE: dict[str, Any] = {"nogil": True, "fastmath": True, "error_model": "numpy"}

KEEPING_VARIABLE = "ECGDIGIT_KERNEL_CACHE"
"""`off`: compile in every process and read no machine code from disk, which costs some ten seconds."""


def kernel(function: F) -> F:
    """Compile on first call; the machine code is kept beside the module or in the user's cache."""
    return _compiled(function, _PLAIN)


def loose_kernel(function: F) -> F:
    """As `kernel`, and sums may be reordered into vector lanes. Inputs must be finite.

    A division by zero is no error here, since looking for one keeps a loop out of the lanes.
    """
    return _compiled(function, _LOOSE)


def inlined(function: F) -> F:
    """A small step used inside other kernels of the same module."""
    return cast("F", njit(inline="always", **_LOOSE)(function))


def _compiled(function: F, options: dict[str, Any]) -> F:
    """Numba keeps machine code as pickles, which are programs: it may where the user's own programs lie."""
    if os.environ.get(KEEPING_VARIABLE) != "off":
        with suppress(RuntimeError):  # Numba's answer where no folder can be written
            kept = njit(cache=True, **options)(function)
            if not _anyone_may_write(Path(kept.stats.cache_path)):
                return cast("F", kept)
    return cast("F", njit(**options)(function))


def _anyone_may_write(folder: Path) -> bool:
    return os.name == "posix" and bool(folder.stat().st_mode & stat.S_IWOTH)
