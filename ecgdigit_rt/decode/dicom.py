"""DICOM: secondary captures and scans, frame by frame, and PDFs that are wrapped in one.

Read by pydicom (the extra `dicom`). A waveform or a report is a DICOM file too, and is refused by name.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.decode import pdf
from ecgdigit_rt.decode.dicom_frame import stored_frame
from ecgdigit_rt.decode.dicom_limits import check_inflated, frame_count
from ecgdigit_rt.decode.dicom_pixels import rgb_from_frame
from ecgdigit_rt.decode.limits import check_page, check_size
from ecgdigit_rt.decode.read_file import bytes_from_file
from ecgdigit_rt.errors import DependencyMissing, EcgDigitError, UnreadableImage, UnsupportedType

if TYPE_CHECKING:
    from pydicom import Dataset

_PREAMBLE_BYTES = 128
_LARGE_ELEMENT_BYTES = 2**20
_LONGEST_REASON = 200
_FIRST_GROUPS = (b"\2\0\0\0", b"\x08\0\0\0", b"\x08\0\1\0", b"\x08\0\5\0", b"\x08\0\x08\0", b"\x08\0\x16\0")

# What pydicom raises for content that is not as it should be.
_DAMAGE = (
    ValueError,
    AttributeError,
    LookupError,
    TypeError,
    RuntimeError,
    EOFError,
    OSError,
    struct.error,
    ArithmeticError,
    zlib.error,
)


def matches(head: bytes) -> bool:
    """With the preamble of a DICOM file, or without it, as some archives keep them."""
    return head[_PREAMBLE_BYTES:][:4] == b"DICM" or head.startswith(_FIRST_GROUPS)


def page_count(path: Path) -> int:
    with _telling_damage(path, "header is"):
        header = _header(path)
        wrapped = _wrapped_pdf(header)
        if wrapped is not None:
            return pdf.page_count_of(path, wrapped)
        return frame_count(path, header) if "Rows" in header else 1


def rgb(path: Path, page: int, max_pixels: int) -> NDArray[np.uint8]:
    """Raises UnreadableImage, UnsupportedType, ImageSizeOutOfRange, DependencyMissing, PasswordProtected."""
    with _telling_damage(path, "header is"):
        header = _header(path)
        wrapped = _wrapped_pdf(header)
        if wrapped is None and ("Rows" not in header or "Columns" not in header):
            raise _without_image(path, header)
    if wrapped is not None:
        return pdf.rgb_from_pdf(path, wrapped, page, max_pixels)
    with _telling_damage(path, "pixel data are"):
        check_page(path, page, frame_count(path, header))
        check_size(path, int(header.Columns), int(header.Rows), max_pixels)
        return rgb_from_frame(stored_frame(path, header, page), header)


@contextmanager
def _telling_damage(path: Path, what: str) -> Iterator[None]:
    """Turn what pydicom raises for content that is not as it should be into UnreadableImage."""
    try:
        from pydicom import errors
    except ImportError as error:
        raise DependencyMissing("pydicom", "reading a DICOM file", "dicom") from error
    try:
        yield
    except EcgDigitError:
        raise
    except (*_DAMAGE, errors.BytesLengthException, errors.InvalidDicomError) as error:
        said = str(error)[:_LONGEST_REASON]  # it may quote a value of any length
        raise UnreadableImage(path, f"the DICOM {what} damaged ({said})") from error


def _header(path: Path) -> Dataset:
    """All but the pixels; what is large is read when it is asked for."""
    from pydicom import dcmread
    from pydicom.filereader import read_file_meta_info
    from pydicom.uid import DeflatedExplicitVRLittleEndian

    has_meta = bytes_from_file(path, _PREAMBLE_BYTES + 4)[_PREAMBLE_BYTES:] == b"DICM"
    meta = read_file_meta_info(path) if has_meta else None
    if meta is not None and meta.get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian:
        check_inflated(path, meta)
        return dcmread(path, stop_before_pixels=True)
    return dcmread(path, stop_before_pixels=True, force=True, defer_size=_LARGE_ELEMENT_BYTES)


def _wrapped_pdf(header: Dataset) -> bytes | None:
    """The document of an Encapsulated PDF (PS3.3 A.45.1)."""
    document = header.get("EncapsulatedDocument")
    return document if isinstance(document, bytes) and document.startswith(b"%PDF-") else None


def _without_image(path: Path, header: Dataset) -> UnreadableImage | UnsupportedType:
    kind = header.get("SOPClassUID")
    if kind is None:
        return UnreadableImage(path, "the DICOM header is cut short")
    if "WaveformSequence" in header:
        fix = "It holds the signals themselves: read them with pydicom's waveform_array."
        return UnsupportedType(path, f"a DICOM waveform ({kind.name})", fix)
    fix = "Give the file that holds the picture, or export that as PNG or PDF."
    return UnsupportedType(path, f"a DICOM file without an image ({kind.name})", fix)
