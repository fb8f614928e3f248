"""Image file → upright RGB. The first step of the way, and the only one that reads image files."""

from __future__ import annotations

import struct
from pathlib import Path

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from ecgdigit_rt.errors import (
    ImageSizeOutOfRange,
    InputNotFound,
    UnreadableImage,
    UnsupportedType,
)
from ecgdigit_rt.inputs.image_header import BadHeader, ImageHeader, header_from_bytes
from ecgdigit_rt.record import PageRef

MIN_SIDE_PX = 160
"""Below this no trace can be read: 10 s would have 16 px/s."""

MAX_PIXELS = 150_000_000
"""A4 at 1200 dpi is 139 MP; as RGB that is 417 MB."""

_FOREIGN = (  # content that people do have, and its way in
    (b"%PDF", "a PDF", "Make images of its pages: pdftoppm -r 300 -png page.pdf page"),
    (b"GIF8", "a GIF", "Save it as PNG."),
    (b"<svg", "an SVG drawing", "Draw it at 300 dpi into a PNG."),
)
_ISO_BRANDS = (b"heic", b"heix", b"mif1", b"avif")
_TURNS = {3: cv2.ROTATE_180, 6: cv2.ROTATE_90_CLOCKWISE, 8: cv2.ROTATE_90_COUNTERCLOCKWISE}


def rgb_from_page(page: PageRef) -> NDArray[np.uint8]:
    """Decode one page. See `rgb_from_file`."""
    return rgb_from_file(page.path)


def rgb_from_file(path: Path) -> NDArray[np.uint8]:
    """Decode an image file to (height, width, 3) uint8 RGB, C-contiguous.

    EXIF orientation is applied, transparency lies on white paper, 16 bits become 8.

    Raises InputNotFound, UnreadableImage, UnsupportedType, ImageSizeOutOfRange.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise InputNotFound(str(path)) from error
    except OSError as error:
        raise UnreadableImage(path, error.strerror or str(error)) from error
    header = _checked_header(path, data)
    pixels = _decoded(path, data, header)
    return _oriented(_rgb_uint8(path, pixels), header.orientation)


def _checked_header(path: Path, data: bytes) -> ImageHeader:
    if not data:
        raise UnreadableImage(path, "the file is empty")
    try:
        header = header_from_bytes(data)
    except BadHeader as error:
        raise UnreadableImage(path, str(error)) from error
    if header is None:
        raise _foreign(path, data)
    if min(header.width, header.height) < MIN_SIDE_PX:
        allowed = f"at least {MIN_SIDE_PX} px a side are needed"
        raise ImageSizeOutOfRange(path, header.width, header.height, allowed)
    if header.width * header.height > MAX_PIXELS:
        allowed = f"at most {MAX_PIXELS // 1_000_000} megapixels are read"
        raise ImageSizeOutOfRange(path, header.width, header.height, allowed)
    return header


def _foreign(path: Path, data: bytes) -> UnreadableImage | UnsupportedType:
    head = data[:512].lstrip()
    for signature, name, fix in _FOREIGN:
        if head.startswith(signature):
            return UnsupportedType(path, name, fix)
    if data[4:8] == b"ftyp" and data[8:12] in _ISO_BRANDS:
        return UnsupportedType(path, "a HEIC or AVIF photo", "Export it as JPEG.")
    if data[128:132] == b"DICM":
        return UnsupportedType(path, "a DICOM file", "Export its frame as PNG.")
    is_text = not any(byte < 9 for byte in data[:512])
    return UnreadableImage(path, "it holds text, no image" if is_text else "it is no image")


def _decoded(path: Path, data: bytes, header: ImageHeader) -> MatLike:
    """Pixels as stored: RGB for a JPEG, else grey, BGR or BGRA of any depth."""
    buffer = np.frombuffer(data, np.uint8)
    flags = cv2.IMREAD_UNCHANGED
    if header.kind == "JPEG":  # straight to RGB: no second pass over the pixels
        flags = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
    if header.orientation_at is not None and header.orientation != 1:
        buffer = _upright_tiff(data, *header.orientation_at)
    try:
        pixels = cv2.imdecode(buffer, flags)
    except cv2.error as error:
        raise UnreadableImage(path, f"the {header.kind} data are damaged") from error
    if pixels is None:
        raise UnreadableImage(path, f"the {header.kind} data are damaged or cut short")
    return pixels if header.kind == "JPEG" else _channels_reversed(pixels)


def _upright_tiff(data: bytes, at: int, order: str) -> NDArray[np.uint8]:
    """The file with its orientation set to upright: OpenCV 5.0 cannot decode a turned TIFF."""
    changed = bytearray(data)
    struct.pack_into(order + "H", changed, at, 1)
    return np.frombuffer(changed, np.uint8)


def _channels_reversed(pixels: MatLike) -> MatLike:
    if pixels.ndim == 2:
        return pixels
    code = {3: cv2.COLOR_BGR2RGB, 4: cv2.COLOR_BGRA2RGBA}.get(pixels.shape[2])
    return pixels if code is None else cv2.cvtColor(pixels, code)


def _rgb_uint8(path: Path, pixels: MatLike) -> NDArray[np.uint8]:
    if pixels.dtype == np.uint16:
        eight = cv2.convertScaleAbs(pixels, alpha=255 / 65535)
    elif pixels.dtype == np.uint8:
        eight = pixels
    else:
        raise UnsupportedType(
            path, f"an image of {pixels.dtype} samples", "Save it with 8 or 16 bits per channel."
        )
    channels = 1 if eight.ndim == 2 else eight.shape[2]
    if channels == 1:
        eight = cv2.cvtColor(eight, cv2.COLOR_GRAY2RGB)
    elif channels in (2, 4):
        eight = _on_white(eight)
    return np.ascontiguousarray(eight, dtype=np.uint8)


def _on_white(pixels: MatLike) -> MatLike:
    """Grey-alpha or RGBA, straight alpha, over white."""
    alpha = pixels[..., -1:].astype(np.uint16)
    colour = pixels[..., :-1].astype(np.uint16)
    blended = ((colour * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
    return np.broadcast_to(blended, (*blended.shape[:2], 3))


def _oriented(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Apply EXIF orientation 1 to 8 (CIPA DC-008, 4.6.4: which stored side is the top)."""
    if orientation in (2, 4, 5, 7):  # mirrored ones: mirror, then turn what remains
        pixels = np.asarray(cv2.flip(pixels, 1), np.uint8)
        orientation = {2: 1, 4: 3, 5: 8, 7: 6}[orientation]
    turn = _TURNS.get(orientation)
    return pixels if turn is None else np.asarray(cv2.rotate(pixels, turn), np.uint8)
