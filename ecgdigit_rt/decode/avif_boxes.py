"""AVIF metadata: ISO base media boxes (ISO 14496-12) with image items (ISO 23008-12)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

_MAX_BOXES = 10_000
"""Boxes side by side. Chosen, not tuned: files have about ten."""

_MAX_META_BYTES = 2**24
"""Size of the metadata box, which describes images and does not hold them. Chosen, not tuned."""

_ORIENTATIONS = {  # (quarter turns anticlockwise, mirror: 0 top-bottom, 1 left-right) → EXIF
    (0, None): 1, (0, 1): 2, (2, None): 3, (0, 0): 4, (2, 1): 4, (2, 0): 2,
    (1, 0): 5, (3, 1): 5, (3, None): 6, (1, 1): 7, (3, 0): 7, (1, None): 8,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ImageItem:
    """Properties of the primary image.

    `width` and `height` are as stored, `orientation` is the EXIF equivalent, and `is_high_bit_depth`
    states more than 8 bits.
    """

    width: int
    height: int
    orientation: int
    is_high_bit_depth: bool


def brands_from_head(head: bytes) -> frozenset[bytes]:
    """Return the major and the compatible brands of the first box, or an empty set."""
    if head[4:8] != b"ftyp":
        return frozenset()
    (size,) = struct.unpack_from(">I", head)
    body = head[8 : min(size, len(head))]
    return frozenset(body[at : at + 4] for at in range(0, len(body) - 3, 4) if at != 4)  # 4: a version


def primary_item(data: bytes) -> ImageItem | None:
    """Return the properties of the primary image, or None if it states no size.

    Raises struct.error if the data are truncated.
    """
    body = dict(_boxes(data)).get(b"meta", b"")[4:]
    meta = dict(_boxes(body)) if len(body) <= _MAX_META_BYTES else {}
    if b"pitm" not in meta or b"iprp" not in meta:
        return None
    iprp = dict(_boxes(meta[b"iprp"]))
    properties = list(_boxes(iprp.get(b"ipco", b"")))
    (primary,) = struct.unpack_from(">I" if meta[b"pitm"][0] else ">H", meta[b"pitm"], 4)
    numbers = _associations(iprp.get(b"ipma", b"")).get(primary, [])
    own = dict(properties[number - 1] for number in numbers if 0 < number <= len(properties))
    if b"ispe" not in own:
        return None
    width, height = struct.unpack_from(">II", own[b"ispe"], 4)
    turns = own[b"irot"][0] & 3 if b"irot" in own else 0
    mirror = own[b"imir"][0] & 1 if b"imir" in own else None
    is_high_bit_depth = b"av1C" in own and bool(own[b"av1C"][2] & 0x40)
    return ImageItem(width, height, _ORIENTATIONS[turns, mirror], is_high_bit_depth)


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield type and body of each box in a sequence of boxes."""
    at = 0
    for _ in range(_MAX_BOXES):
        if at + 8 > len(data):
            return
        size, kind = struct.unpack_from(">I4s", data, at)
        head = 8
        if size == 1:  # a 64-bit size follows
            (size,) = struct.unpack_from(">Q", data, at + 8)
            head = 16
        end = len(data) if size == 0 else at + size
        if end < at + head:
            return
        yield kind, data[at + head : end]
        at = end


def _associations(ipma: bytes) -> dict[int, list[int]]:
    """Return, per item, the numbers (from 1) of its properties in the order in which they apply."""
    if not ipma:
        return {}
    item_form = ">I" if ipma[0] else ">H"
    number_form, mask = (">H", 0x7FFF) if ipma[3] & 1 else (">B", 0x7F)  # the top bit: "essential"
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
