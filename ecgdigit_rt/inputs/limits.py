"""What is read: which sizes, which pages. Checked before a decoder allocates anything."""

from __future__ import annotations

from pathlib import Path

from ecgdigit_rt.errors import ImageSizeOutOfRange, UnreadableImage

MIN_SIDE_PX = 160
"""Below this no trace can be read: 10 s would have 16 px/s."""

MAX_PIXELS = 150_000_000
"""A4 at 1200 dpi is 139 MP; as RGB that is 417 MB."""

MAX_PAGES = 100_000
"""In one file. A damaged header may say anything."""

TOO_SMALL = f"at least {MIN_SIDE_PX} px a side are needed"
TOO_LARGE = f"at most {MAX_PIXELS // 1_000_000} megapixels are read"


def size_problem(width: int, height: int) -> str | None:
    """Why a page of this size (px) is not read; None where it is."""
    if min(width, height) < MIN_SIDE_PX:
        return TOO_SMALL
    return TOO_LARGE if width * height > MAX_PIXELS else None


def check_size(path: Path, width: int, height: int) -> None:
    """Raises ImageSizeOutOfRange."""
    problem = size_problem(width, height)
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
