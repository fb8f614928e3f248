"""Limits on sizes and page counts, checked before a decoder allocates memory."""

from __future__ import annotations

from pathlib import Path

from ecgdigit_rt.errors import ImageSizeOutOfRange, UnreadableImage

MIN_SIDE_PX = 160
"""Minimum side of a page. Hand-picked, not tuned: a trace of 10 s then has only 16 px per second."""

MAX_PIXELS = 150_000_000
"""Default maximum size of a page. A4 at 1200 dpi has 139 megapixels, which are 417 MB as RGB."""

DECODABLE_PIXELS = 2**30
"""Maximum size that OpenCV decodes, and therefore the maximum of every user-defined limit."""

MAX_FILE_BYTES = 2**31
"""Maximum size of a file that is read into memory. MAX_PIXELS of uncompressed 16-bit RGBA are 1.2 GB."""

MAX_PAGES = 100_000
"""Maximum number of pages in one file. Hand-picked, not tuned: a damaged header may declare any number."""


def max_pixels_text(max_pixels: int) -> str:
    """Return a phrase that describes the size limit, for messages."""
    return f"the maximum is {max_pixels / 1e6:g} megapixels"


def size_problem(width: int, height: int, max_pixels: int) -> str | None:
    """Return the reason why a page of this size (px) is rejected, or None."""
    if min(width, height) < MIN_SIDE_PX:
        return f"each side must be at least {MIN_SIDE_PX} px"
    return max_pixels_text(max_pixels) if width * height > max_pixels else None


def check_size(path: Path, width: int, height: int, max_pixels: int) -> None:
    """Raise ImageSizeOutOfRange if a page of this size (px) is rejected."""
    problem = size_problem(width, height, max_pixels)
    if problem is not None:
        raise ImageSizeOutOfRange(
            path, width, height, problem, is_too_large=min(width, height) >= MIN_SIDE_PX
        )


def check_count(path: Path, count: int) -> None:
    """Raise UnreadableImage if a file declares more pages than MAX_PAGES."""
    if count > MAX_PAGES:
        raise UnreadableImage(path, f"it declares {count} pages; the maximum is {MAX_PAGES}")


def check_page(path: Path, page: int, count: int) -> None:
    """Raise UnreadableImage if the file has no such page (counted from 0)."""
    check_count(path, count)
    if not 0 <= page < count:
        pages = "1 page" if count == 1 else f"{count} pages"
        raise UnreadableImage(path, f"it has {pages}, but page {page + 1} was requested")
