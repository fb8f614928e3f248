"""What an image file says of itself before it is decoded: type, size, EXIF orientation.

The size is checked before a decoder allocates the picture, and the orientation is applied by us,
so that every type is treated alike (OpenCV ignores it where it keeps an alpha channel, and fails
on a turned TIFF).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

_ORIENTATION, _WIDTH, _HEIGHT = 274, 256, 257  # TIFF 6.0 tags, used by EXIF too
_JPEG_SOF = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_BARE = frozenset({0x01, *range(0xD0, 0xD9)})


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """`width` and `height` are as stored, before `orientation` (EXIF, 1 to 8) is applied.

    `orientation_at` is the byte offset of a TIFF's own orientation value, and its byte order.
    """

    kind: str
    width: int
    height: int
    orientation: int = 1
    orientation_at: tuple[int, str] | None = None


class BadHeader(ValueError):
    """The signature is right and the rest is not."""


def header_from_bytes(data: bytes) -> ImageHeader | None:
    """Read the header of a PNG, JPEG, TIFF, BMP or WebP file; None for any other content.

    Raises BadHeader where the file is cut or damaged inside its header.
    """
    try:
        if data.startswith(b"\x89PNG\r\n\x1a\n"):
            return _png(data)
        if data.startswith(b"\xff\xd8\xff"):
            return _jpeg(data)
        if data[:4] in (b"II*\0", b"MM\0*"):
            return _tiff(data)
        if data.startswith(b"BM"):
            width, height = struct.unpack_from("<ii", data, 18)
            return ImageHeader("BMP", abs(width), abs(height))
        if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
            return _webp(data)
    except (struct.error, IndexError) as error:
        raise BadHeader("it ends inside its header") from error
    return None


def _png(data: bytes) -> ImageHeader:
    width, height = struct.unpack_from(">II", data, 16)
    orientation, at = 1, 8
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        kind = data[at + 4 : at + 8]
        if kind == b"eXIf":
            orientation = _exif_orientation(data[at + 8 : at + 8 + length])
        if kind in (b"IDAT", b"IEND"):
            break
        at += 12 + length
    return ImageHeader("PNG", width, height, orientation)


def _jpeg(data: bytes) -> ImageHeader:
    orientation, at = 1, 2
    while True:
        if data[at] != 0xFF:
            raise BadHeader("its JPEG segments are damaged")
        marker = data[at + 1]
        if marker == 0xFF or marker in _JPEG_BARE:  # fill byte, or a marker without a length
            at += 1 if marker == 0xFF else 2
            continue
        (length,) = struct.unpack_from(">H", data, at + 2)
        if marker == 0xE1 and data[at + 4 : at + 10] == b"Exif\0\0":
            orientation = _exif_orientation(data[at + 10 : at + 2 + length])
        if marker in _JPEG_SOF:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return ImageHeader("JPEG", width, height, orientation)
        if marker in (0xD9, 0xDA):
            raise BadHeader("it holds no picture")
        at += 2 + length


def _tiff(data: bytes) -> ImageHeader:
    order = "<" if data[:2] == b"II" else ">"
    tags = _first_ifd(data, order)
    if _WIDTH not in tags or _HEIGHT not in tags:
        raise BadHeader("its TIFF directory is damaged")
    orientation, at = tags.get(_ORIENTATION, (1, 0))
    return ImageHeader(
        "TIFF",
        tags[_WIDTH][0],
        tags[_HEIGHT][0],
        orientation if 1 <= orientation <= 8 else 1,
        (at, order) if at else None,
    )


def _webp(data: bytes) -> ImageHeader:
    kind = data[12:16]
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return ImageHeader("WebP", width & 0x3FFF, height & 0x3FFF)
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return ImageHeader("WebP", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    width = int.from_bytes(data[24:27], "little") + 1
    height = int.from_bytes(data[27:30], "little") + 1
    orientation, at = 1, 12
    while at + 8 <= len(data):
        (length,) = struct.unpack_from("<I", data, at + 4)
        if data[at : at + 4] == b"EXIF":
            body = data[at + 8 : at + 8 + length]
            orientation = _exif_orientation(body.removeprefix(b"Exif\0\0"))
        at += 8 + length + (length & 1)
    return ImageHeader("WebP", width, height, orientation)


def _exif_orientation(exif: bytes) -> int:
    """Orientation of an EXIF block, 1 where it says nothing or is damaged: no reason to refuse."""
    try:
        order = {b"II": "<", b"MM": ">"}.get(exif[:2])
        value = _first_ifd(exif, order).get(_ORIENTATION, (1, 0))[0] if order else 1
    except struct.error:
        return 1
    return value if 1 <= value <= 8 else 1


def _first_ifd(data: bytes, order: str) -> dict[int, tuple[int, int]]:
    """Short and long tags of a TIFF's first directory: tag → (value, the value's offset)."""
    (start,) = struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + "H", data, start)
    tags = {}
    for i in range(count):
        at = start + 2 + 12 * i
        tag, kind = struct.unpack_from(order + "HH", data, at)
        if kind in (3, 4):
            (value,) = struct.unpack_from(order + {3: "H", 4: "I"}[kind], data, at + 8)
            tags[tag] = (value, at + 8)
    return tags
