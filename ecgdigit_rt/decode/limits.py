"""What is read: which sizes, which pages. Checked before a decoder allocates anything."""

from __future__ import annotations

from pathlib import Path

from ecgdigit_rt.errors import ImageSizeOutOfRange, UnreadableImage

MIN_SIDE_PX = 160
"""Below this no trace can be read: 10 s would have 16 px/s."""

MAX_PIXELS = 150_000_000
"""A page's, where nobody asks for another limit. A4 at 1200 dpi is 139 MP; as RGB that is 417 MB."""

DECODABLE_PIXELS = 2**30
"""What OpenCV decodes: a higher limit would promise what it does not keep."""

MAX_FILE_BYTES = 2**31
"""Of a file that is read as a whole. MAX_PIXELS of 16-bit RGBA are 1.2 GB, not even compressed."""

MAX_PAGES = 100_000
"""In one file. A damaged header may say anything."""

TOO_SMALL = f"at least {MIN_SIDE_PX} px a side are needed"


def too_large(max_pixels: int) -> str:
    return f"at most {max_pixels / 1e6:g} megapixels are read"


def size_problem(width: int, height: int, max_pixels: int) -> str | None:
    """Why a page of this size (px) is not read; None where it is."""
    if min(width, height) < MIN_SIDE_PX:
        return TOO_SMALL
    return too_large(max_pixels) if width * height > max_pixels else None


def check_size(path: Path, width: int, height: int, max_pixels: int) -> None:
    """Raises ImageSizeOutOfRange."""
    problem = size_problem(width, height, max_pixels)
    if problem is not None:
        raise ImageSizeOutOfRange(path, width, height, problem)


def check_count(path: Path, count: int) -> None:
    """Raises UnreadableImage for a file that says it has more pages than can be."""
    if count > MAX_PAGES:
        raise UnreadableImage(path, f"it says that it has {count} pages")


def check_page(path: Path, page: int, count: int) -> None:
    """Raises UnreadableImage where the file has no such page (counted from 0)."""
    check_count(path, count)
    if not 0 <= page < count:
        pages = "1 page" if count == 1 else f"{count} pages"
        raise UnreadableImage(path, f"it has {pages}, and page {page + 1} was asked for")
