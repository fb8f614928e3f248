"""Files that appear when they are whole, or not at all."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from ecgdigit_rt.errors import EcgDigitError, OutputNotWritable

_DEVICES = Path("/dev")


@contextmanager
def reraise_as_output_error(path: Path) -> Iterator[None]:
    """Turn an OSError inside the block into OutputNotWritable for `path`."""
    try:
        yield
    except (EcgDigitError, BrokenPipeError):
        raise  # the reader of a pipe left: not an error of the output
    except OSError as error:
        raise OutputNotWritable(path, error.strerror or str(error)) from error


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """A path beside `path`, whose file takes its place at the end, or leaves no trace after an error.

    Folders above are made. An error of the block itself passes through. Raises OutputNotWritable.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    with reraise_as_output_error(path):
        if path.is_dir():
            raise IsADirectoryError(21, "it is a folder")
        path.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield partial
        with reraise_as_output_error(path):
            partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def is_stream(path: Path) -> bool:
    """A pipe or a device: it cannot be replaced, only written to. So is /dev/stdout, whatever is behind."""
    if not path.exists() or path.is_dir():
        return False
    return _DEVICES in path.absolute().parents or not stat.S_ISREG(path.stat().st_mode)


@contextmanager
def atomic_text_file(path: Path, stream: TextIO | None = None) -> Iterator[TextIO]:
    """UTF-8 text to write into `path`, as `atomic_file`, or into `stream` where one is given.

    A target that `is_stream` is written to directly.
    """
    if stream is not None:
        yield stream
        with reraise_as_output_error(path):
            stream.flush()
    elif is_stream(path):
        with _opened(path, path) as direct:
            yield direct
    else:
        with atomic_file(path) as partial, _opened(partial, path) as text:
            yield text


def write_text_atomically(text: str, path: Path) -> None:
    """Write `path` in one piece. Raises OutputNotWritable."""
    with atomic_text_file(path) as stream, reraise_as_output_error(path):
        stream.write(text)


def check_file(path: Path) -> None:
    """See that a file is there or can be made, without making it. Raises OutputNotWritable."""
    with reraise_as_output_error(path):
        if path.is_dir():
            raise IsADirectoryError(21, "it is a folder")
    check_folder(path.parent)


def check_folder(path: Path) -> None:
    """See that a folder is there or can be made, without making it. Raises OutputNotWritable."""
    with reraise_as_output_error(path):
        nearest = next(place for place in (path, *path.absolute().parents) if place.exists())
        if not nearest.is_dir():
            raise NotADirectoryError(20, f"{nearest} is no folder")
        if not os.access(nearest, os.W_OK | os.X_OK):
            raise PermissionError(13, f"{nearest} does not let us write")


@contextmanager
def _opened(file: Path, path: Path) -> Iterator[TextIO]:
    with reraise_as_output_error(path):
        text = file.open("w", encoding="utf-8", newline="")
    try:
        yield text
    finally:
        with reraise_as_output_error(path):
            text.close()  # what a buffer still holds may not fit either
