"""Image files with an EXIF orientation."""

from __future__ import annotations

import struct
import zlib

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray
from sample_image import HEIGHT, WIDTH, page


def encode(suffix: str, pixels: MatLike) -> bytes:
    """Encode BGR pixels with OpenCV."""
    ok, data = cv2.imencode(suffix, pixels)
    assert ok
    return bytes(data)


def bgr(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return BGR from RGB."""
    return np.ascontiguousarray(rgb[..., ::-1])


def exif(orientation: int) -> bytes:
    """Return an EXIF block that contains only the orientation."""
    return struct.pack("<2sHIHHHIHHI", b"II", 42, 8, 1, 274, 3, 1, orientation, 0, 0)


def oriented_file(suffix: str, orientation: int) -> bytes:
    """Return the sample image as JPEG, PNG or TIFF with this orientation."""
    data = encode(suffix, bgr(page()))
    block = exif(orientation)
    if suffix == ".jpg":
        body = b"Exif\0\0" + block
        return data[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + data[2:]
    if suffix == ".png":
        chunk = b"eXIf" + block
        full_chunk = struct.pack(">I", len(block)) + chunk + struct.pack(">I", zlib.crc32(chunk))
        return data[:33] + full_chunk + data[33:]
    return oriented_tiff(orientation)


def oriented_tiff(orientation: int) -> bytes:
    """Return an uncompressed RGB TIFF with this orientation, written byte by byte."""
    pixels = page().tobytes()
    at = 8 + len(pixels)
    tags = [
        (256, 3, WIDTH), (257, 3, HEIGHT), (258, 3, 8), (259, 3, 1), (262, 3, 2), (273, 4, 8),
        (274, 3, orientation), (277, 3, 3), (278, 3, HEIGHT), (279, 4, len(pixels)),
    ]  # fmt: skip
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    directory = struct.pack("<H", len(tags)) + entries + struct.pack("<I", 0)
    return struct.pack("<2sHI", b"II", 42, at) + pixels + directory
