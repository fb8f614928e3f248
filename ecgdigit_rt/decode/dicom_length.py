"""Check that the pixel data of a DICOM file are not longer than its header declares.

A header that declares too few rows would cut the page, and pydicom only warns about the excess.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING

from ecgdigit_rt.errors import UnreadableImage

if TYPE_CHECKING:
    from pydicom import Dataset

MAX_EXCESS_SHARE = 0.01
"""Maximum excess of the pixel data, as a share of their declared length. Hand-picked, not tuned.

Some programs pad the data to whole blocks. A page that loses a hundredth of its height loses no trace.
"""

_DEFERRED_BYTES = 1024  # elements of this size are not loaded, so that their length is known without reading
_RLE_HEADER = struct.Struct("<16I")  # number of segments, and their offsets (PS3.5 G.5)


def check_uncompressed_length(path: Path, header: Dataset) -> None:
    """Raise UnreadableImage if uncompressed pixel data are longer than the header declares.

    The pixel data are not read. Raises the exceptions of pydicom.
    """
    from pydicom import dcmread
    from pydicom.pixels.utils import get_expected_length

    dataset = dcmread(path, force=True, defer_size=_DEFERRED_BYTES, specific_tags=["PixelData"])
    if "PixelData" not in dataset:
        return
    length = getattr(dataset.get_item("PixelData", keep_deferred=True), "length", None)
    _check(path, len(dataset.PixelData) if length is None else length, get_expected_length(header))


def check_rle_length(path: Path, header: Dataset, frame: bytes) -> None:
    """Raise UnreadableImage if a frame compressed with RLE contains more pixels than the header declares.

    Only the first segment is checked: it contains one byte of each pixel.
    """
    if len(frame) < _RLE_HEADER.size:
        return  # pydicom reports truncated data
    count, start, end, *_ = _RLE_HEADER.unpack_from(frame)
    segment = memoryview(frame)[start : end if count > 1 else len(frame)]
    _check(path, _rle_decoded_length(segment), int(header.Rows) * int(header.Columns))


def _check(path: Path, actual: int, declared: int) -> None:
    if actual > declared * (1 + MAX_EXCESS_SHARE) + 1:  # data of odd length are padded with one byte
        sizes = f"{actual} bytes, but its header declares an image of {declared} bytes"
        raise UnreadableImage(path, f"the DICOM pixel data have {sizes}")


def _rle_decoded_length(segment: memoryview) -> int:
    """Return the number of bytes to which a segment expands (PackBits, PS3.5 G.3.1)."""
    length = at = 0
    while at + 1 < len(segment):
        control = segment[at]
        if control < 128:
            length, at = length + control + 1, at + control + 2
        elif control > 128:
            length, at = length + 257 - control, at + 2
        else:
            at += 1
    return length
