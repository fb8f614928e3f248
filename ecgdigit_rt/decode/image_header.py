"""Headers of image files: type, size, EXIF orientation and pixel density, read without decoding.

The size is checked before a decoder allocates memory for the image. The orientation is applied after
decoding, because OpenCV ignores it for images with an alpha channel. The module `tiff` reads TIFF headers.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

from ecgdigit_rt.decode.avif_boxes import brands_from_head, primary_image
from ecgdigit_rt.decode.pixel_aspect import UNKNOWN_DENSITY, Density
from ecgdigit_rt.decode.tiff_directories import ORIENTATION, Read, first_tags

_SIGNATURES = {b"\x89PNG\r\n\x1a\n": "PNG", b"\xff\xd8\xff": "JPEG", b"BM": "BMP", b"GIF8": "GIF"}
OS2_BMP = "OS/2 BMP"
_OS2_BMP_BYTES = 12  # size of the info header of an OS/2 BMP, in which width and height have two bytes
_BMP_DENSITY_BYTES = 40  # minimum size of an info header that contains pixels per metre

_PNG_END = b"IEND"  # type of the last chunk, which contains no data (PNG specification, 11.2.5)

# SOC and SIZ, the markers that start every JPEG 2000 codestream (T.800, A.2).
_CODESTREAM = b"\xff\x4f\xff\x51"

_JPEG_SOF = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # start of frame (T.81, table B.1)
_JPEG_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})
_FILL = re.compile(rb"\xff*")

_MAX_CHUNKS = 100_000
"""Maximum number of chunks of a PNG or WebP, and of segments of a JPEG.

Hand-picked, not tuned: files have about twenty, or one per 8 kB of pixel data.
"""

_MAX_SCANS = 500
"""Maximum number of scans of a progressive JPEG. Decoding a scan can process the whole image.

Hand-picked, not tuned: encoders write about ten.
"""


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """Header of an image file.

    `width` and `height` are those of the stored pixels, before `orientation` (EXIF, 1 to 8) is applied.
    `is_high_bit_depth` is true for an AVIF with 10 or 12 bits per channel. `density` is that of the stored
    pixels, across and down (PNG pHYs, JPEG JFIF, BMP).
    """

    kind: str
    width: int
    height: int
    orientation: int = 1
    is_high_bit_depth: bool = False
    density: Density = UNKNOWN_DENSITY


class InvalidHeader(ValueError):
    """The header of an image file is truncated or damaged, or the signature of the file is unknown."""


def kind_from_head(head: bytes) -> str | None:
    """Detect PNG, JPEG, BMP, WebP, GIF or AVIF from the first bytes of a file, or return None."""
    for signature, kind in _SIGNATURES.items():
        if head.startswith(signature):
            return kind
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "WebP"
    return None if brands_from_head(head).isdisjoint({b"avif", b"avis"}) else "AVIF"


def header_from_bytes(data: bytes) -> ImageHeader:
    """Parse the header of an image file.

    Raises InvalidHeader if the header is truncated or damaged, or the type is unknown.
    """
    readers = {"PNG": _png, "JPEG": _jpeg, "BMP": _bmp, "WebP": _webp, "GIF": _gif, "AVIF": _avif}
    kind = kind_from_head(data)
    if kind is None:
        raise InvalidHeader("it is not an image")
    try:
        return readers[kind](data)
    except (struct.error, IndexError) as error:
        raise InvalidHeader("it ends inside its header") from error


def jpeg2000_size(data: bytes) -> tuple[int, int] | None:
    """Return the width and height of the first JPEG 2000 codestream in `data`, or None if there is none.

    The PDF or DICOM file that contains the codestream may declare another size.
    """
    start = data.find(_CODESTREAM)
    if start < 0 or len(data) < start + 24:
        return None
    right, bottom, left, top = struct.unpack_from(">IIII", data, start + 8)
    return right - left, bottom - top


def png_size(read: Read) -> int | None:
    """Return the number of bytes of a PNG up to the end of its last chunk, or None if it has no last chunk.

    Other bytes may follow, which belong to no image. Only the headers of the chunks are read.
    """
    at = 8
    for _ in range(_MAX_CHUNKS):
        header = read(at, 8)
        if len(header) < 8:
            return None
        at += 12 + int.from_bytes(header[:4], "big")
        if header[4:] == _PNG_END:
            return at
    return None


def _png(data: bytes) -> ImageHeader:
    width, height = struct.unpack_from(">II", data, 16)
    orientation, density, at = 1, UNKNOWN_DENSITY, 8
    for _ in range(_MAX_CHUNKS):
        if at + 12 > len(data) or data[at - 8 : at - 4] == _PNG_END:
            return ImageHeader("PNG", width, height, orientation, density=density)
        (length,) = struct.unpack_from(">I", data, at)
        if length > len(data) - at - 12:  # OpenCV allocates the declared length, up to 4 GB
            raise InvalidHeader("it ends inside a chunk")
        if data[at + 4 : at + 8] == b"eXIf":
            orientation = _exif_orientation(data[at + 8 : at + 8 + length])
        if data[at + 4 : at + 8] == b"pHYs" and length >= 8:
            density = struct.unpack_from(">II", data, at + 8)
        at += 12 + length
    raise InvalidHeader(f"it has more than {_MAX_CHUNKS} chunks")


def _jpeg(data: bytes) -> ImageHeader:
    orientation, density, at = 1, UNKNOWN_DENSITY, 2
    for _ in range(_MAX_CHUNKS):
        if data[at] != 0xFF:
            break
        at = _FILL.match(data, at).end() - 1  # type: ignore[union-attr] # matches at least the byte above
        marker = data[at + 1]
        if marker in _JPEG_WITHOUT_LENGTH:
            at += 2
            continue
        (length,) = struct.unpack_from(">H", data, at + 2)
        if marker == 0xE0 and data[at + 4 : at + 9] == b"JFIF\0":
            density = struct.unpack_from(">HH", data, at + 12)
        if marker == 0xE1 and data[at + 4 : at + 10] == b"Exif\0\0":
            orientation = _exif_orientation(data[at + 10 : at + 2 + length])
        if marker in _JPEG_SOF:
            height, width = struct.unpack_from(">HH", data, at + 5)
            if data.count(b"\xff\xda", at) > _MAX_SCANS:
                raise InvalidHeader(f"it has more than {_MAX_SCANS} scans")
            return ImageHeader("JPEG", width, height, orientation, density=density)
        if marker in (0xD9, 0xDA):
            raise InvalidHeader("it contains no image")
        at += 2 + length
    raise InvalidHeader("its JPEG segments are damaged")


def _bmp(data: bytes) -> ImageHeader:
    (info_bytes,) = struct.unpack_from("<I", data, 14)
    is_os2 = info_bytes == _OS2_BMP_BYTES
    width, height = struct.unpack_from("<HH" if is_os2 else "<ii", data, 18)
    density = struct.unpack_from("<ii", data, 38) if info_bytes >= _BMP_DENSITY_BYTES else UNKNOWN_DENSITY
    return ImageHeader(OS2_BMP if is_os2 else "BMP", abs(width), abs(height), density=density)


def _gif(data: bytes) -> ImageHeader:
    width, height = struct.unpack_from("<HH", data, 6)
    return ImageHeader("GIF", width, height)


def _avif(data: bytes) -> ImageHeader:
    image = primary_image(data)
    if image is None:
        raise InvalidHeader("it contains no image")
    return ImageHeader("AVIF", image.width, image.height, image.orientation, image.is_high_bit_depth)


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
    for _ in range(_MAX_CHUNKS):
        if at + 8 > len(data):
            break
        (length,) = struct.unpack_from("<I", data, at + 4)
        if data[at : at + 4] == b"EXIF":
            body = data[at + 8 : at + 8 + length]
            orientation = _exif_orientation(body.removeprefix(b"Exif\0\0"))
        at += 8 + length + (length & 1)
    return ImageHeader("WebP", width, height, orientation)


def _exif_orientation(exif: bytes) -> int:
    """Return the orientation of an EXIF block, or 1 if the orientation is missing or damaged."""
    try:
        tags = first_tags(exif)
    except struct.error:
        return 1
    value = tags[ORIENTATION].value if ORIENTATION in tags else 1
    return value if 1 <= value <= 8 else 1
