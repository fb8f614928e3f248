"""The kinds of files that are read, in the order in which they are tried."""

from __future__ import annotations

from pathlib import Path

from ecgdigit_rt.decode import dicom, heic, pdf, plain_image, tiff
from ecgdigit_rt.decode.format import HEAD_BYTES, FileFormat
from ecgdigit_rt.decode.limits import check_count
from ecgdigit_rt.decode.read_file import bytes_from_file
from ecgdigit_rt.errors import InputError, UnreadableImage, UnsupportedType

# Strict signatures first: a PDF's may stand anywhere in the head.
FORMATS: tuple[FileFormat, ...] = (plain_image, tiff, heic, dicom, pdf)


def format_from_file(path: Path) -> FileFormat:
    """Tell a file's kind by its first bytes.

    Raises InputNotFound, UnreadableImage and UnsupportedType.
    """
    head = bytes_from_file(path, HEAD_BYTES)
    if not head:
        raise UnreadableImage(path, "the file is empty")
    for kind in FORMATS:
        if kind.matches(head):
            return kind
    raise _foreign(path, head)


def page_count(path: Path) -> int:
    """How many pages the file has. Raises InputError or SetupError."""
    count = format_from_file(path).page_count(path)
    check_count(path, count)
    return count


def _foreign(path: Path, head: bytes) -> InputError:
    if b"<svg" in head:
        return UnsupportedType(path, "an SVG drawing", "Draw it at 300 dpi into a PNG.")
    is_text = not any(byte < 9 for byte in head)
    return UnreadableImage(path, "it holds text, no image" if is_text else "it is no image")
