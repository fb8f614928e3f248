"""A file that only grows: what is appended survives the end of the process at any moment after."""

from __future__ import annotations

import os
from pathlib import Path

from ecgdigit_rt.atomic_files import reraise_as_output_error


class AppendOnlyFile:
    """Opened with its first bytes, written without a buffer. Raises OutputNotWritable.

    `size` is where the next bytes go; what stands behind it when the file is opened is cut off.
    """

    def __init__(self, path: Path, size: int) -> None:
        self.path, self.size = path, size
        self._handle: int | None = None

    def append(self, data: bytes) -> int:
        """Write all of it and give where it begins; a part that was written before an error is cut off."""
        with reraise_as_output_error(self.path):
            if self._handle is None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
            os.ftruncate(self._handle, self.size)
            os.lseek(self._handle, self.size, os.SEEK_SET)
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(self._handle, rest) :]
        start, self.size = self.size, self.size + len(data)
        return start

    def read(self, start: int, size: int) -> bytes:
        """So many bytes from there, fewer where the file ends, none where it is not there."""
        try:
            with self.path.open("rb") as file:
                file.seek(start)
                return file.read(size)
        except FileNotFoundError:
            return b""

    def remove(self) -> None:
        """Remove the file. Raises OutputNotWritable."""
        self.close()
        with reraise_as_output_error(self.path):
            self.path.unlink(missing_ok=True)
        self.size = 0

    def close(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
