"""DICOM files: images, in which each frame is a page, and encapsulated PDFs.

pydicom (extra `dicom`) decodes these files. DICOM files without an image, such as waveforms and reports, are
rejected with a message that names their type.
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
from ecgdigit_rt.decode.dicom_pixels import rgb_from_frame, stored_frame
from ecgdigit_rt.decode.limits import check_count, check_page, check_size
from ecgdigit_rt.decode.read_file import bytes_from_file
from ecgdigit_rt.drawing import Drawing
from ecgdigit_rt.errors import DependencyMissing, EcgDigitError, UnreadableImage, UnsupportedType
from ecgdigit_rt.words import Word

if TYPE_CHECKING:
    from pydicom import Dataset
    from pydicom.dataset import FileMetaDataset

MAX_INFLATED_BYTES = 2**28
"""Maximum size in bytes to which a deflated file is inflated. pydicom inflates such a file as a whole.

Hand-picked, not tuned: a page is about 30 MB.
"""

_MAX_REASON_CHARS = 200
"""Maximum length of an error message of pydicom that is quoted. Hand-picked, not tuned."""

_LARGE_ELEMENT_BYTES = 2**20
"""Size in bytes from which an element is loaded only when it is accessed. Hand-picked, not tuned."""

_BLOCK_BYTES = 2**20
"""Size in bytes of the blocks in which a deflated file is inflated to check it. Hand-picked, not tuned."""

_PREAMBLE_BYTES = 128
# End of the element that follows "DICM". It contains the length of the rest of the file meta information.
_GROUP_LENGTH_END = _PREAMBLE_BYTES + 4 + 12
_FRAGMENT_BYTES = 8  # minimum size of a fragment of compressed pixels: its header
# First tags of files that have no preamble, in little-endian byte order.
_FIRST_TAGS = (b"\2\0\0\0", b"\x08\0\0\0", b"\x08\0\1\0", b"\x08\0\5\0", b"\x08\0\x08\0", b"\x08\0\x16\0")

# Exceptions that pydicom raises for invalid content.
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
    """Return whether a file that starts with these bytes is DICOM.

    Files without a preamble are accepted, because some archives omit it.
    """
    return has_preamble(head) or head.startswith(_FIRST_TAGS)


def has_preamble(head: bytes) -> bool:
    """Return whether a file that starts with these bytes has the preamble and the signature of DICOM."""
    return head[_PREAMBLE_BYTES:][:4] == b"DICM"


def page_count(path: Path) -> int:
    """Return the number of frames or of pages of an encapsulated PDF, or 1 if the file has no image.

    Raises UnreadableImage, PasswordProtected, UnsupportedType or DependencyMissing.
    """
    with _damage_as_unreadable_image(path, "header is"):
        header = _header(path)
        document = _encapsulated_pdf(header)
        if document is not None:
            return pdf.page_count_from_pdf(path, document)
        return _frame_count(path, header) if "Rows" in header else 1


def rgb(path: Path, page: int, max_pixels: int) -> NDArray[np.uint8]:
    """Decode one frame, or render one page of an encapsulated PDF.

    Raises UnreadableImage, UnsupportedType, ImageSizeOutOfRange, DependencyMissing or PasswordProtected.
    """
    with _damage_as_unreadable_image(path, "header is"):
        header = _header(path)
        document = _encapsulated_pdf(header)
        if document is None and ("Rows" not in header or "Columns" not in header):
            raise _no_image_error(path, header)
    if document is not None:
        return pdf.rgb_from_pdf(path, document, page, max_pixels)
    with _damage_as_unreadable_image(path, "pixel data are"):
        check_page(path, page, _frame_count(path, header))
        check_size(path, int(header.Columns), int(header.Rows), max_pixels)
        return rgb_from_frame(stored_frame(path, header, page), header)


def words(path: Path, page: int, max_pixels: int) -> tuple[Word, ...]:
    """Return the words of one page of an encapsulated PDF, or no words for an image.

    Raises the errors of `rgb`.
    """
    with _damage_as_unreadable_image(path, "header is"):
        document = _encapsulated_pdf(_header(path))
    return () if document is None else pdf.words_from_pdf(path, document, page, max_pixels)


def drawing(path: Path, page: int, max_pixels: int) -> Drawing | None:
    """Return the line drawing of one page of an encapsulated PDF, or None. Raises the errors of `rgb`."""
    with _damage_as_unreadable_image(path, "header is"):
        document = _encapsulated_pdf(_header(path))
    return None if document is None else pdf.drawing_from_pdf(path, document, page, max_pixels)


@contextmanager
def _damage_as_unreadable_image(path: Path, subject: str) -> Iterator[None]:
    """Turn the exceptions that pydicom raises for invalid content into UnreadableImage.

    Raises DependencyMissing if pydicom is not installed.
    """
    try:
        from pydicom import errors
    except ImportError as error:
        raise DependencyMissing("pydicom", "Reading a DICOM file", "dicom") from error
    try:
        yield
    except EcgDigitError:
        raise
    except (*_DAMAGE, errors.BytesLengthException, errors.InvalidDicomError) as error:
        reason = str(error)[:_MAX_REASON_CHARS]  # the message may quote a value of any length
        raise UnreadableImage(path, f"the DICOM {subject} damaged ({reason})") from error


def _header(path: Path) -> Dataset:
    """Return all elements before the pixel data.

    Unless the file is deflated, large elements are loaded when they are accessed. Raises UnreadableImage and
    the exceptions of pydicom.
    """
    from pydicom import dcmread
    from pydicom.filereader import read_file_meta_info
    from pydicom.uid import DeflatedExplicitVRLittleEndian

    has_meta = bytes_from_file(path, _PREAMBLE_BYTES + 4)[_PREAMBLE_BYTES:] == b"DICM"
    meta = read_file_meta_info(path) if has_meta else None
    if meta is not None and meta.get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian:
        _check_inflated_size(path, meta)
        return dcmread(path, stop_before_pixels=True)
    return dcmread(path, stop_before_pixels=True, force=True, defer_size=_LARGE_ELEMENT_BYTES)


def _check_inflated_size(path: Path, meta: FileMetaDataset) -> None:
    """Raise UnreadableImage if a deflated file is damaged or exceeds MAX_INFLATED_BYTES.

    Raises OSError if the file cannot be read.
    """
    inflater, size = zlib.decompressobj(-zlib.MAX_WBITS), 0
    with path.open("rb") as file:
        file.seek(_GROUP_LENGTH_END + int(meta.get("FileMetaInformationGroupLength", 0)))
        try:
            while block := inflater.unconsumed_tail or file.read(_BLOCK_BYTES):
                size += len(inflater.decompress(block, _BLOCK_BYTES))
                if size > MAX_INFLATED_BYTES:
                    raise UnreadableImage(path, f"it inflates to more than {MAX_INFLATED_BYTES >> 20} MB")
        except zlib.error as error:
            raise UnreadableImage(path, f"the DICOM data are damaged ({error})") from error


def _frame_count(path: Path, header: Dataset) -> int:
    """Return the declared number of frames, but at most one more than the file can contain.

    A truncated file therefore reports at most one missing frame instead of thousands. Raises UnreadableImage
    if the declared number exceeds MAX_PAGES, and the exceptions of pydicom for invalid values.
    """
    declared = max(1, int(header.get("NumberOfFrames") or 1))
    check_count(path, declared)
    syntax = getattr(header, "file_meta", {}).get("TransferSyntaxUID")
    min_bytes = _FRAGMENT_BYTES
    if syntax is None or not syntax.is_compressed:
        samples = int(header.get("SamplesPerPixel") or 1)
        min_bytes = int(header.Rows) * int(header.Columns) * samples * int(header.BitsAllocated) // 8
    return min(declared, path.stat().st_size // max(1, min_bytes) + 1)


def _encapsulated_pdf(header: Dataset) -> bytes | None:
    """Return the PDF document that the file encapsulates (PS3.3 A.45.1), or None."""
    document = header.get("EncapsulatedDocument")
    return document if isinstance(document, bytes) and document.startswith(b"%PDF-") else None


def _no_image_error(path: Path, header: Dataset) -> UnreadableImage | UnsupportedType:
    """Return the error that describes a DICOM file without an image."""
    kind = header.get("SOPClassUID")
    if kind is None:
        return UnreadableImage(path, "the DICOM header is truncated")
    if "WaveformSequence" in header:
        fix = "The file contains the signals themselves. Read them with waveform_array of pydicom."
        return UnsupportedType(path, f"a DICOM waveform ({kind.name})", fix)
    fix = "Pass the file that contains the image, or export the image as PNG or PDF."
    return UnsupportedType(path, f"a DICOM file without an image ({kind.name})", fix)
