"""Synthetic images that are not ECG pages: desks, letters, charts, empty grids."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

HEIGHT, WIDTH = 1700, 2200
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_INK = (20, 20, 20)
_TEXT = (
    "the patient was seen in clinic and reports no chest pain dyspnoea or syncope ECG lead II V1 "
    "sinus rhythm at 25 mm/s blood pressure 120/80 mmHg"
)
_WORDS = tuple(_TEXT.split(" "))


def paper(colour: tuple[int, int, int] = (255, 255, 255)) -> Image:
    return np.full((HEIGHT, WIDTH, 3), colour, np.uint8)


def grid(fine: tuple[int, int, int] = (250, 170, 170), bold: tuple[int, int, int] = (240, 120, 120)) -> Image:
    image, step = paper(), 200 / 25.4
    for k in range(int(WIDTH / step) + 1):
        colour, width = (bold, 2) if k % 5 == 0 else (fine, 1)
        at = round(k * step)
        cv2.line(image, (at, 0), (at, HEIGHT), colour, width)
        cv2.line(image, (0, at), (WIDTH, at), colour, width)
    return image


def with_text(image: Image) -> Image:
    rng = np.random.default_rng(1)
    for k in range(28):
        line = " ".join(rng.choice(_WORDS, 9))
        cv2.putText(image, line, (120, 150 + 50 * k), _FONT, 1.3, _INK, 2, cv2.LINE_AA)
    return image


def table() -> Image:
    image, rng = paper(), np.random.default_rng(2)
    for row in range(16):
        cv2.line(image, (100, 150 + row * 90), (2100, 150 + row * 90), _INK, 2)
        for column in range(8 * (row < 15)):
            at = (120 + column * 250, 210 + row * 90)
            cv2.putText(image, str(rng.integers(0, 9999)), at, _FONT, 1.2, _INK, 2)
    for column in range(9):
        cv2.line(image, (100 + column * 250, 150), (100 + column * 250, 1500), _INK, 2)
    return image


def chart() -> Image:
    image, rng = paper(), np.random.default_rng(3)
    for k in range(8):
        cv2.line(image, (150, 150 + k * 200), (2050, 150 + k * 200), (210, 210, 210), 1)
    for _ in range(6):
        y = 900 + np.cumsum(rng.normal(0, 6, 1900))
        colour = tuple(int(value) for value in rng.integers(0, 200, 3))
        points = np.stack([np.arange(1900) + 150, y], 1).astype(np.int32)
        cv2.polylines(image, [points], False, colour, 3, cv2.LINE_AA)
    cv2.rectangle(image, (150, 150), (2050, 1550), _INK, 2)
    return image


def waves_on_grid() -> Image:
    image = grid()
    for k in range(5):
        y = 300 * k + 200 + 40 * np.sin(np.arange(2000) / (40 + 30 * k))
        points = np.stack([np.arange(2000) + 100, y], 1).astype(np.int32)
        cv2.polylines(image, [points], False, _INK, 3, cv2.LINE_AA)
    return image


def wood() -> Image:
    rng = np.random.default_rng(4)
    broad = cv2.resize(
        rng.normal(0, 1, (17, 22)).astype(np.float32), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC
    )
    grain = cv2.GaussianBlur(rng.normal(0, 1, (HEIGHT, WIDTH)).astype(np.float32), (101, 3), 0)
    shades = np.array([130, 90, 60]) + 20 * broad[..., None] + 240 * grain[..., None]
    return np.asarray(np.clip(shades, 0, 255), np.uint8)


def desk() -> Image:
    image = wood()
    cv2.circle(image, (500, 600), 220, (230, 230, 230), -1)
    cv2.circle(image, (500, 600), 180, (90, 60, 40), -1)
    cv2.rectangle(image, (1200, 400), (1900, 1300), (60, 60, 60), -1)
    for row in range(10):
        for column in range(6):
            key = (1240 + column * 105, 440 + row * 80)
            cv2.rectangle(image, key, (key[0] + 90, key[1] + 65), (30, 30, 30), -1)
    return image


def letter_on_desk() -> Image:
    image = wood()
    corners = np.array([[0, 0], [WIDTH, 0], [WIDTH, HEIGHT], [0, HEIGHT]], np.float32)
    targets = np.array([[300, 260], [1900, 200], [1980, 1500], [240, 1450]], np.float32)
    perspective = cv2.getPerspectiveTransform(corners, targets)
    inside = cv2.warpPerspective(paper(), perspective, (WIDTH, HEIGHT))[..., 0] > 0
    image[inside] = cv2.warpPerspective(with_text(paper()), perspective, (WIDTH, HEIGHT))[inside]
    return image


def music() -> Image:
    image, rng = paper(), np.random.default_rng(5)
    for stave in range(8):
        top = 150 + stave * 190
        for line in range(5):
            cv2.line(image, (100, top + line * 18), (2100, top + line * 18), _INK, 2)
        for note in range(40):
            x, y = 130 + note * 48, top + 9 * int(rng.integers(0, 9))
            cv2.ellipse(image, (x, y), (11, 8), -20, 0, 360, _INK, -1)
            cv2.line(image, (x + 10, y), (x + 10, y - 60), _INK, 2)
    return image


def barcode() -> Image:
    image, rng = paper(), np.random.default_rng(6)
    for k in range(60):
        cv2.rectangle(image, (100 + k * 33, 300), (100 + k * 33 + int(rng.integers(4, 24)), 1300), _INK, -1)
    return image


def slide() -> Image:
    image = paper((235, 235, 240))
    cv2.putText(image, "Welcome to the ECG course", (150, 400), _FONT, 4, (20, 60, 180), 8)
    cv2.putText(image, "Lead II  25 mm/s  10 mm/mV", (200, 700), _FONT, 3, (60, 60, 60), 6)
    cv2.rectangle(image, (200, 900), (1000, 1500), (40, 140, 200), -1)
    return image


def noise() -> Image:
    return np.random.default_rng(7).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)


def gradient() -> Image:
    ramp = np.linspace(0, 255, WIDTH).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(ramp[None, :, None], (HEIGHT, WIDTH, 3)))


NON_ECG_IMAGES: dict[str, Callable[[], Image]] = {
    "blank grid": grid,
    "faint grid": lambda: grid((255, 225, 225), (250, 205, 205)),
    "letter": lambda: with_text(paper()),
    "text on grid": lambda: with_text(grid()),
    "table": table,
    "chart": chart,
    "waves on grid": waves_on_grid,
    "desk": desk,
    "letter on a desk": letter_on_desk,
    "music": music,
    "barcode": barcode,
    "slide": slide,
    "noise": noise,
    "gradient": gradient,
}
"""Functions that return (height, width, 3) uint8 RGB, by name."""
