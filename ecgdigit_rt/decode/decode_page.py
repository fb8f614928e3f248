"""Page → upright RGB. The first step of the way, and the only one that reads image files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.decode.formats import format_from_file
from ecgdigit_rt.decode.limits import MAX_PIXELS
from ecgdigit_rt.results import PageRef


def rgb_from_page(page: PageRef, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """Decode one page of a file to (height, width, 3) uint8 RGB, C-contiguous.

    EXIF orientation is applied, transparency lies on white paper, 16 bits become 8, the pages of a
    PDF are drawn at their scan's resolution or at 300 dpi. Threads may decode at the same time.
    A page of more than `max_pixels` is refused before anything is allocated for it.

    Raises InputNotFound, UnreadableImage, UnsupportedType, ImageSizeOutOfRange, PasswordProtected,
    DependencyMissing.
    """
    return format_from_file(page.path).rgb(page.path, page.page, max_pixels)


def rgb_from_file(path: Path) -> NDArray[np.uint8]:
    """Decode a file's first page. See `rgb_from_page`."""
    return rgb_from_page(PageRef(path))
