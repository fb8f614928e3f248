"""Directories of a TIFF: offsets of its pages, and their tags (TIFF 6.0, BigTIFF).

An EXIF block has the same structure. This module reads no pixels.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

WIDTH, HEIGHT, BITS, PHOTOMETRIC, ORIENTATION = 256, 257, 258, 262, 274
TILE_WIDTH, TILE_HEIGHT, EXTRA_SAMPLES = 322, 323, 338
_MAX_TAGS = 4096  # chosen, not tuned: files have about twenty, a damaged one may state any number
_SUBFILE_TYPE = 254
_REDUCED, _MASK = 1, 4  # bits of the subfile type: a thumbnail, a transparency mask
_TYPES = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}

Read = Callable[[int, int], bytes]
"""`read(at, size)` returns bytes of the file, fewer at its end."""


@dataclass(frozen=True, slots=True)
class TiffLayout:
    """Byte order, field sizes, and position of the offset of the first directory."""

    order: str
    pointer: str
    first_at: int
    count: str
    entry_bytes: int


_SIGNATURES = {
    b"II*\0": TiffLayout("<", "I", 4, "H", 12),
    b"MM\0*": TiffLayout(">", "I", 4, "H", 12),
    b"II+\0": TiffLayout("<", "Q", 8, "Q", 20),
    b"MM\0+": TiffLayout(">", "Q", 8, "Q", 20),
}


@dataclass(frozen=True, slots=True)
class Tag:
    """First value of a tag, and its byte offset."""

    value: int
    at: int


def layout_from_signature(signature: bytes) -> TiffLayout | None:
    """Return the layout by the first four bytes, or None if it is not a TIFF."""
    return _SIGNATURES.get(signature[:4])


def page_offsets(read: Read, layout: TiffLayout) -> list[int]:
    """Return the offset of each page's directory, in order, without thumbnails and masks.

    A directory that cannot be read ends the chain and counts as a page. Decoding that page then
    reports the truncated file, which would go unnoticed otherwise.
    """
    pages: list[int] = []
    visited: set[int] = set()
    (start,) = _unpack(read, layout.order + layout.pointer, layout.first_at)
    while start and start not in visited:
        visited.add(start)
        try:
            tags, next_start = _directory(read, layout, start)
        except struct.error:
            return [*pages, start]
        if not tags.get(_SUBFILE_TYPE, Tag(0, 0)).value & (_REDUCED | _MASK):
            pages.append(start)
        start = next_start
    return pages or sorted(visited)[:1]


def tags_at(read: Read, layout: TiffLayout, start: int) -> dict[int, Tag]:
    """Return the integer tags of the directory at `start`. Raises struct.error if it is truncated."""
    return _directory(read, layout, start)[0]


def first_tags(data: bytes) -> dict[int, Tag]:
    """Return the tags of the first directory, such as of an EXIF block. Raises struct.error."""
    layout = layout_from_signature(data)
    if layout is None:
        return {}
    read = read_from_bytes(data)
    (start,) = _unpack(read, layout.order + layout.pointer, layout.first_at)
    return tags_at(read, layout, start)


def read_from_bytes(data: bytes | bytearray) -> Read:
    """Return a `Read` function for a file in memory."""
    return lambda at, size: bytes(data[at : at + size])


def _unpack(read: Read, form: str, at: int) -> tuple[int, ...]:
    return struct.unpack(form, read(at, struct.calcsize(form)))


def _directory(read: Read, layout: TiffLayout, start: int) -> tuple[dict[int, Tag], int]:
    """Return the tags of a directory, and the offset of the next one (0: none)."""
    (count,) = _unpack(read, layout.order + layout.count, start)
    if count > _MAX_TAGS:
        raise struct.error(f"a directory of {count} tags")
    entries_at = start + struct.calcsize(layout.order + layout.count)
    entries = read(entries_at, count * layout.entry_bytes)
    head = layout.order + "HH" + layout.pointer
    value_bytes = struct.calcsize(layout.order + layout.pointer)
    tags: dict[int, Tag] = {}
    for i in range(count):
        tag, kind, values = struct.unpack_from(head, entries, i * layout.entry_bytes)
        form = _TYPES.get(kind)
        if form is None or not values:
            continue
        at = entries_at + i * layout.entry_bytes + struct.calcsize(head)
        if values * struct.calcsize(form) > value_bytes:  # the values are elsewhere, and this is their offset
            (at,) = _unpack(read, layout.order + layout.pointer, at)
        (value,) = _unpack(read, layout.order + form, at)
        tags.setdefault(tag, Tag(value, at))  # of duplicate tags libtiff uses the first
    (next_start,) = _unpack(read, layout.order + layout.pointer, entries_at + len(entries))
    return tags, next_start
