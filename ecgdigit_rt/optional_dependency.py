"""Conversion of import errors to errors that name the extra of ecgdigit-rt to install."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ecgdigit_rt.errors import DependencyMissing


@contextmanager
def missing_dependency_as_error(needed_for: str, package: str, extra: str) -> Iterator[None]:
    """Turn a ModuleNotFoundError inside the block into a DependencyMissing that names `extra`.

    DependencyMissing also names the module that was not found, or `package` if that module is unknown.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise DependencyMissing(error.name or package, needed_for, extra) from error
