"""Degradations of a sheet of paper: stains, mould, handwriting, stamps, covered names and folds."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_export.synth.noise import smooth_noise
from ecgdigit_export.synth.text import font_files, word_mask
from ecgdigit_kernels.stroke import blend, draw_polyline

Raster = NDArray[np.uint8]
Float = NDArray[np.float32]


def _tint(raster: Raster, alpha: Float, colour: tuple[float, float, float]) -> None:
    """Multiply the raster by a colour with weight `alpha`, in place, like a transparent stain."""
    for channel in range(3):
        gain = 1 - alpha * (1 - colour[channel] / 255)
        raster[..., channel] = cv2.multiply(raster[..., channel], gain, dtype=cv2.CV_8U)


def stain(raster: Raster, _: float, rng: np.random.Generator) -> None:
    """Draw stains of tea, age and damp, which are soft brown or grey areas with darker edges."""
    field = smooth_noise(rng, raster.shape[:2], rng.uniform(3, 12))
    alpha = np.clip((field - rng.uniform(-0.6, 0.8)) * rng.uniform(0.6, 3), 0, 1)
    rim = np.clip(1 - np.abs(alpha - 0.5) * 3, 0, 1) * rng.uniform(0, 0.3)
    strength = rng.uniform(0.15, 0.8)
    colour = ((200, 160, 110), (170, 150, 130), (150, 150, 155), (225, 200, 150))[rng.integers(4)]
    _tint(raster, np.minimum(alpha * strength + rim, 1).astype(np.float32), colour)


def mould(raster: Raster, px_per_mm: float, rng: np.random.Generator) -> None:
    """Draw areas with dark spots of mould. The darkest spots hide the trace."""
    shape = raster.shape[:2]
    for _ in range(int(rng.integers(1, 4))):
        y, x = rng.uniform(0, shape[0]), rng.uniform(0, shape[1])
        radius = rng.uniform(15, 55) * px_per_mm
        ys, xs = np.ogrid[: shape[0], : shape[1]]
        distance = np.sqrt(((ys - y) * rng.uniform(0.7, 1.6)) ** 2 + (xs - x) ** 2) / radius
        patch = np.clip(1.35 - distance, 0, 1).astype(np.float32)
        spots = smooth_noise(rng, shape, rng.uniform(60, 160)) + 0.6 * smooth_noise(rng, shape, 240)
        alpha = np.clip((spots * patch - rng.uniform(0.1, 0.7)) * rng.uniform(1, 4), 0, 1)
        shade = float(rng.uniform(30, 110))
        blend(raster, alpha * np.float32(rng.uniform(0.4, 0.95)), np.full(3, shade, np.float32))


def handwriting(raster: Raster, px_per_mm: float, rng: np.random.Generator) -> None:
    """Draw handwriting, which consists of scribbled words and circles."""
    alpha = np.zeros(raster.shape[:2], np.float32)
    for _ in range(int(rng.integers(1, 5))):
        start = rng.uniform(0, 1, 2) * raster.shape[1::-1]
        count = int(rng.integers(12, 60))
        letter = rng.uniform(1.5, 5) * px_per_mm
        time = np.arange(count * 6) / 6
        drift = np.cumsum(rng.normal(0, 0.25, count * 6)) * letter * 0.1
        x = start[0] + time * letter * 0.35 + letter * 0.4 * np.sin(time * 2.1 + rng.uniform(0, 6))
        y = start[1] + drift + letter * 0.5 * np.sin(time * rng.uniform(2.5, 4)) * rng.uniform(0.4, 1)
        if rng.random() < 0.25:  # a circle
            x = start[0] + 3 * letter * np.cos(time * 0.25)
            y = start[1] + 2 * letter * np.sin(time * 0.25)
        width = np.full(x.size, rng.uniform(0.3, 0.7) * px_per_mm, np.float32)
        draw_polyline(alpha, x.astype(np.float32), y.astype(np.float32), width)
    colour = ((20, 30, 120), (30, 30, 30), (170, 20, 30), (60, 60, 70))[rng.integers(4)]
    blend(raster, alpha * np.float32(rng.uniform(0.6, 0.95)), np.array(colour, np.float32))


def stamp(raster: Raster, px_per_mm: float, rng: np.random.Generator) -> None:
    """Draw an unevenly inked rubber stamp with a word in a box."""
    word = str(rng.choice(("COPY", "RECEIVED", "CARDIOLOGY", "CONFIRMED", "SCANNED")))
    fonts = font_files()
    mask = word_mask(word, fonts[rng.integers(len(fonts))], rng.uniform(3, 6) * px_per_mm)
    mask = np.pad(mask, round(2 * px_per_mm))
    mask[[0, 1, 2, -3, -2, -1], :] = 1
    mask[:, [0, 1, 2, -3, -2, -1]] = 1
    mask = mask * np.clip(0.7 + 0.3 * smooth_noise(rng, mask.shape, 20), 0, 1)
    y = int(rng.integers(0, max(1, raster.shape[0] - mask.shape[0])))
    x = int(rng.integers(0, max(1, raster.shape[1] - mask.shape[1])))
    view = raster[y : y + mask.shape[0], x : x + mask.shape[1]]
    visible = np.ascontiguousarray(mask[: view.shape[0], : view.shape[1]], np.float32)
    colour = ((150, 30, 60), (40, 50, 140), (80, 30, 110))[rng.integers(3)]
    blend(view, visible * np.float32(rng.uniform(0.4, 0.8)), np.array(colour, np.float32))


def patches(raster: Raster, px_per_mm: float, rng: np.random.Generator) -> None:
    """Draw rectangles, such as stickers and covered names."""
    for _ in range(int(rng.integers(1, 4))):
        width, height = rng.uniform(10, 60) * px_per_mm, rng.uniform(2, 9) * px_per_mm
        x, y = rng.uniform(0, raster.shape[1]), rng.uniform(0, 0.16) * raster.shape[0]
        shade = float(rng.choice((0, 255, 225, 128)))
        raster[int(y) : int(y + height), int(x) : int(x + width)] = shade


def fold_marks(raster: Raster, px_per_mm: float, rng: np.random.Generator) -> None:
    """Draw worn lines along folds, where the ink and the grid are rubbed off."""
    alpha = np.zeros(raster.shape[:2], np.float32)
    height, width = raster.shape[:2]
    for _ in range(int(rng.integers(1, 4))):
        at, tilt = rng.uniform(0.1, 0.9), rng.normal(0, 0.02)
        ends = np.array([0, 1], np.float32)
        if rng.random() < 0.5:
            x, y = ends * width, (at + tilt * (ends - 0.5)) * height
        else:
            x, y = (at + tilt * (ends - 0.5)) * width, ends * height
        stroke = np.full(2, rng.uniform(0.2, 1.0) * px_per_mm, np.float32)
        draw_polyline(alpha, x.astype(np.float32), y.astype(np.float32), stroke)
    alpha *= np.clip(0.5 + 0.4 * smooth_noise(rng, (height, width), 90), 0, 1)
    shade = float(rng.choice((250, 235, 150)))
    blend(raster, alpha * np.float32(rng.uniform(0.3, 0.9)), np.full(3, shade, np.float32))


DEGRADATIONS: dict[str, tuple[float, Callable[[Raster, float, np.random.Generator], None]]] = {
    "stain": (0.22, stain),
    "mould": (0.16, mould),
    "handwriting": (0.14, handwriting),
    "stamp": (0.06, stamp),
    "patches": (0.10, patches),
    "fold_marks": (0.14, fold_marks),
}
"""Functions by name, with their probabilities on a page whose kind is not `render`. Hand-picked."""
