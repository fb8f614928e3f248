"""How kernels are compiled: cached on disk, without the interpreter lock, typed for mypy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

F = TypeVar("F", bound=Callable[..., Any])


def kernel(function: F) -> F:
    """Compile on first call; the machine code is kept beside the module or in the user's cache."""
    return cast("F", njit(cache=True, nogil=True)(function))


def loose_kernel(function: F) -> F:
    """As `kernel`, and sums may be reordered into vector lanes. Inputs must be finite.

    A division by zero is no error here, since looking for one keeps a loop out of the lanes.
    """
    return cast("F", njit(cache=True, nogil=True, fastmath=True, error_model="numpy")(function))


def inlined(function: F) -> F:
    """A small step used inside other kernels of the same module."""
    return cast("F", njit(nogil=True, fastmath=True, inline="always", error_model="numpy")(function))
