"""A file's bytes, or the named error of a file that cannot be read."""

from __future__ import annotations

import os
from pathlib import Path

from ecgdigit_rt.errors import InputNotFound, UnreadableImage


def bytes_from_file(path: Path, first: int = -1, last: int | None = None) -> bytes:
    """All bytes, the `first` ones or the `last` ones. Raises InputNotFound and UnreadableImage."""
    try:
        with path.open("rb") as file:
            if last is not None:
                file.seek(max(0, file.seek(0, os.SEEK_END) - last))
            return file.read(first)
    except FileNotFoundError as error:
        raise InputNotFound(str(path)) from error
    except OSError as error:
        raise UnreadableImage(path, error.strerror or str(error)) from error
