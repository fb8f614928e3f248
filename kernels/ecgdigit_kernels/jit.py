"""Decorators that compile functions to kernels.

A kernel runs without the global interpreter lock (GIL). Its machine code is cached on disk if that is safe.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar, cast

from numba import njit

F = TypeVar("F", bound=Callable[..., Any])

_PRECISE: dict[str, Any] = {"nogil": True}
_FASTMATH: dict[str, Any] = {"nogil": True, "fastmath": True, "error_model": "numpy"}

CACHE_VARIABLE = "ECGDIGIT_KERNEL_CACHE"
"""Environment variable that controls the cache. If it is `off`, no machine code is read from or written to
disk. Every process then compiles the kernels itself, which takes about ten seconds."""


def kernel(function: F) -> F:
    """Compile a function on its first call.

    Numba caches the machine code in `__pycache__` next to the module, or in the user's cache folder.
    """
    return _compile(function, _PRECISE)


def fastmath_kernel(function: F) -> F:
    """Compile like `kernel`, but allow sums to be reordered for vectorization. Inputs must be finite.

    Division by zero raises no error, because a check would prevent vectorization.
    """
    return _compile(function, _FASTMATH)


def inline_kernel(function: F) -> F:
    """Compile a small function with the options of `fastmath_kernel`.

    Other kernels of the same module inline it.
    """
    return cast("F", njit(inline="always", **_FASTMATH)(function))


def _compile(function: F, options: dict[str, Any]) -> F:
    """Compile a function, and cache its machine code if that is safe.

    The machine code is not cached if `CACHE_VARIABLE` is `off`, no cache folder is writable, or (on POSIX)
    the cache folder is world-writable. Numba caches machine code as pickles, and loading a pickle can execute
    arbitrary code.
    """
    if os.environ.get(CACHE_VARIABLE) != "off":
        with suppress(RuntimeError):  # raised by Numba if no cache folder is writable
            cached = njit(cache=True, **options)(function)
            if not _is_world_writable(Path(cached.stats.cache_path)):
                return cast("F", cached)
    return cast("F", njit(**options)(function))


def _is_world_writable(folder: Path) -> bool:
    return os.name == "posix" and bool(folder.stat().st_mode & stat.S_IWOTH)
