"""AVIF metadata: boxes of the ISO base media file format (ISO 14496-12) and image items (ISO 23008-12)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

_MAX_BOXES = 10_000
"""Maximum number of boxes that are read in one sequence. Hand-picked, not tuned: files have about ten."""

_MAX_META_BYTES = 2**24
"""Maximum size of the metadata box. The box describes images but contains no pixels.

Hand-picked, not tuned.
"""

# EXIF orientation for each (counterclockwise quarter turns, mirror). Mirror: 0 exchanges top and bottom,
# 1 exchanges left and right, None does nothing.
_ORIENTATIONS = {
    (0, None): 1, (0, 1): 2, (2, None): 3, (0, 0): 4, (2, 1): 4, (2, 0): 2,
    (1, 0): 5, (3, 1): 5, (3, None): 6, (1, 1): 7, (3, 0): 7, (1, None): 8,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class PrimaryImage:
    """Properties of the primary image.

    `width` and `height` are those of the stored pixels, before `orientation` is applied. `orientation` is the
    EXIF orientation that is equivalent to the declared rotation and mirroring. `is_high_bit_depth` is true if
    there are more than 8 bits per channel.
    """

    width: int
    height: int
    orientation: int
    is_high_bit_depth: bool


def brands_from_head(head: bytes) -> frozenset[bytes]:
    """Return the major brand and the compatible brands in the first bytes of a file, or an empty set."""
    if head[4:8] != b"ftyp":
        return frozenset()
    (size,) = struct.unpack_from(">I", head)
    body = head[8 : min(size, len(head))]
    return frozenset(body[at : at + 4] for at in range(0, len(body) - 3, 4) if at != 4)  # 4: the version


def primary_image(data: bytes) -> PrimaryImage | None:
    """Return the properties of the primary image, or None if the metadata does not declare its size.

    Raises struct.error or IndexError if the metadata is truncated.
    """
    body = dict(_boxes(data)).get(b"meta", b"")[4:]
    meta = dict(_boxes(body)) if len(body) <= _MAX_META_BYTES else {}
    if b"pitm" not in meta or b"iprp" not in meta:
        return None
    iprp = dict(_boxes(meta[b"iprp"]))
    properties = list(_boxes(iprp.get(b"ipco", b"")))
    (primary,) = struct.unpack_from(">I" if meta[b"pitm"][0] else ">H", meta[b"pitm"], 4)
    numbers = _associations(iprp.get(b"ipma", b"")).get(primary, [])
    applied = dict(properties[number - 1] for number in numbers if 0 < number <= len(properties))
    if b"ispe" not in applied:
        return None
    width, height = struct.unpack_from(">II", applied[b"ispe"], 4)
    turns = applied[b"irot"][0] & 3 if b"irot" in applied else 0
    mirror = applied[b"imir"][0] & 1 if b"imir" in applied else None
    is_high_bit_depth = b"av1C" in applied and bool(applied[b"av1C"][2] & 0x40)
    return PrimaryImage(width, height, _ORIENTATIONS[turns, mirror], is_high_bit_depth)


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the type and the body of each box in a sequence, up to the first invalid box."""
    at = 0
    for _ in range(_MAX_BOXES):
        if at + 8 > len(data):
            return
        size, kind = struct.unpack_from(">I4s", data, at)
        header_bytes = 8
        if size == 1:  # a 64-bit size follows
            (size,) = struct.unpack_from(">Q", data, at + 8)
            header_bytes = 16
        end = len(data) if size == 0 else at + size
        if end < at + header_bytes:
            return
        yield kind, data[at + header_bytes : end]
        at = end


def _associations(ipma: bytes) -> dict[int, list[int]]:
    """Return the indices of the properties of each image item, in the order in which they are applied.

    Indices count from 1.
    """
    if not ipma:
        return {}
    item_form = ">I" if ipma[0] else ">H"
    number_form, mask = (">H", 0x7FFF) if ipma[3] & 1 else (">B", 0x7F)  # the top bit means "essential"
    (items,) = struct.unpack_from(">I", ipma, 4)
    at, numbers = 8, {}
    for _ in range(items):
        (item,) = struct.unpack_from(item_form, ipma, at)
        at += struct.calcsize(item_form)
        count, at = ipma[at], at + 1
        step = struct.calcsize(number_form)
        positions = range(at, at + count * step, step)
        numbers[item] = [struct.unpack_from(number_form, ipma, position)[0] & mask for position in positions]
        at += count * step
    return numbers
