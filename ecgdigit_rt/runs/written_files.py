"""Files of a page with the size and the digest of their content, to detect later damage."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from ecgdigit_rt.atomic_files import reraise_as_output_error
from ecgdigit_rt.runs.jobs import file_digest


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A file as it was written: its name without the folder, its size in bytes, and its SHA-256.

    Raises TypeError or ValueError for other values, which a damaged journal may contain.
    """

    name: str
    size: int
    sha256: str

    def __post_init__(self) -> None:
        if not (isinstance(self.name, str) and isinstance(self.size, int) and isinstance(self.sha256, str)):
            raise TypeError("the description of a file has a value of another type")
        if Path(self.name).name != self.name:
            raise ValueError(f"{self.name} is not the name of a file in the folder")

    @classmethod
    def from_path(cls, path: Path) -> Self:
        """Describe a file that has just been written. Raises OutputNotWritable if it cannot be read."""
        with reraise_as_output_error(path):
            size, digest = path.stat().st_size, file_digest(path)
            if digest is None:
                raise OSError("it disappeared after it was written")
        return cls(path.name, size, digest)

    def is_intact(self, folder: Path, *, verify: bool) -> bool:
        """Return True if the file in the folder still has this size and, with `verify`, this digest."""
        path = folder / self.name
        try:
            if not path.is_file() or path.stat().st_size != self.size:
                return False
        except OSError:
            return False
        return not verify or file_digest(path) == self.sha256


def are_intact(files: Iterable[WrittenFile], folder: Path, *, verify: bool) -> bool:
    """Return True if all files in the folder are unchanged. See `WrittenFile.is_intact`."""
    return all(file.is_intact(folder, verify=verify) for file in files)
