"""Decorators that compile functions to kernels.

A kernel runs without the global interpreter lock (GIL). Its machine code is cached on disk if that is safe.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

from ecgdigit_kernels.kernel_cache import compile_cached

F = TypeVar("F", bound=Callable[..., Any])

_PRECISE: dict[str, Any] = {"nogil": True}
_FASTMATH: dict[str, Any] = {"nogil": True, "fastmath": True, "error_model": "numpy"}


def kernel(function: F) -> F:
    """Compile a function on its first call.

    The machine code is cached if that is safe; see `compile_cached`.
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
    """Compile a function, and cache its machine code if that is safe."""
    return cast("F", compile_cached(function, options) or njit(**options)(function))
