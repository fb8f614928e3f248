"""Limits on sizes and page counts, checked before a decoder allocates memory."""

from __future__ import annotations

from pathlib import Path

from ecgdigit_rt.errors import ImageSizeOutOfRange, UnreadableImage

MIN_SIDE_PX = 160
"""Chosen, not tuned: at this size a trace of 10 s has only 16 px per second."""

MAX_PIXELS = 150_000_000
"""Default maximum of a page. A4 at 1200 dpi has 139 megapixels, 417 MB as RGB."""

DECODABLE_PIXELS = 2**30
"""Maximum of OpenCV's decoders, and therefore of every user-defined limit."""

MAX_FILE_BYTES = 2**31
"""Maximum size of a file that is read into memory. MAX_PIXELS of uncompressed 16-bit RGBA have 1.2 GB."""

MAX_PAGES = 100_000
"""Maximum pages of one file. Chosen, not tuned: a damaged header may state any number."""


def max_pixels_text(max_pixels: int) -> str:
    """Return the size limit in words, for messages."""
    return f"the maximum is {max_pixels / 1e6:g} megapixels"


def size_problem(width: int, height: int, max_pixels: int) -> str | None:
    """Return the reason why a page of this size (px) is rejected, or None."""
    if min(width, height) < MIN_SIDE_PX:
        return f"each side must have at least {MIN_SIDE_PX} px"
    return max_pixels_text(max_pixels) if width * height > max_pixels else None


def check_size(path: Path, width: int, height: int, max_pixels: int) -> None:
    """Raise ImageSizeOutOfRange if a page of this size (px) is rejected."""
    problem = size_problem(width, height, max_pixels)
    if problem is not None:
        raise ImageSizeOutOfRange(path, width, height, problem)


def check_count(path: Path, count: int) -> None:
    """Raise UnreadableImage if a file states more pages than MAX_PAGES."""
    if count > MAX_PAGES:
        raise UnreadableImage(path, f"it states {count} pages; the maximum is {MAX_PAGES}")


def check_page(path: Path, page: int, count: int) -> None:
    """Raise UnreadableImage if the file has no such page (counted from 0)."""
    check_count(path, count)
    if not 0 <= page < count:
        pages = "1 page" if count == 1 else f"{count} pages"
        raise UnreadableImage(path, f"it has {pages}, and page {page + 1} was requested")
