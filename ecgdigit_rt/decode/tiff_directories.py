"""The directories of a TIFF: where its pages are, and what their tags say (TIFF 6.0, BigTIFF).

An EXIF block is such a file too. Nothing here reads pixels.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

WIDTH, HEIGHT, BITS, PHOTOMETRIC, ORIENTATION = 256, 257, 258, 262, 274
TILE_WIDTH, TILE_HEIGHT, EXTRA_SAMPLES = 322, 323, 338
_MOST_TAGS = 4096  # files have some twenty; a damaged one may say anything
_SUBFILE_TYPE = 254
_REDUCED, _MASK = 1, 4  # bits of the subfile type: a thumbnail, a transparency mask
_TYPES = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}

Read = Callable[[int, int], bytes]
"""`read(at, size)`: bytes of the file, fewer at its end."""


@dataclass(frozen=True, slots=True)
class TiffLayout:
    """How numbers are stored: byte order, and where the first directory's place stands."""

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
    """A tag's first value, and the byte offset where it stands."""

    value: int
    at: int


def layout_from_signature(signature: bytes) -> TiffLayout | None:
    """None where it is no TIFF."""
    return _SIGNATURES.get(signature[:4])


def page_offsets(read: Read, layout: TiffLayout) -> list[int]:
    """Where each page's directory is, in order; thumbnails and masks are no pages.

    A directory that cannot be read ends the chain and counts as a page: so what is lost with the
    file's end fails by its name instead of being missed by nobody.
    """
    pages: list[int] = []
    seen: set[int] = set()
    (start,) = _unpack(read, layout.order + layout.pointer, layout.first_at)
    while start and start not in seen:
        seen.add(start)
        try:
            tags, following = _directory(read, layout, start)
        except struct.error:
            return [*pages, start]
        if not tags.get(_SUBFILE_TYPE, Tag(0, 0)).value & (_REDUCED | _MASK):
            pages.append(start)
        start = following
    return pages or sorted(seen)[:1]


def tags_at(read: Read, layout: TiffLayout, start: int) -> dict[int, Tag]:
    """The whole-number tags of the directory at `start`. Raises struct.error where it is cut."""
    return _directory(read, layout, start)[0]


def first_tags(data: bytes) -> dict[int, Tag]:
    """Those of the first directory, such as of an EXIF block. Raises struct.error."""
    layout = layout_from_signature(data)
    if layout is None:
        return {}
    read = read_from_bytes(data)
    (start,) = _unpack(read, layout.order + layout.pointer, layout.first_at)
    return tags_at(read, layout, start)


def read_from_bytes(data: bytes | bytearray) -> Read:
    return lambda at, size: bytes(data[at : at + size])


def _unpack(read: Read, form: str, at: int) -> tuple[int, ...]:
    return struct.unpack(form, read(at, struct.calcsize(form)))


def _directory(read: Read, layout: TiffLayout, start: int) -> tuple[dict[int, Tag], int]:
    """Its tags, and where the next directory is (0: nowhere)."""
    (count,) = _unpack(read, layout.order + layout.count, start)
    if count > _MOST_TAGS:
        raise struct.error(f"a directory of {count} tags")
    entries_at = start + struct.calcsize(layout.order + layout.count)
    entries = read(entries_at, count * layout.entry_bytes)
    head = layout.order + "HH" + layout.pointer
    room = struct.calcsize(layout.order + layout.pointer)
    tags: dict[int, Tag] = {}
    for i in range(count):
        tag, kind, values = struct.unpack_from(head, entries, i * layout.entry_bytes)
        form = _TYPES.get(kind)
        if form is None or not values:
            continue
        at = entries_at + i * layout.entry_bytes + struct.calcsize(head)
        if values * struct.calcsize(form) > room:  # they stand elsewhere, and here is where
            (at,) = _unpack(read, layout.order + layout.pointer, at)
        (value,) = _unpack(read, layout.order + form, at)
        tags.setdefault(tag, Tag(value, at))  # of one that stands twice libtiff takes the first
    (following,) = _unpack(read, layout.order + layout.pointer, entries_at + len(entries))
    return tags, following
