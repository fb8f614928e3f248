"""Alpha masks of printed words in the installed fonts."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

# Substrings of the file names of fonts that are not used, such as fonts without Latin letters.
_EXCLUDED = (
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

# Characters that a usable font must contain: those of lead names.
_PAGE_CHARACTERS = "aVRLFI123456"


@lru_cache(maxsize=1)
def font_files() -> tuple[Path, ...]:
    """Return the TrueType and OpenType text fonts of Matplotlib and of the system, in a stable order."""
    folders = (Path(mpl.get_data_path()) / "fonts" / "ttf", Path("/usr/share/fonts"))
    files = [f for folder in folders for f in sorted(folder.rglob("*.[to]tf"))]
    return tuple(f for f in files if not any(word in f.name for word in _EXCLUDED) and _has_letters(f))


@lru_cache(maxsize=1)
def report_font_files() -> tuple[Path, ...]:
    """Return the fonts that resemble those of device reports, in a stable order.

    They are the serif fonts of Matplotlib and the user's fonts, $XDG_DATA_HOME/fonts, such as Liberation and
    FreeFont, which have the metrics of Helvetica, Times and Courier.
    """
    user = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "fonts"
    serif = sorted((Path(mpl.get_data_path()) / "fonts" / "ttf").glob("STIXGeneral*.ttf"))
    files = (*serif, *sorted(user.rglob("*.[to]tf")))
    return tuple(f for f in files if _has_letters(f))


def _has_letters(path: Path) -> bool:
    """Return whether all `_PAGE_CHARACTERS` differ in shape. Missing characters are all the same box."""
    face = _font(path, 24)
    shapes = {(mask.size, bytes(mask)) for mask in (face.getmask(letter) for letter in _PAGE_CHARACTERS)}
    return len(shapes) == len(_PAGE_CHARACTERS)


@lru_cache(maxsize=512)
def _font(path: Path, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(path), size)


def word_mask(word: str, font: Path, cap_height_px: float) -> NDArray[np.float32]:
    """Return a mask of `word`, (height, width) float32, cropped to its ink with a border of one pixel.

    The height of capital letters is about `cap_height_px`.
    """
    size = max(6, round(cap_height_px * 1.38))
    face = _font(font, size)
    left, top, right, bottom = face.getbbox(word)
    canvas = Image.new("L", (max(1, int(right - left) + 2), max(1, int(bottom - top) + 2)))
    ImageDraw.Draw(canvas).text((1 - left, 1 - top), word, fill=255, font=face)
    return np.asarray(canvas, np.float32) / np.float32(255)


def word_length_px(word: str, font: Path, cap_height_px: float) -> float:
    """Return the length in pixels of `word`, including spaces at its end."""
    return float(_font(font, max(6, round(cap_height_px * 1.38))).getlength(word))
