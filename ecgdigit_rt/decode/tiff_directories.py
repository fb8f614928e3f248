"""Directories of a TIFF file: offsets and tags of the pages (TIFF 6.0, BigTIFF).

An EXIF block has the same structure as a TIFF file. This module does not decode pixels.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

WIDTH, HEIGHT, BITS, PHOTOMETRIC, ORIENTATION = 256, 257, 258, 262, 274
X_RESOLUTION, Y_RESOLUTION = 282, 283
TILE_WIDTH, TILE_HEIGHT, EXTRA_SAMPLES = 322, 323, 338
_MAX_TAGS = 4096  # hand-picked, not tuned: files have about twenty tags, but a damaged file may declare more
_SUBFILE_TYPE = 254  # tag that contains the type of a directory
_REDUCED, _MASK = 1, 4  # bits of the subfile type that mark a thumbnail and a transparency mask
_TYPES = {1: "B", 3: "H", 4: "I", 5: "II", 6: "b", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}
_RATIONAL = 5

Read = Callable[[int, int], bytes]
"""Function `read(at, size)` that returns `size` bytes of the file from offset `at` on.

At the end of the file, it returns fewer bytes.
"""


@dataclass(frozen=True, slots=True)
class TiffLayout:
    """Sizes and positions of the fields that differ between the variants of TIFF.

    `order`, `pointer` and `count` are format characters of `struct`: for the byte order, for an offset in the
    file, and for the number of entries of a directory. `first_at` is the position of the offset of the first
    directory. `entry_bytes` is the size of an entry.
    """

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
    """First value of a tag, and the offset of this value in the file.

    A rational number is `value` / `denominator`. The denominator may be 0.
    """

    value: int
    at: int
    denominator: int = 1


def layout_from_signature(signature: bytes) -> TiffLayout | None:
    """Detect the layout from the first four bytes of a file, or return None if it is not a TIFF."""
    return _SIGNATURES.get(signature[:4])


def page_offsets(read: Read, layout: TiffLayout, max_directories: int) -> list[int]:
    """Return the offset of the directory of each page, in order. Thumbnails and masks are not pages.

    If a file has more than `max_directories` directories, the first of them are returned, one more than this
    number, whether they are pages or not.

    If a file contains only thumbnails and masks, one of them is the page. A directory that cannot be read
    ends the list and counts as a page, so that decoding this page reports the truncated file. Raises
    struct.error if the offset of the first directory is missing.
    """
    pages: list[int] = []
    visited: set[int] = set()
    (start,) = _unpack(read, layout.order + layout.pointer, layout.first_at)
    while start and start not in visited:
        visited.add(start)
        if len(visited) > max_directories:
            return sorted(visited)
        try:
            tags, next_start = _directory(read, layout, start)
        except struct.error:
            return [*pages, start]
        if not tags.get(_SUBFILE_TYPE, Tag(0, 0)).value & (_REDUCED | _MASK):
            pages.append(start)
        start = next_start
    return pages or sorted(visited)[:1]


def tags_at(read: Read, layout: TiffLayout, start: int) -> dict[int, Tag]:
    """Return the tags with integer and rational values in the directory at `start`.

    Raises struct.error if the directory is truncated or has more than _MAX_TAGS tags.
    """
    return _directory(read, layout, start)[0]


def first_tags(data: bytes) -> dict[int, Tag]:
    """Return the tags of the first directory of a TIFF file or an EXIF block.

    Other data has no tags. Raises struct.error if the directory is truncated or has more than _MAX_TAGS tags.
    """
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
    """Return the tags of a directory and the offset of the next directory, which is 0 after the last one."""
    (count,) = _unpack(read, layout.order + layout.count, start)
    if count > _MAX_TAGS:
        raise struct.error(f"a directory of {count} tags")
    entries_at = start + struct.calcsize(layout.order + layout.count)
    entries = read(entries_at, count * layout.entry_bytes)
    entry_header = layout.order + "HH" + layout.pointer
    value_bytes = struct.calcsize(layout.order + layout.pointer)
    tags: dict[int, Tag] = {}
    for i in range(count):
        tag, kind, value_count = struct.unpack_from(entry_header, entries, i * layout.entry_bytes)
        form = _TYPES.get(kind)
        if form is None or not value_count:
            continue
        at = entries_at + i * layout.entry_bytes + struct.calcsize(entry_header)
        if value_count * struct.calcsize(form) > value_bytes:  # the entry contains the offset of the values
            (at,) = _unpack(read, layout.order + layout.pointer, at)
        try:
            value, *denominators = _unpack(read, layout.order + form, at)
        except struct.error:
            if kind != _RATIONAL:
                raise
            continue  # only the resolutions are rational, and a page can be decoded without them
        tags.setdefault(tag, Tag(value, at, *denominators))  # libtiff uses the first of duplicate tags
    (next_start,) = _unpack(read, layout.order + layout.pointer, entries_at + len(entries))
    return tags, next_start
