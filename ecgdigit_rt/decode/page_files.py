"""Recognition of the files in a folder that contain pages: by their suffix, or else by their content."""

from __future__ import annotations

import struct
from pathlib import Path

from ecgdigit_rt.decode import dicom, heic, opencv_image, tiff
from ecgdigit_rt.decode.file_formats import HEAD_BYTES
from ecgdigit_rt.decode.read_file import bytes_from_file
from ecgdigit_rt.errors import InputError

IMAGE_SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", ".gif"}
    | {".heic", ".heif", ".avif", ".pdf", ".dcm", ".dicom"}
)
"""Suffixes of the files that are listed when a folder or glob is searched. Case is ignored."""

OTHER_SUFFIXES = frozenset(
    {".txt", ".csv", ".tsv", ".json", ".jsonl", ".xml", ".html", ".htm", ".md", ".log", ".yaml", ".yml"}
    | {".py", ".npz", ".npy", ".mat", ".hea", ".dat", ".atr", ".edf", ".parquet", ".zip", ".gz", ".tar"}
    | {".doc", ".docx", ".xls", ".xlsx", ".pptx", ".svg", ".db", ".mp4", ".mov", ".avi", ".journal", ".spool"}
    | {".dng", ".nef", ".cr2", ".arw", ".orf", ".rw2", ".pef", ".srw", ".raf"}  # raw photos, similar to TIFF
    | {".ai", ".svs", ".ndpi", ".part", ".lock", ".onnx", ".pt"}
)
"""Suffixes of files that are not opened when a folder is searched, because they contain no pages."""

_NOT_PAGES = {"DICOMDIR"}
"""Names of files that have the signature of a page, but contain none: the directory of a DICOM medium."""

_BMP_HEADER_BYTES = {12, 40, 52, 56, 64, 108, 124}
"""Sizes of the info header of a BMP, which follows its short signature."""

_MAX_KIND_CHARS = 8  # maximum length of a suffix that names a kind of files; hand-picked, not tuned


def is_page_file(path: Path) -> bool:
    """Return whether a file that was found in a folder or by a glob contains pages.

    A file with a suffix of an image contains pages even if it cannot be decoded, so that an error is
    reported. The content of a file with an unknown suffix, or without one, is detected from its first bytes.
    """
    if has_image_suffix(path):
        return True
    if path.suffix.lower() in OTHER_SUFFIXES or path.name.upper() in _NOT_PAGES:
        return False
    try:
        return has_page_signature(bytes_from_file(path, HEAD_BYTES))
    except InputError:  # such as a pipe, which is not opened
        return False


def has_page_signature(head: bytes) -> bool:
    """Return whether the first bytes of a file are those of a supported type.

    This is stricter than the detection of a file that is passed by name: short signatures and signatures that
    may be anywhere in the first bytes also occur in other files.
    """
    if head.startswith(b"BM"):
        return len(head) >= 18 and struct.unpack_from("<I", head, 14)[0] in _BMP_HEADER_BYTES
    if head.startswith(b"%PDF-") or dicom.has_preamble(head):
        return True
    return any(form.matches(head) for form in (opencv_image, tiff, heic))


def has_image_suffix(path: Path) -> bool:
    """Return whether the suffix is one of IMAGE_SUFFIXES."""
    return path.suffix.lower() in IMAGE_SUFFIXES


def kind_of_file(path: Path) -> str:
    """Return the kind of a file for a summary: its suffix in lower case, "without suffix" or "other"."""
    suffix = path.suffix.lower()
    if not suffix:
        return "without suffix"
    is_name = suffix[1:].isalnum() and not suffix[1:].isdecimal() and len(suffix) <= _MAX_KIND_CHARS
    return suffix if is_name else "other"
