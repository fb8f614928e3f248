"""Limits on sizes and page counts, checked before a decoder allocates memory."""

from __future__ import annotations

from pathlib import Path

from ecgdigit_rt.errors import ImageSizeOutOfRange, UnreadableImage

MIN_SIDE_PX = 160
"""Minimum width and height of a page. Hand-picked, not tuned: 160 px for 10 s are only 16 px per second."""

MAX_PIXELS = 150_000_000
"""Default maximum number of pixels of a page. A4 at 1200 dpi has 139 megapixels, which are 417 MB as RGB."""

DECODABLE_PIXELS = 2**30
"""Maximum number of pixels that OpenCV decodes, and therefore the maximum value of `--max-pixels`."""

MAX_FILE_BYTES = 2**31
"""Maximum size in bytes of a file. Files are read into memory. An uncompressed 16-bit RGBA image of
MAX_PIXELS pixels has 1.2 GB."""

MAX_PAGES = 10_000
"""Maximum number of pages in one file. Hand-picked, not tuned: a damaged header may declare any number.

A scan of 10 000 pages takes hours to digitize. Decoding a page of a TIFF reads the whole file.
"""


_DECODE_BYTES, _DECODE_BYTES_PER_PIXEL = 500_000_000, 10
"""Memory for decoding a page in a process of its own: a fixed part, and a part per pixel.

Measured (`tests/decode/test_decode_memory.py`): 8 bytes per pixel for an RGBA image with 8 bits, and 16 for
one with 16 bits, which therefore may have fewer pixels. The fixed part is hand-picked, not tuned: it is for
PDFium, whose needs depend on the content of the page instead of its size.
"""


def decode_bytes(max_pixels: int) -> int:
    """Return the maximum memory in bytes for decoding a page of up to `max_pixels` pixels. Default: 2 GB."""
    return _DECODE_BYTES + _DECODE_BYTES_PER_PIXEL * max_pixels


def max_pixels_text(max_pixels: int) -> str:
    """Return the part of an error message that states the maximum size."""
    return f"the maximum is {max_pixels / 1e6:g} megapixels"


def size_problem(width: int, height: int, max_pixels: int) -> str | None:
    """Return why a page of this size in pixels is rejected, or None if it is accepted."""
    if min(width, height) < MIN_SIDE_PX:
        return f"each side must be at least {MIN_SIDE_PX} px"
    return max_pixels_text(max_pixels) if width * height > max_pixels else None


def check_size(path: Path, width: int, height: int, max_pixels: int) -> None:
    """Raise ImageSizeOutOfRange if a page of this size in pixels is too small or too large."""
    problem = size_problem(width, height, max_pixels)
    if problem is not None:
        raise ImageSizeOutOfRange(
            path, width, height, problem, is_too_large=min(width, height) >= MIN_SIDE_PX
        )


def check_count(path: Path, count: int) -> None:
    """Raise UnreadableImage if a file declares more pages than MAX_PAGES."""
    if count > MAX_PAGES:
        reason = f"it declares more than {MAX_PAGES} pages. Split it into files with fewer pages"
        raise UnreadableImage(path, reason)


def check_page(path: Path, page: int, count: int) -> None:
    """Raise UnreadableImage if a file of `count` pages has no page with index `page`, counted from 0.

    UnreadableImage is also raised if `count` exceeds MAX_PAGES.
    """
    check_count(path, count)
    if not 0 <= page < count:
        pages = "1 page" if count == 1 else f"{count} pages"
        raise UnreadableImage(path, f"it has {pages}, but page {page + 1} was requested")
