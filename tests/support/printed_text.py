"""Text drawn on white or ruled paper, with the box that text recognition would return."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

SANS, SERIF = "DejaVuSans.ttf", "DejaVuSerif.ttf"

GRID_COLOUR = (240, 170, 170)


@cache
def font(name: str, size_px: int) -> ImageFont.FreeTypeFont:
    """Return a font of matplotlib."""
    return ImageFont.truetype(Path(mpl.get_data_path()) / "fonts/ttf" / name, size_px)


def grid_paper(width: int, height: int, spacing_px: int = 8) -> NDArray[np.uint8]:
    """Return white paper with a pink grid."""
    paper = np.full((height, width, 3), 255, np.uint8)
    paper[::spacing_px] = paper[:, ::spacing_px] = GRID_COLOUR
    return paper


def draw_text(
    paper: NDArray[np.uint8], left: float, top: float, text: str, size_px: int = 30, name: str = SANS
) -> tuple[float, float, float, float]:
    """Draw black text on paper, in place, and return its box with a margin of a quarter of its height."""
    image = Image.fromarray(paper)
    drawing = ImageDraw.Draw(image)
    drawing.text((left, top), text, (0, 0, 0), font(name, size_px))
    paper[:] = np.asarray(image)
    x0, y0, x1, y1 = drawing.textbbox((left, top), text, font(name, size_px))
    margin = (y1 - y0) / 4
    return x0 - margin, y0 - margin, x1 + margin, y1 + margin
