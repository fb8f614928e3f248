"""Conversion of import errors to errors that name the missing extra."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ecgdigit_rt.errors import DependencyMissing


@contextmanager
def missing_dependency_as_error(needed_for: str, package: str, extra: str) -> Iterator[None]:
    """Turn a ModuleNotFoundError inside the block into DependencyMissing, which names the extra.

    `package` is named if the ModuleNotFoundError does not name a module.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise DependencyMissing(error.name or package, needed_for, extra) from error
