"""Image files with an orientation tag."""

from __future__ import annotations

import struct
import zlib

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray
from sample_picture import HEIGHT, WIDTH, page


def encoded(suffix: str, pixels: MatLike) -> bytes:
    ok, data = cv2.imencode(suffix, pixels)
    assert ok
    return bytes(data)


def bgr(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(rgb[..., ::-1])


def exif(orientation: int) -> bytes:
    return struct.pack("<2sHIHHHIHHI", b"II", 42, 8, 1, 274, 3, 1, orientation, 0, 0)


def turned_file(suffix: str, orientation: int) -> bytes:
    data = encoded(suffix, bgr(page()))
    block = exif(orientation)
    if suffix == ".jpg":
        body = b"Exif\0\0" + block
        return data[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + data[2:]
    if suffix == ".png":
        chunk = b"eXIf" + block
        whole = struct.pack(">I", len(block)) + chunk + struct.pack(">I", zlib.crc32(chunk))
        return data[:33] + whole + data[33:]
    return turned_tiff(orientation)


def turned_tiff(orientation: int) -> bytes:
    """An uncompressed RGB TIFF with the tag, written by hand."""
    pixels = page().tobytes()
    at = 8 + len(pixels)
    tags = [
        (256, 3, WIDTH), (257, 3, HEIGHT), (258, 3, 8), (259, 3, 1), (262, 3, 2), (273, 4, 8),
        (274, 3, orientation), (277, 3, 3), (278, 3, HEIGHT), (279, 4, len(pixels)),
    ]  # fmt: skip
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    directory = struct.pack("<H", len(tags)) + entries + struct.pack("<I", 0)
    return struct.pack("<2sHI", b"II", 42, at) + pixels + directory
