"""Pages made worse in one known way each.

Every function takes a page's picture, (height, width, 3) uint8 RGB, and gives a new one of that form; the
one given is not written to. Where chance has a part, a seed decides: the same seed gives the same pixels,
and one seed at several levels the same draw, only stronger, so that a curve shows the level alone. Values
are rounded to the nearest of 0 to 255 and cut off there.
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]


def rotated(image: Image, degrees: float) -> Image:
    """Turned counter-clockwise about its middle, onto a sheet that holds all of it; cubic interpolation.

    What lies outside has the median colour of the picture's outermost pixels.
    """
    height, width = image.shape[:2]
    angle = math.radians(degrees)
    cos, sin = abs(math.cos(angle)), abs(math.sin(angle))
    size = (math.ceil(width * cos + height * sin), math.ceil(width * sin + height * cos))
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1.0)
    matrix[:, 2] += (size[0] - width) / 2, (size[1] - height) / 2
    turned = cv2.warpAffine(
        image, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_CONSTANT, borderValue=_edge(image)
    )
    return np.asarray(turned, np.uint8)


def blurred(image: Image, size_px: int) -> Image:
    """Convolved with a Gaussian of size_px × size_px, odd; its σ is 0.3·((size_px − 1)/2 − 1) + 0.8 px.

    That is OpenCV's rule for a kernel of which only the size is said: 0.8 px for 3, 2.0 px for 11.
    """
    sigma_px = 0.3 * ((size_px - 1) / 2 - 1) + 0.8
    return np.asarray(cv2.GaussianBlur(image, (size_px, size_px), sigma_px), np.uint8)


def noisy(image: Image, sigma: float, seed: int) -> Image:
    """With white Gaussian noise of standard deviation `sigma`·255, drawn for every pixel and channel."""
    drawn = np.random.default_rng(seed).standard_normal(image.shape, np.float32)
    return _pixels(image + np.float32(255 * sigma) * drawn)


def jpeg(image: Image, quality: int) -> Image:
    """Written as JPEG at this quality (1 to 100, libjpeg's scale, colour at half the resolution) and read."""
    written = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.ascontiguousarray(np.asarray(cv2.imdecode(written, cv2.IMREAD_COLOR), np.uint8)[..., ::-1])


def tilted(image: Image, share: float, seed: int) -> Image:
    """In perspective, the size kept: each corner moved inward by up to `share` of the width and the height.

    How much of it, each corner draws for x and y by itself, evenly from 0 to 1. Cubic interpolation, and
    outside the same colour as in `rotated`.
    """
    height, width = image.shape[:2]
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    inward = (1 - 2 * corners) * np.random.default_rng(seed).uniform(0, 1, (4, 2)) * share
    old = corners * (width - 1, height - 1)
    new = old + inward * (width, height)
    seen = cv2.warpPerspective(
        image,
        cv2.getPerspectiveTransform(old.astype(np.float32), new.astype(np.float32)),
        (width, height),
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=_edge(image),
    )
    return np.asarray(seen, np.uint8)


def smaller(image: Image, scale: float) -> Image:
    """At `scale` of its width and height, 1 or less; each new pixel is the mean of what it covers."""
    height, width = image.shape[:2]
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def shaded(image: Image, share: float, seed: int) -> Image:
    """Lit by one lamp: full light below it, `share` less at the farthest corner, falling with the distance.

    The lamp stands above any place of the picture.
    """
    height, width = image.shape[:2]
    x, y = np.random.default_rng(seed).uniform(0, 1, 2) * (width - 1, height - 1)
    away = np.hypot(np.arange(width) - x, (np.arange(height) - y)[:, None])
    light = 1 - share * away / away.max()
    return _pixels(image * light[..., None])


def combined(image: Image, strength: float, seed: int) -> Image:
    """Several at once, as a hasty phone photo has them. At strength s, in this order:

    turned by 2·s degrees, tilted by 0.015·s, shaded by 0.15·s, blurred with 1 + 2·s px (s rounded), noise
    of 0.01·s, JPEG of quality 95 − 15·s. Strength 2 is meant to be moderate.
    """
    page = tilted(rotated(image, 2 * strength), 0.015 * strength, seed)
    page = blurred(shaded(page, 0.15 * strength, seed + 1), 1 + 2 * round(strength))
    return jpeg(noisy(page, 0.01 * strength, seed + 2), round(95 - 15 * strength))


def _edge(image: Image) -> tuple[float, float, float]:
    edge = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    red, green, blue = np.median(edge, axis=0).tolist()
    return red, green, blue


def _pixels(values: NDArray[np.floating[Any]]) -> Image:
    return np.asarray(np.clip(np.rint(values), 0, 255), np.uint8)
