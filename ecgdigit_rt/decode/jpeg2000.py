"""The size that JPEG 2000 data state themselves: what holds them, a PDF or a DICOM file, may say another."""

from __future__ import annotations

import struct

_CODESTREAM = b"\xff\x4f\xff\x51"  # SOC and SIZ, the two that begin every codestream (T.800, A.2)


def jpeg2000_size(data: bytes) -> tuple[int, int] | None:
    """Width and height of the first codestream, boxed or bare; None where there is none."""
    start = data.find(_CODESTREAM)
    if start < 0 or len(data) < start + 24:
        return None
    right, bottom, left, top = struct.unpack_from(">IIII", data, start + 8)
    return right - left, bottom - top
