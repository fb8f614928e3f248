"""What an AVIF says of itself: ISO base media boxes (ISO 14496-12) with image items (ISO 23008-12)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

_MOST_BOXES = 10_000  # side by side; files have some ten
_MOST_META = 2**24  # bytes that describe pictures, not those of one
_ORIENTATIONS = {  # (quarter turns anticlockwise, mirror: 0 top-bottom, 1 left-right) → EXIF
    (0, None): 1, (0, 1): 2, (2, None): 3, (0, 0): 4, (2, 1): 4, (2, 0): 2,
    (1, 0): 5, (3, 1): 5, (3, None): 6, (1, 1): 7, (3, 0): 7, (1, None): 8,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ImageItem:
    """The primary picture: its size as stored, its EXIF orientation, whether it has over 8 bits."""

    width: int
    height: int
    orientation: int
    is_deep: bool


def brands(head: bytes) -> frozenset[bytes]:
    """The major and the compatible brands of a file's first box; empty where it has none."""
    if head[4:8] != b"ftyp":
        return frozenset()
    (size,) = struct.unpack_from(">I", head)
    body = head[8 : min(size, len(head))]
    return frozenset(body[at : at + 4] for at in range(0, len(body) - 3, 4) if at != 4)  # 4: a version


def primary_item(data: bytes) -> ImageItem | None:
    """The properties of the primary picture, None without a size. Raises struct.error where cut."""
    described = dict(_boxes(data)).get(b"meta", b"")[4:]
    meta = dict(_boxes(described)) if len(described) <= _MOST_META else {}
    if b"pitm" not in meta or b"iprp" not in meta:
        return None
    iprp = dict(_boxes(meta[b"iprp"]))
    known = list(_boxes(iprp.get(b"ipco", b"")))
    (primary,) = struct.unpack_from(">I" if meta[b"pitm"][0] else ">H", meta[b"pitm"], 4)
    numbers = _associations(iprp.get(b"ipma", b"")).get(primary, [])
    own = dict(known[number - 1] for number in numbers if 0 < number <= len(known))
    if b"ispe" not in own:
        return None
    width, height = struct.unpack_from(">II", own[b"ispe"], 4)
    turns = own[b"irot"][0] & 3 if b"irot" in own else 0
    mirror = own[b"imir"][0] & 1 if b"imir" in own else None
    is_deep = b"av1C" in own and bool(own[b"av1C"][2] & 0x40)
    return ImageItem(width, height, _ORIENTATIONS[turns, mirror], is_deep)


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Type and body of each box in a row of boxes."""
    at = 0
    for _ in range(_MOST_BOXES):
        if at + 8 > len(data):
            return
        size, kind = struct.unpack_from(">I4s", data, at)
        head = 8
        if size == 1:  # the true size follows
            (size,) = struct.unpack_from(">Q", data, at + 8)
            head = 16
        end = len(data) if size == 0 else at + size
        if end < at + head:
            return
        yield kind, data[at + head : end]
        at = end


def _associations(ipma: bytes) -> dict[int, list[int]]:
    """Item → the numbers, from 1, of its properties, in the order in which they apply."""
    if not ipma:
        return {}
    item_form = ">I" if ipma[0] else ">H"
    number_form, mask = (">H", 0x7FFF) if ipma[3] & 1 else (">B", 0x7F)  # above the mask: "essential"
    (items,) = struct.unpack_from(">I", ipma, 4)
    at, found = 8, {}
    for _ in range(items):
        (item,) = struct.unpack_from(item_form, ipma, at)
        at += struct.calcsize(item_form)
        count, at = ipma[at], at + 1
        step = struct.calcsize(number_form)
        places = range(at, at + count * step, step)
        found[item] = [struct.unpack_from(number_form, ipma, place)[0] & mask for place in places]
        at += count * step
    return found
