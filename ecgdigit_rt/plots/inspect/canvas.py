"""What the pictures share: their size, their colours, the page beneath, words and lines upon it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.plots.ecg_paper import FONT, SUBPIXEL_BITS, Colour

Image = NDArray[np.uint8]
Legend = Sequence[tuple[Colour, str]]

WIDTH_PX = 1600
"""Of every picture, and the most that the page in it is high."""

INK, QUIET = (38, 42, 54), (112, 118, 132)
WHITE, ROOM = (255, 255, 255), (236, 238, 241)
BLUE, GREEN, PURPLE, TEAL = (0, 100, 190), (0, 130, 85), (125, 60, 165), (0, 135, 150)
WARNING, ALARM = (240, 120, 0), (200, 30, 30)
"""Cool colours for what was seen, warm ones for what was not."""

_CAPTION_PX, _LEFT_PX = 92, 24
_TITLE_SIZE, _TEXT_SIZE, _TAG_SIZE = 30, 22, 20


@dataclass(frozen=True, slots=True)
class View:
    """A cut of the upright picture, fitted to the width.

    image: (h, w, 3) uint8 RGB. corner_px: the cut's left and top in the upright picture.
    scale: the view's pixels per pixel of that.
    """

    image: Image
    corner_px: tuple[float, float]
    scale: float

    def places(self, x: NDArray[np.floating[Any]], y: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Places of the upright picture, any shape, as x, y of the view: (..., 2)."""
        return np.asarray((np.stack([x, y], -1) - np.array(self.corner_px)) * self.scale, np.float64)

    def laid(
        self, field: NDArray[np.float32], cell_px: float, corner_px: tuple[float, float]
    ) -> NDArray[np.float32]:
        """A field (rows, columns) of cells of `cell_px` that begin at `corner_px`, over the view; else 0."""
        step = cell_px * self.scale
        shift = [(corner_px[k] - self.corner_px[k]) * self.scale + step / 2 - 0.5 for k in range(2)]
        matrix = np.array([[step, 0, shift[0]], [0, step, shift[1]]])
        size = (self.image.shape[1], self.image.shape[0])
        return np.asarray(cv2.warpAffine(field, matrix, size, flags=cv2.INTER_LINEAR), np.float32)


def view_from_box(image: Image, box_px: tuple[int, int, int, int]) -> View:
    """The cut left, top, right, bottom of an upright picture (height, width, 3)."""
    left, top, right, bottom = box_px
    cut = image[top:bottom, left:right]
    scale = WIDTH_PX / max(cut.shape[:2])
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    size = (max(1, round(cut.shape[1] * scale)), max(1, round(cut.shape[0] * scale)))
    return View(np.asarray(cv2.resize(cut, size, interpolation=how), np.uint8), (left, top), scale)


def washed(image: Image) -> Image:
    """The picture grey and pale, so that colours upon it stand out and its ink can still be seen."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    paper = max(float(np.percentile(grey[::8, ::8], 80)), 1.0)
    pale = 255 - 0.5 * (255 - np.clip(grey * (245 / paper), 0, 255))
    return np.asarray(np.repeat(pale[..., None].astype(np.uint8), 3, 2))


def tinted(image: Image, colour: Colour, strength: NDArray[np.floating[Any]]) -> Image:
    """The picture with as much of a colour as `strength` (h, w), 0 to 1, says."""
    much = np.clip(strength, 0, 1)[..., None]
    return np.asarray(image + much * (np.array(colour, np.float32) - image), np.uint8)


def captioned(image: Image, title: str, facts: str, legend: Legend = (), alarm: str = "") -> Image:
    """The picture in the middle of `WIDTH_PX`, below what it is called and what its colours mean.

    alarm: what is wrong, in red after the facts.
    """
    band = np.full((_CAPTION_PX, WIDTH_PX, 3), WHITE, np.uint8)
    end = cv2.putText(band, title, (_LEFT_PX, 38), INK, FONT, _TITLE_SIZE, 700)[0]
    end = cv2.putText(band, facts, (end[0] + 28, 37), QUIET, FONT, _TEXT_SIZE, 400)[0]
    if alarm:
        cv2.putText(band, alarm, (end[0] + 28, 37), ALARM, FONT, _TEXT_SIZE, 700)
    x = _LEFT_PX
    for colour, text in legend:
        cv2.rectangle(band, (x, 59), (x + 22, 77), colour, cv2.FILLED, cv2.LINE_AA)
        x = cv2.putText(band, text, (x + 32, 76), INK, FONT, _TEXT_SIZE, 400)[0][0] + 30
    return np.concatenate([band, centred(image)])


def centred(image: Image) -> Image:
    """The picture in the middle of `WIDTH_PX`."""
    room = np.full((image.shape[0], WIDTH_PX, 3), ROOM, np.uint8)
    left = (WIDTH_PX - image.shape[1]) // 2
    room[:, left : left + image.shape[1]] = image
    return room


def lines(image: Image, curves: Sequence[NDArray[np.float64]], colour: Colour, thickness: int = 1) -> None:
    """Draw curves of x, y (n, 2). Pixel i's centre is i + 0.5; OpenCV draws centres at integers."""
    limit = 4 * max(image.shape)
    shapes = [
        np.round(np.clip(curve - 0.5, -limit, limit) * (1 << SUBPIXEL_BITS)).astype(np.int32)
        for curve in curves
        if np.isfinite(curve).all()
    ]
    cv2.polylines(image, shapes, False, colour, thickness, cv2.LINE_AA, SUBPIXEL_BITS)


def tag(image: Image, text: str, place: tuple[float, float], colour: Colour, size: int = _TAG_SIZE) -> None:
    """Words, white on a colour, inside the picture; `place` is their left and bottom."""
    left, _, width, _ = cv2.getTextSize((0, 0), text, (0, 0), FONT, size, 700)
    width, high = left + width + 10, size + 4
    x = round(min(max(place[0], 0), max(0, image.shape[1] - width)))
    y = round(min(max(place[1], high), image.shape[0] - 1))
    cv2.rectangle(image, (x, y - high), (x + width, y), colour, cv2.FILLED, cv2.LINE_AA)
    cv2.putText(image, text, (x + 5, y - round(size * 0.26)), WHITE, FONT, size, 700)


def words(
    image: Image,
    text: str,
    place: tuple[float, float],
    colour: Colour,
    size: int = _TAG_SIZE,
    weight: int = 400,
) -> None:
    """Words alone; `place` is where they begin on their base line."""
    cv2.putText(image, text, (round(place[0]), round(place[1])), colour, FONT, size, weight)
