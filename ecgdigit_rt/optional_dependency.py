"""Formats whose packages come with an extra."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ecgdigit_rt.errors import DependencyMissing


@contextmanager
def missing_dependency_as_error(what: str, package: str, extra: str) -> Iterator[None]:
    """Turn a package that is missing inside the block into DependencyMissing, which names the extra."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise DependencyMissing(error.name or package, what, extra) from error
