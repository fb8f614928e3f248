"""What a DICOM file may make of the memory: deflated data, compressed frames, frames that are not there."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from ecgdigit_rt.decode.image_header import BadHeader, header_from_bytes, kind_from_head
from ecgdigit_rt.decode.jpeg2000 import jpeg2000_size
from ecgdigit_rt.decode.limits import check_count
from ecgdigit_rt.errors import UnreadableImage

if TYPE_CHECKING:
    from pydicom import Dataset
    from pydicom.dataset import FileMetaDataset

MAX_INFLATED_BYTES = 2**28
"""Of a deflated file, which pydicom inflates as a whole before it reads a thing. A page has some 30 MB."""

_GROUP_LENGTH_END = (
    128 + 4 + 12
)  # preamble, "DICM", and the element that says how long the rest of the meta is
_BLOCK_BYTES = 2**20
_FRAGMENT_BYTES = 8  # the head of an empty one


def check_inflated(path: Path, meta: FileMetaDataset) -> None:
    """Raises UnreadableImage for a deflated file that is damaged or grows too large, and OSError."""
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


def frame_count(path: Path, header: Dataset) -> int:
    """How many frames it says it has; where the file cannot hold so many, one more than it can hold.

    So the first frame that is lost fails by its name, and not thousands of them. Raises UnreadableImage
    for a count that cannot be, and what pydicom raises for values that are none.
    """
    told = max(1, int(header.get("NumberOfFrames") or 1))
    check_count(path, told)
    syntax = getattr(header, "file_meta", {}).get("TransferSyntaxUID")
    least = _FRAGMENT_BYTES
    if syntax is None or not syntax.is_compressed:
        samples = int(header.get("SamplesPerPixel") or 1)
        least = int(header.Rows) * int(header.Columns) * samples * int(header.BitsAllocated) // 8
    return min(told, path.stat().st_size // max(1, least) + 1)


def check_codestream(path: Path, header: Dataset, data: bytes) -> None:
    """Raises UnreadableImage where a compressed frame says of itself that it has another size."""
    size = jpeg2000_size(data)
    if size is None and kind_from_head(data) == "JPEG":
        try:
            frame = header_from_bytes(data)
        except BadHeader as error:
            raise UnreadableImage(path, f"the DICOM pixel data are damaged: {error}") from error
        size = frame.width, frame.height
    told = int(header.Columns), int(header.Rows)
    if size is not None and size != told:
        found = f"{size[0]} x {size[1]}, not {told[0]} x {told[1]}"
        raise UnreadableImage(path, f"its compressed picture is {found} px")
