"""Files by address, such as s3://bucket/scan.png: what fsspec opens, in place of a path."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ecgdigit_rt.errors import DependencyMissing, EcgDigitError, StorageUnusable
from ecgdigit_rt.optional_dependency import missing_dependency_as_error

_EXTRAS = {
    "s3": "s3",
    "s3a": "s3",
    "gs": "gs",
    "gcs": "gs",
    "az": "az",
    "abfs": "az",
    "abfss": "az",
    "adl": "az",
}
"""Schemes whose packages come with an extra."""


def is_address(text: str) -> bool:
    """Whether it has a scheme; a path with a drive has none."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", text) is not None


def file_system(address: str) -> tuple[Any, str]:
    """fsspec's file system and the path on it. Raises DependencyMissing, StorageUnusable."""
    with missing_dependency_as_error("an address of a file", "fsspec", "cluster"):
        from fsspec.core import url_to_fs
    scheme = address.split(":")[0]
    try:
        with telling_of_storage(address):
            files, path = url_to_fs(address)
            return files, str(path)
    except ImportError as error:
        if isinstance(error, EcgDigitError):
            raise
        raise DependencyMissing(_package(error), f"{scheme}://", _EXTRAS.get(scheme, "cluster")) from error


@contextmanager
def telling_of_storage(address: str) -> Iterator[None]:
    """Turn what a storage says of a place into StorageUnusable."""
    try:
        yield
    except EcgDigitError:
        raise
    except (OSError, ValueError) as error:
        raise StorageUnusable(address, str(error) or type(error).__name__) from error


def _package(error: ImportError) -> str:
    """fsspec says "Install s3fs to access S3" where it has no name."""
    found = re.search(r"[Ii]nstall (\w+)", str(error))
    return error.name or (found[1] if found else str(error))
