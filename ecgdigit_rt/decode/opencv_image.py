"""PNG, JPEG, BMP, WebP, GIF and AVIF, decoded by OpenCV. Only the first frame of an animation is a page."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from ecgdigit_rt.decode.image_header import (
    OS2_BMP,
    InvalidHeader,
    header_from_bytes,
    kind_from_head,
    png_size,
)
from ecgdigit_rt.decode.limits import check_page, check_size
from ecgdigit_rt.decode.pixel_aspect import square_pixels
from ecgdigit_rt.decode.pixels import apply_orientation, rgb_from_pixels, row_bands
from ecgdigit_rt.decode.pixels_only import drawing as drawing
from ecgdigit_rt.decode.pixels_only import words as words
from ecgdigit_rt.decode.read_file import bytes_from_file
from ecgdigit_rt.errors import UnreadableImage, UnsupportedType

_SIGNATURE_BYTES = 64  # more than the signature of every format

AS_STORED = cv2.IMREAD_UNCHANGED
"""OpenCV flags for decoding with the stored bit depth and channels."""

DIRECTLY_TO_RGB = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
"""OpenCV flags for decoding to three channels of 8 bits in RGB order.

The decoded pixels need no further conversion, which would be a second pass over them.
"""


def matches(head: bytes) -> bool:
    """Return whether a file that starts with these bytes is PNG, JPEG, BMP, WebP, GIF or AVIF."""
    return kind_from_head(head) is not None


def page_count(path: Path) -> int:  # noqa: ARG001 the same for every path
    """Return 1: every file is one page."""
    return 1


def rgb(path: Path, page: int, max_pixels: int) -> NDArray[np.uint8]:
    """Decode the image. Raises UnreadableImage, UnsupportedType or ImageSizeOutOfRange."""
    check_page(path, page, 1)
    data = _image_bytes(path)
    try:
        header = header_from_bytes(data)
    except InvalidHeader as error:
        raise UnreadableImage(path, str(error)) from error
    check_size(path, header.width, header.height, max_pixels)
    # JPEG contains no alpha, so it is decoded directly to RGB. AVIF of high bit depth and OS/2 BMP must be
    # decoded directly: with AS_STORED, OpenCV does not scale 10 bits of an AVIF to 16 bits, and it decodes
    # OS/2 BMP as gray.
    is_direct = header.kind in ("JPEG", OS2_BMP) or header.is_high_bit_depth
    pixels = decode_with_opencv(path, data, header.kind, DIRECTLY_TO_RGB if is_direct else AS_STORED)
    square = square_pixels(pixels, header.density, max_pixels)
    return apply_orientation(rgb_from_pixels(square), header.orientation)


def _image_bytes(path: Path) -> bytes:
    """Return the bytes of a file, without those behind the end of a PNG. Raises InputError."""
    head = bytes_from_file(path, _SIGNATURE_BYTES)
    if kind_from_head(head) != "PNG":
        return bytes_from_file(path)
    with path.open("rb", buffering=0) as file:

        def read(at: int, size: int) -> bytes:
            file.seek(at)
            return file.read(size)

        size = png_size(read)
    return bytes_from_file(path, -1 if size is None else size)


def decode_with_opencv(path: Path, data: bytes | bytearray, kind: str, flags: int = AS_STORED) -> MatLike:
    """Decode the first image in `data` to gray, RGB or RGBA pixels of type uint8 or uint16.

    `path` and `kind`, the name of the format, are used only in error messages. Raises UnreadableImage,
    UnsupportedType or MemoryError.
    """
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        if error.code == cv2.Error.StsNoMem:
            raise MemoryError(f"decoding {kind}") from error
        raise UnreadableImage(path, f"the {kind} data are damaged") from error
    if pixels is None:
        raise UnreadableImage(path, f"the {kind} data are damaged or truncated")
    if pixels.dtype not in (np.uint8, np.uint16):
        image_type = f"an image with {pixels.dtype} samples"
        raise UnsupportedType(path, image_type, "Save the image with 8 or 16 bits per channel.")
    return pixels if flags == DIRECTLY_TO_RGB else _reverse_channels(pixels)


def _reverse_channels(pixels: MatLike) -> MatLike:
    """Reverse BGR or BGRA to RGB or RGBA in place, and return the image."""
    code = {3: cv2.COLOR_BGR2RGB, 4: cv2.COLOR_BGRA2RGBA}.get(pixels.shape[2]) if pixels.ndim == 3 else None
    if code is not None:
        for rows in row_bands(*pixels.shape[:2]):
            cv2.cvtColor(pixels[rows], code, dst=pixels[rows])
    return pixels
