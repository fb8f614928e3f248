"""Atomic and durable writing of files, and checks that an output can be written."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from ecgdigit_rt.durable_files import make_folder, replace_file, sync_folder
from ecgdigit_rt.errors import EcgDigitError, OutputNotWritable

_DEVICES = Path("/dev")


@contextmanager
def reraise_as_output_error(path: Path) -> Iterator[None]:
    """Turn an OSError inside the block into OutputNotWritable for `path`.

    An EcgDigitError or a BrokenPipeError propagates unchanged.
    """
    try:
        yield
    except (EcgDigitError, BrokenPipeError):
        raise  # BrokenPipeError means that the reader closed the pipe, which is not an error of the output
    except OSError as error:
        raise OutputNotWritable(path, error.strerror or str(error)) from error


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yield a path for a temporary file. At the end of the block, this file replaces the file at `path`.

    The block must create the temporary file. It is in the same folder as `path`, and missing parent folders
    are created. After the block, the new content is on the disk. If the block fails, the temporary file is
    removed and the exception propagates. Raises OutputNotWritable.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    with reraise_as_output_error(path):
        if path.is_dir():
            raise IsADirectoryError(21, "it is a folder")
        make_folder(path.parent)
    try:
        yield partial
        with reraise_as_output_error(path):
            replace_file(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def is_stream(path: Path) -> bool:
    """Return whether `path` is a pipe, a socket or a device. Such a file must not be replaced.

    Every file below /dev counts as a device, even /dev/stdout that is redirected to a file.
    """
    if not path.exists() or path.is_dir():
        return False
    return _DEVICES in path.absolute().parents or not stat.S_ISREG(path.stat().st_mode)


@contextmanager
def atomic_text_file(path: Path, stream: TextIO | None = None) -> Iterator[TextIO]:
    """Yield a UTF-8 text file that replaces `path` at the end of the block.

    If `stream` is given, it is yielded instead, and flushed at the end of the block. A pipe or a device at
    `path` is written to directly. Raises OutputNotWritable.
    """
    if stream is not None:
        yield stream
        with reraise_as_output_error(path):
            stream.flush()
    elif is_stream(path):
        with _open_text(path, path) as direct:
            yield direct
    else:
        with atomic_file(path) as partial, _open_text(partial, path) as text:
            yield text


def write_text_atomically(text: str, path: Path) -> None:
    """Write `text` to `path` atomically. Raises OutputNotWritable."""
    with atomic_text_file(path) as stream, reraise_as_output_error(path):
        stream.write(text)


def check_file_writable(path: Path) -> None:
    """Raise OutputNotWritable unless a file at `path` can be created or replaced. Nothing is created."""
    with reraise_as_output_error(path):
        if path.is_dir():
            raise IsADirectoryError(21, "it is a folder")
    check_folder_writable(path.parent)


def check_folder_writable(path: Path) -> None:
    """Raise OutputNotWritable unless the folder is writable or can be created. Nothing is created."""
    with reraise_as_output_error(path):
        nearest = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
        if not nearest.is_dir():
            raise NotADirectoryError(20, f"{nearest} is not a folder")
        if not os.access(nearest, os.W_OK | os.X_OK):
            raise PermissionError(13, f"no write permission for {nearest}")


@contextmanager
def _open_text(file: Path, path: Path) -> Iterator[TextIO]:
    with reraise_as_output_error(path):
        text = file.open("w", encoding="utf-8", newline="")
    try:
        yield text
    finally:
        with reraise_as_output_error(path):
            text.close()  # writes the rest of the buffer, which may also fail


class AppendOnlyFile:
    """File whose content is on the disk after each `append`. The first one creates it if it does not exist.

    `size` is the offset at which the next append writes. An append first removes all bytes from this offset
    on. It fails if the file was deleted or moved since the last one.
    """

    def __init__(self, path: Path, size: int) -> None:
        self.path, self.size = path, size
        self._handle: int | None = None

    def append(self, data: bytes) -> int:
        """Write all of `data` at the end, and return the offset of `data` in the file.

        If a write fails, `size` does not change, so the next append removes the bytes that were written.
        Raises OutputNotWritable.
        """
        with reraise_as_output_error(self.path):
            if self._handle is None:
                make_folder(self.path.parent)
                self._handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
                sync_folder(self.path.parent)
            self._raise_if_gone(self._handle)
            os.ftruncate(self._handle, self.size)
            os.lseek(self._handle, self.size, os.SEEK_SET)
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(self._handle, rest) :]
            os.fsync(self._handle)
        start, self.size = self.size, self.size + len(data)
        return start

    def _raise_if_gone(self, handle: int) -> None:
        """Raise OSError if the path no longer refers to the open file. Writing to it would lose the data."""
        try:
            is_same = os.path.samestat(os.fstat(handle), self.path.stat())
        except FileNotFoundError:
            is_same = False
        if not is_same:
            raise OSError("it was deleted or moved during the run. Run the same command again")

    def read(self, start: int, size: int) -> bytes:
        """Return up to `size` bytes from offset `start` on, or no bytes if the file does not exist."""
        try:
            with self.path.open("rb") as file:
                file.seek(start)
                return file.read(size)
        except FileNotFoundError:
            return b""

    def remove(self) -> None:
        """Delete the file. Raises OutputNotWritable."""
        self.close()
        with reraise_as_output_error(self.path):
            self.path.unlink(missing_ok=True)
        self.size = 0

    def close(self) -> None:
        """Close the file. A later append opens it again."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
