"""What a kind of file is to the rest: three questions. A module that answers them is a format.

A new one is a new module and a line in `formats.py`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

HEAD_BYTES = 1024
"""How much of a file is looked at to tell what it is: a PDF may begin that late."""


class FileFormat(Protocol):
    """One kind of file that holds pages. The content decides, never the suffix."""

    def matches(self, head: bytes, /) -> bool:
        """Whether a file that begins with these bytes is of this kind."""
        ...

    def page_count(self, path: Path, /) -> int:
        """How many pages the file has, found without decoding any.

        Raises InputError or SetupError where the file is damaged or a package is missing.
        """
        ...

    def rgb(self, path: Path, page: int, max_pixels: int, /) -> NDArray[np.uint8]:
        """Decode one page, counted from 0: (height, width, 3) uint8 RGB, upright, C-contiguous.

        A page of more than `max_pixels` is refused before its pixels are allocated. Raises InputError or
        SetupError.
        """
        ...
