"""Cache of the machine code of kernels on disk, in folders that only the user and root can change.

Numba stores machine code as pickles, and loading a pickle can execute arbitrary code.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from multiprocessing import parent_process
from pathlib import Path
from typing import Any

from numba import config, njit

from ecgdigit_engine.trusted_paths import untrusted_reason

CACHE_VARIABLE = "ECGDIGIT_KERNEL_CACHE"
"""Environment variable that controls the cache. If it is `off`, no machine code is read from or written to
disk. Every process then compiles the kernels itself, which takes about ten seconds."""

_SUFFIXES = (".nbi", ".nbc")  # index and machine code of Numba


def compile_cached(function: Callable[..., Any], options: dict[str, Any]) -> Callable[..., Any] | None:
    """Compile a function with a cache on disk. Return None if no cache folder is enabled, writable and safe.

    Numba chooses the folder: `NUMBA_CACHE_DIR`, `__pycache__` next to the module, or the user's cache folder.
    If another user could change it, a folder in the user's cache is used instead, with a warning.
    """
    if os.environ.get(CACHE_VARIABLE) == "off":
        return None
    with suppress(RuntimeError):  # raised by Numba if no cache folder is writable
        compiled, folder = _compile(function, options)
        reason = _untrusted_reason(folder)
        if not reason:
            return compiled
        _warn(folder, reason)
        with _private_folder():
            compiled, folder = _compile(function, options)
        if not _untrusted_reason(folder):
            return compiled
    return None


def _compile(function: Callable[..., Any], options: dict[str, Any]) -> tuple[Callable[..., Any], Path]:
    """Return the kernel, and the folder of its machine code. Nothing is read from it before the first call.

    Raises RuntimeError if no folder is writable.
    """
    compiled: Any = njit(cache=True, **options)(function)
    return compiled, Path(compiled.stats.cache_path)


@contextmanager
def _private_folder() -> Iterator[None]:
    """Let Numba use a folder in the user's cache, as if `NUMBA_CACHE_DIR` specified it."""
    import platformdirs

    settings: Any = config  # its attributes are created when it is imported
    selected = settings.CACHE_DIR
    settings.CACHE_DIR = str(platformdirs.user_cache_path("ecgdigit-rt", appauthor=False) / "kernels")
    try:
        yield
    finally:
        settings.CACHE_DIR = selected


@cache
def _untrusted_reason(folder: Path) -> str:
    """Return why another user could change the folder or the machine code in it, or an empty string."""
    files = (path for path in folder.iterdir() if path.suffix in _SUFFIXES)
    return next(filter(None, map(untrusted_reason, (folder, *files))), "")


@cache
def _warn(folder: Path, reason: str) -> None:
    """Warn once that a folder is not used. Worker processes do not repeat the warning."""
    if parent_process() is None:
        text = f"The kernel cache {folder} is not used: {reason}. Its owner must be you or root, and others "
        warnings.warn(
            text + "must not have write permission for it or the folders above.", RuntimeWarning, stacklevel=2
        )
