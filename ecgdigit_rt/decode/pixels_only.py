"""Words and drawing of formats that contain only pixels: none."""

from __future__ import annotations

from pathlib import Path

from ecgdigit_rt.drawing import Drawing
from ecgdigit_rt.words import Word


def words(path: Path, page: int, max_pixels: int) -> tuple[Word, ...]:  # noqa: ARG001 the same for every path
    """Return no words: the format contains only pixels."""
    return ()


def drawing(path: Path, page: int, max_pixels: int) -> Drawing | None:  # noqa: ARG001 the same for every path
    """Return None: the format contains only pixels."""
    return None
