"""Access to files and folders by URL, such as s3://bucket/scan.png, through fsspec."""

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
"""Extra of this package that installs the file system of each URL scheme."""


def file_system(address: str) -> tuple[Any, str]:
    """Return the fsspec file system of a path or URL, and the path on that file system.

    Raises DependencyMissing or StorageUnusable.
    """
    with missing_dependency_as_error("--cluster", "fsspec", "cluster"):
        from fsspec.core import url_to_fs
    scheme = address.split(":")[0]
    try:
        with reraise_as_storage_error(address):
            filesystem, path = url_to_fs(address)
            return filesystem, str(path)
    except ImportError as error:
        if isinstance(error, EcgDigitError):
            raise
        raise DependencyMissing(_package(error), f"{scheme}://", _EXTRAS.get(scheme, "cluster")) from error


@contextmanager
def reraise_as_storage_error(address: str) -> Iterator[None]:
    """Turn an OSError or a ValueError that is raised inside the block into StorageUnusable."""
    try:
        yield
    except EcgDigitError:
        raise
    except (OSError, ValueError) as error:
        raise StorageUnusable(address, str(error) or type(error).__name__) from error


def _package(error: ImportError) -> str:
    """Return the name of the missing package, or the message of the error if it names no package.

    Messages of fsspec have the form "Install s3fs to access S3".
    """
    match = re.search(r"[Ii]nstall (\w+)", str(error))
    return error.name or (match[1] if match else str(error))
