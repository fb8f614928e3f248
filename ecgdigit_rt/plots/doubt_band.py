"""Band with the doubts of a page, for overlays and inspection images."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.doubts import Doubt
from ecgdigit_rt.plots.ecg_paper import FONT, Colour

Image = NDArray[np.uint8]

_BACKGROUND: Colour = (255, 236, 200)
_INK: Colour = (125, 62, 0)
_MARGIN_PX, _LINE_PX, _TEXT_SIZE = 28, 36, 24
_TITLE = "DOUBTFUL"
_ADVICE = "The signals may be wrong. Compare them with the page."
"""Colours, sizes and text. Hand-picked, not tuned. The colours are those of a warning: dark on pale amber."""


def doubt_band(doubts: Sequence[Doubt], width_px: int) -> Image:
    """Return an image of the doubts, uint8 RGB (height, width_px, 3), with one or more lines per doubt.

    Without doubts, the height is 0.
    """
    if not doubts:
        return np.empty((0, width_px, 3), np.uint8)
    left = 2 * _MARGIN_PX + _text_width(_TITLE, 700)
    texts = [_ADVICE, *(str(doubt) for doubt in doubts)]
    lines = [line for text in texts for line in _wrapped(text, width_px - left - _MARGIN_PX)]
    band = np.full((len(lines) * _LINE_PX + _LINE_PX // 2, width_px, 3), _BACKGROUND, np.uint8)
    cv2.putText(band, _TITLE, (_MARGIN_PX, _LINE_PX), _INK, FONT, _TEXT_SIZE, 700)
    for k, line in enumerate(lines, start=1):
        cv2.putText(band, line, (left, k * _LINE_PX), _INK, FONT, _TEXT_SIZE, 400)
    return band


def _wrapped(text: str, width_px: int) -> list[str]:
    """Return the text as lines of at most `width_px`. A word that is wider has its own line."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and _text_width(longer) <= width_px:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _text_width(text: str, weight: int = 400) -> int:
    left, _, width, _ = cv2.getTextSize((0, 0), text, (0, 0), FONT, _TEXT_SIZE, weight)
    return left + width
