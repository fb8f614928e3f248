"""What an image file says of itself before it is decoded: type, size, EXIF orientation.

The size is checked before a decoder allocates the picture, and the orientation is applied by us,
so that every type is treated alike (OpenCV ignores it where it keeps an alpha channel). TIFF has
its own module.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

from ecgdigit_rt.decode.avif_boxes import brands, primary_item
from ecgdigit_rt.decode.tiff_directories import ORIENTATION, first_tags

_SIGNATURES = {b"\x89PNG\r\n\x1a\n": "PNG", b"\xff\xd8\xff": "JPEG", b"BM": "BMP", b"GIF8": "GIF"}
OS2_BMP = "OS/2 BMP"
_OS2_BMP_BYTES = 12  # of the header, in which sides have two bytes
_JPEG_SOF = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_MOST_PARTS = 100_000  # segments or chunks: files have some twenty, or one for every 8 kB
_MOST_SCANS = 500  # of a progressive JPEG: an encoder writes ten; each goes over the whole picture
_FILL = re.compile(rb"\xff*")
_JPEG_BARE = frozenset({0x01, *range(0xD0, 0xD9)})


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """`width` and `height` are as stored, before `orientation` (EXIF, 1 to 8) is applied.

    `is_deep` says of an AVIF that it has 10 or 12 bits.
    """

    kind: str
    width: int
    height: int
    orientation: int = 1
    is_deep: bool = False


class BadHeader(ValueError):
    """The signature is right and the rest is not."""


def kind_from_head(head: bytes) -> str | None:
    """PNG, JPEG, BMP, WebP, GIF or AVIF by the file's first bytes; None for any other content."""
    for signature, kind in _SIGNATURES.items():
        if head.startswith(signature):
            return kind
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "WebP"
    return None if brands(head).isdisjoint({b"avif", b"avis"}) else "AVIF"


def header_from_bytes(data: bytes) -> ImageHeader:
    """Read the header of a file of these kinds. Raises BadHeader where it is cut or damaged in it."""
    readers = {"PNG": _png, "JPEG": _jpeg, "BMP": _bmp, "WebP": _webp, "GIF": _gif, "AVIF": _avif}
    kind = kind_from_head(data)
    if kind is None:
        raise BadHeader("it is no image")
    try:
        return readers[kind](data)
    except (struct.error, IndexError) as error:
        raise BadHeader("it ends inside its header") from error


def _png(data: bytes) -> ImageHeader:
    width, height = struct.unpack_from(">II", data, 16)
    orientation, at = 1, 8
    for _ in range(_MOST_PARTS):
        if at + 12 > len(data):
            return ImageHeader("PNG", width, height, orientation)
        (length,) = struct.unpack_from(">I", data, at)
        if length > len(data) - at - 12:  # OpenCV allocates what it says, up to 4 GB
            raise BadHeader("it ends inside a chunk")
        if data[at + 4 : at + 8] == b"eXIf":
            orientation = _exif_orientation(data[at + 8 : at + 8 + length])
        at += 12 + length
    raise BadHeader(f"it has more than {_MOST_PARTS} chunks")


def _jpeg(data: bytes) -> ImageHeader:
    orientation, at = 1, 2
    for _ in range(_MOST_PARTS):
        if data[at] != 0xFF:
            break
        at = _FILL.match(data, at).end() - 1  # type: ignore[union-attr] # it matches at least what was seen
        marker = data[at + 1]
        if marker in _JPEG_BARE:  # it has no length
            at += 2
            continue
        (length,) = struct.unpack_from(">H", data, at + 2)
        if marker == 0xE1 and data[at + 4 : at + 10] == b"Exif\0\0":
            orientation = _exif_orientation(data[at + 10 : at + 2 + length])
        if marker in _JPEG_SOF:
            height, width = struct.unpack_from(">HH", data, at + 5)
            if data.count(b"\xff\xda", at) > _MOST_SCANS:
                raise BadHeader(f"it has more than {_MOST_SCANS} scans")
            return ImageHeader("JPEG", width, height, orientation)
        if marker in (0xD9, 0xDA):
            raise BadHeader("it holds no picture")
        at += 2 + length
    raise BadHeader("its JPEG segments are damaged")


def _bmp(data: bytes) -> ImageHeader:
    is_of_os2 = struct.unpack_from("<I", data, 14) == (_OS2_BMP_BYTES,)
    width, height = struct.unpack_from("<HH" if is_of_os2 else "<ii", data, 18)
    return ImageHeader(OS2_BMP if is_of_os2 else "BMP", abs(width), abs(height))


def _gif(data: bytes) -> ImageHeader:
    width, height = struct.unpack_from("<HH", data, 6)
    return ImageHeader("GIF", width, height)


def _avif(data: bytes) -> ImageHeader:
    item = primary_item(data)
    if item is None:
        raise BadHeader("it holds no picture")
    return ImageHeader("AVIF", item.width, item.height, item.orientation, item.is_deep)


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
    for _ in range(_MOST_PARTS):
        if at + 8 > len(data):
            break
        (length,) = struct.unpack_from("<I", data, at + 4)
        if data[at : at + 4] == b"EXIF":
            body = data[at + 8 : at + 8 + length]
            orientation = _exif_orientation(body.removeprefix(b"Exif\0\0"))
        at += 8 + length + (length & 1)
    return ImageHeader("WebP", width, height, orientation)


def _exif_orientation(exif: bytes) -> int:
    """Orientation of an EXIF block, 1 where it says nothing or is damaged: no reason to refuse."""
    try:
        tags = first_tags(exif)
    except struct.error:
        return 1
    value = tags[ORIENTATION].value if ORIENTATION in tags else 1
    return value if 1 <= value <= 8 else 1
