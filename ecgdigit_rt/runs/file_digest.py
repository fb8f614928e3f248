"""The SHA-256 of files: what tells a page that was read from one that only has its name."""

from __future__ import annotations

import hashlib
from pathlib import Path

UNREADABLE = "unreadable"


class FileDigests:
    """Each file is read once, also where it has many pages."""

    def __init__(self) -> None:
        self._known: dict[Path, str] = {}

    def of(self, path: Path) -> str:
        """In hexadecimal, or UNREADABLE."""
        if path not in self._known:
            self._known[path] = file_digest(path) or UNREADABLE
        return self._known[path]


def file_digest(path: Path) -> str | None:
    """None where there is no file to be read; a pipe would wait for its writer, a device never ends."""
    try:
        if not path.is_file():
            return None
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
