"""Drawing functions of the inspection images: size, colours, page views, captions, text and curves."""

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
"""Width of every image, and maximum height of the page in the image."""

INK, GREY = (38, 42, 54), (112, 118, 132)
WHITE, BACKGROUND = (255, 255, 255), (236, 238, 241)
BLUE, GREEN, PURPLE, TEAL = (0, 100, 190), (0, 130, 85), (125, 60, 165), (0, 135, 150)
WARNING, ALARM = (240, 120, 0), (200, 30, 30)
"""Colours. Detected marks are drawn in cool colours, and missing or uncertain marks in warm colours."""

# Height and left margin of captions. Hand-picked, not tuned.
_CAPTION_PX, _LEFT_PX = 92, 24
# Font sizes. Hand-picked, not tuned.
_TITLE_SIZE, _TEXT_SIZE, _TAG_SIZE = 30, 22, 20


@dataclass(frozen=True, slots=True)
class View:
    """Crop of the upright image, scaled so that its longer side is `WIDTH_PX`.

    `image` is (h, w, 3) uint8 RGB. `corner_px` is the upper left corner of the crop in the upright image.
    `scale` is the number of view pixels per pixel of the upright image.
    """

    image: Image
    corner_px: tuple[float, float]
    scale: float

    def points_from_image(
        self, x: NDArray[np.floating[Any]], y: NDArray[np.floating[Any]]
    ) -> NDArray[np.float64]:
        """Return the view coordinates (..., 2) of points of the upright image. `x` and `y` have any shape."""
        return np.asarray((np.stack([x, y], -1) - np.array(self.corner_px)) * self.scale, np.float64)

    def resample_field(
        self, field: NDArray[np.float32], cell_px: float, corner_px: tuple[float, float]
    ) -> NDArray[np.float32]:
        """Return a field (rows, columns) sampled at the view's pixels, (h, w). It is 0 outside the field.

        `cell_px` is the side of a field cell, and `corner_px` the upper left corner of the field, both in
        pixels of the upright image.
        """
        step = cell_px * self.scale
        shift = [(corner_px[k] - self.corner_px[k]) * self.scale + step / 2 - 0.5 for k in range(2)]
        matrix = np.array([[step, 0, shift[0]], [0, step, shift[1]]])
        size = (self.image.shape[1], self.image.shape[0])
        return np.asarray(cv2.warpAffine(field, matrix, size, flags=cv2.INTER_LINEAR), np.float32)


def view_from_box(image: Image, box_px: tuple[int, int, int, int]) -> View:
    """Return the view of a box (left, top, right, bottom) of an upright image (height, width, 3)."""
    left, top, right, bottom = box_px
    crop = image[top:bottom, left:right]
    scale = WIDTH_PX / max(crop.shape[:2])
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    size = (max(1, round(crop.shape[1] * scale)), max(1, round(crop.shape[0] * scale)))
    scaled = np.asarray(cv2.resize(crop, size, interpolation=interpolation), np.uint8)
    return View(scaled, (left, top), scale)


def fade_to_grey(image: Image) -> Image:
    """Return the image in pale grey, on which colours stand out and ink remains visible."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    paper = max(float(np.percentile(grey[::8, ::8], 80)), 1.0)
    pale = 255 - 0.5 * (255 - np.clip(grey * (245 / paper), 0, 255))
    return np.asarray(np.repeat(pale[..., None].astype(np.uint8), 3, 2))


def blend_colour(image: Image, colour: Colour, strength: NDArray[np.floating[Any]]) -> Image:
    """Return the image blended with a colour. `strength` (h, w) is the opacity, 0 to 1."""
    opacity = np.clip(strength, 0, 1)[..., None]
    return np.asarray(image + opacity * (np.array(colour, np.float32) - image), np.uint8)


def add_caption(image: Image, title: str, facts: str, legend: Legend = (), alarm: str = "") -> Image:
    """Return the image centred below a caption.

    The first line of the caption is `title`, `facts` in grey, and the error text `alarm` in red. The second
    line is `legend`.
    """
    band = np.full((_CAPTION_PX, WIDTH_PX, 3), WHITE, np.uint8)
    end = cv2.putText(band, title, (_LEFT_PX, 38), INK, FONT, _TITLE_SIZE, 700)[0]
    end = cv2.putText(band, facts, (end[0] + 28, 37), GREY, FONT, _TEXT_SIZE, 400)[0]
    if alarm:
        cv2.putText(band, alarm, (end[0] + 28, 37), ALARM, FONT, _TEXT_SIZE, 700)
    x = _LEFT_PX
    for colour, text in legend:
        cv2.rectangle(band, (x, 59), (x + 22, 77), colour, cv2.FILLED, cv2.LINE_AA)
        x = cv2.putText(band, text, (x + 32, 76), INK, FONT, _TEXT_SIZE, 400)[0][0] + 30
    return np.concatenate([band, centre_on_canvas(image)])


def centre_on_canvas(image: Image) -> Image:
    """Return the image centred on a canvas of width `WIDTH_PX`."""
    canvas = np.full((image.shape[0], WIDTH_PX, 3), BACKGROUND, np.uint8)
    left = (WIDTH_PX - image.shape[1]) // 2
    canvas[:, left : left + image.shape[1]] = image
    return canvas


def draw_curves(
    image: Image, curves: Sequence[NDArray[np.float64]], colour: Colour, thickness: int = 1
) -> None:
    """Draw curves (n, 2) of x and y. A curve with a non-finite point is omitted.

    The centre of pixel i is at i + 0.5 in a curve, but at i in OpenCV.
    """
    limit = 4 * max(image.shape)
    shapes = [
        np.round(np.clip(curve - 0.5, -limit, limit) * (1 << SUBPIXEL_BITS)).astype(np.int32)
        for curve in curves
        if np.isfinite(curve).all()
    ]
    cv2.polylines(image, shapes, False, colour, thickness, cv2.LINE_AA, SUBPIXEL_BITS)


def draw_tag(
    image: Image, text: str, corner: tuple[float, float], colour: Colour, size: int = _TAG_SIZE
) -> None:
    """Draw white text on a coloured box with the lower left corner `corner`.

    The box is shifted into the image if necessary.
    """
    left, _, width, _ = cv2.getTextSize((0, 0), text, (0, 0), FONT, size, 700)
    width, height = left + width + 10, size + 4
    x = round(min(max(corner[0], 0), max(0, image.shape[1] - width)))
    y = round(min(max(corner[1], height), image.shape[0] - 1))
    cv2.rectangle(image, (x, y - height), (x + width, y), colour, cv2.FILLED, cv2.LINE_AA)
    cv2.putText(image, text, (x + 5, y - round(size * 0.26)), WHITE, FONT, size, 700)


def draw_text(
    image: Image,
    text: str,
    origin: tuple[float, float],
    colour: Colour,
    size: int = _TAG_SIZE,
    weight: int = 400,
) -> None:
    """Draw text. `origin` is the left end of its baseline."""
    cv2.putText(image, text, (round(origin[0]), round(origin[1])), colour, FONT, size, weight)
