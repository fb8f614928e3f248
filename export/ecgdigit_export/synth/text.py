"""Printed words as alpha masks, in any of the fonts found on the machine."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

_FOREIGN = (
    "STIXSiz",
    "STIXNonUni",
    "cmex",
    "cmsy",
    "cmmi",
    "STIX",
    "Display",
    "Emoji",
    "Icon",
    "Symbol",
    "Dingbat",
)


_PRINTED = "aVRLFI123456"


@lru_cache(maxsize=1)
def font_files() -> tuple[Path, ...]:
    """TrueType and OpenType text fonts: matplotlib's own and the system's, in a stable order."""
    folders = (Path(mpl.get_data_path()) / "fonts" / "ttf", Path("/usr/share/fonts"))
    files = [f for folder in folders for f in sorted(folder.rglob("*.[to]tf"))]
    return tuple(f for f in files if not any(word in f.name for word in _FOREIGN) and _has_letters(f))


def _has_letters(path: Path) -> bool:
    """Whether the letters and figures of a page look different: in a symbol font all are one empty box."""
    face = _font(path, 24)
    shapes = {(mask.size, bytes(mask)) for mask in (face.getmask(letter) for letter in _PRINTED)}
    return len(shapes) == len(_PRINTED)


@lru_cache(maxsize=512)
def _font(path: Path, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(path), size)


def word_mask(word: str, font: Path, cap_height_px: float) -> NDArray[np.float32]:
    """Alpha (height, width) float32 of `word`, cropped to its ink, its capitals `cap_height_px` tall."""
    size = max(6, round(cap_height_px * 1.38))
    face = _font(font, size)
    left, top, right, bottom = face.getbbox(word)
    canvas = Image.new("L", (max(1, int(right - left) + 2), max(1, int(bottom - top) + 2)))
    ImageDraw.Draw(canvas).text((1 - left, 1 - top), word, fill=255, font=face)
    return np.asarray(canvas, np.float32) / np.float32(255)
