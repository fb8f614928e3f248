"""The verbs that need the `export` extra say so when it is not installed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ecgdigit_rt.errors import DependencyMissing


@contextmanager
def needed_for(verb: str) -> Iterator[None]:
    """Turn a missing package inside the block into DependencyMissing with the command that helps."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise DependencyMissing(error.name or "torch", f"ecgdigit-rt {verb}", "export") from error
