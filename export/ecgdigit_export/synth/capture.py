"""Images of a flat sheet: rendered, scanned, faxed, photographed, or photographed from a screen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_export.synth.camera import project_photo, project_render, project_scan
from ecgdigit_export.synth.noise import gaussian_noise, smooth_noise
from ecgdigit_export.synth.sheet import Sheet
from ecgdigit_export.synth.surface import STEP_MM, Lattice, heights_mm, lattice_over, shading
from ecgdigit_kernels.exposure import expose
from ecgdigit_kernels.unproject import OFF_PAPER, paper_from_pixels

Float = NDArray[np.float32]
Image = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Capture:
    """An image, (height, width, 3) uint8 RGB, and the positions of the lattice nodes in it in pixels."""

    image: Image
    lattice: Lattice
    nodes_px: Float


def _warp_sheet(
    sheet: Sheet, lattice: Lattice, nodes: Float, size: tuple[int, int], background: Image
) -> Image:
    """Warp the raster of the sheet onto `background`, (height, width, 3), and return `background`."""
    ppm = sheet.style.px_per_mm
    spacing = np.median(np.hypot(*np.diff(nodes, axis=1).reshape(-1, 2).T)) / STEP_MM
    raster = sheet.raster
    shrink = float(spacing) / ppm
    if shrink < 0.9:  # low-pass filter against aliasing
        raster = np.asarray(
            cv2.GaussianBlur(raster, (0, 0), 0.45 * np.sqrt(1 / shrink**2 - 1) + 0.15), np.uint8
        )
    paper = paper_from_pixels(nodes, lattice.origin_mm, STEP_MM, (size[1], size[0]))
    map_x = (paper[..., 0] - sheet.style.paper[0]) * ppm - 0.5
    map_y = (paper[..., 1] - sheet.style.paper[1]) * ppm - 0.5
    image = background
    cv2.remap(raster, map_x, map_y, cv2.INTER_LINEAR, dst=image, borderMode=cv2.BORDER_TRANSPARENT)
    return image


def _noise_tile(rng: np.random.Generator, sigma: float) -> NDArray[np.int16]:
    tile = gaussian_noise((257, 257, 3), sigma, rng)
    if rng.random() < 0.5:  # luminance noise, as in scans
        tile[:] = tile[..., :1]
    return tile


def _blur(image: Image, rng: np.random.Generator, sigma: float) -> Image:
    if rng.random() < 0.12:  # motion blur
        length = int(rng.integers(2, 6))
        kernel = np.zeros((2 * length + 1, 2 * length + 1), np.float32)
        step = length * np.array([np.cos(a := rng.uniform(0, np.pi)), np.sin(a)]) / 2
        cv2.line(
            kernel,
            tuple(np.round(length - step).astype(int)),
            tuple(np.round(length + step).astype(int)),
            1.0,
        )
        return np.asarray(cv2.filter2D(image, -1, kernel / kernel.sum()), np.uint8)
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.uint8) if sigma > 0.25 else image


def _recompress(image: Image, quality: int) -> Image:
    ok, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not ok:
        raise RuntimeError("OpenCV cannot encode the image as JPEG")
    return np.ascontiguousarray(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)[..., ::-1])


def _adjust_tone(image: Image, rng: np.random.Generator, strength: float) -> Image:
    """Change contrast, brightness and gamma with a single lookup table."""
    level = np.arange(256) / 255
    curve = level ** np.exp(rng.normal(0, 0.18 * strength)) * (1 + rng.normal(0, 0.07 * strength))
    curve = 0.5 + (curve - 0.5) * (1 + rng.normal(0, 0.12 * strength)) + rng.normal(0, 0.03 * strength)
    return np.asarray(cv2.LUT(image, np.clip(curve * 255, 0, 255).astype(np.uint8)), np.uint8)


def _black_and_white(image: Image, rng: np.random.Generator) -> Image:
    """Convert an image to grey with high contrast, like a copier, or to black and white, like a fax."""
    weights = rng.dirichlet((3, 5, 3)).astype(np.float32)
    grey = cv2.transform(image, weights[None])
    speckle = gaussian_noise(grey.shape[:2], rng.uniform(2, 16), rng)
    grey = np.clip(grey.reshape(speckle.shape).astype(np.int16) + speckle, 0, 255).astype(np.uint8)
    white = float(np.percentile(grey[::8, ::8], 70))
    if rng.random() < 0.2:
        ink = float(np.percentile(grey[::4, ::4], 0.7))  # traces and text cover a few per cent of the page
        cut = np.float32(ink + (white - ink) * rng.uniform(0.4, 0.8))
        dither = np.tile(
            np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]], np.float32), (1, 1)
        )
        spread = rng.choice((0.0, 4.0, 7.0))
        tiles = (grey.shape[0] // 4 + 1, grey.shape[1] // 4 + 1)
        level = cut + (np.tile(dither, tiles)[: grey.shape[0], : grey.shape[1]] - 7.5) * np.float32(spread)
        grey = np.where(grey > level, 255, rng.integers(0, 40)).astype(np.uint8)
    else:
        low, high = white * rng.uniform(0.1, 0.55), white * rng.uniform(0.85, 1.02)
        table = np.clip((np.arange(256) - low) / max(8.0, high - low), 0, 1) ** rng.uniform(0.7, 1.4) * 255
        grey = cv2.LUT(grey, table.astype(np.uint8))
    return np.repeat(np.asarray(grey, np.uint8).reshape(speckle.shape)[..., None], 3, axis=2)


def render(sheet: Sheet, rng: np.random.Generator) -> Capture:
    """Return the raster of the sheet, downscaled, made grey, made noisy or recompressed at random.

    The raster may be modified.
    """
    lattice = lattice_over(sheet.style.paper)
    nodes, _ = project_render(lattice, sheet.style.px_per_mm)
    image = sheet.raster
    if rng.random() < 0.35:
        width = round(image.shape[1] * rng.uniform(0.42, 0.95))
        scale = width / image.shape[1]
        height = round(image.shape[0] * scale)
        nodes = nodes * np.array([scale, height / image.shape[0]], np.float32)
        image = np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    if rng.random() < 0.12:
        image = np.repeat(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    if rng.random() < 0.25:
        noise = _noise_tile(rng, rng.uniform(1, 25))
        expose(image, np.ones((2, 2), np.float32), np.ones(3, np.float32), noise, 0.0)
    if rng.random() < 0.5:
        image = _recompress(image, int(rng.integers(45, 97)))
    return Capture(image, lattice, nodes)


def scan(sheet: Sheet, rng: np.random.Generator, black_and_white: bool = False) -> Capture:
    """Return a scan by a flatbed or sheet-fed scanner, or, if `black_and_white`, by a copier or fax."""
    lattice = lattice_over(sheet.style.paper)
    nodes, size = project_scan(lattice, rng)
    lid = rng.choice((255, 250, 235, 120, 20), p=(0.5, 0.2, 0.1, 0.1, 0.1))
    background = np.full((size[1], size[0], 3), lid, np.uint8)
    image = _warp_sheet(sheet, lattice, nodes, size, background)
    image = _blur(image, rng, rng.uniform(0, 0.9))
    light = 1 + 0.05 * rng.standard_normal((3, 3)).astype(np.float32)
    white = (1 + 0.03 * rng.standard_normal(3)).astype(np.float32)
    expose(image, light, white, _noise_tile(rng, rng.uniform(0.5, 7)), 0.3)
    image = _black_and_white(image, rng) if black_and_white else _adjust_tone(image, rng, 0.8)
    return Capture(_recompress(image, int(rng.integers(50, 97))), lattice, nodes)


def _desk(rng: np.random.Generator, size: tuple[int, int]) -> Image:
    """Return a background such as cloth, wood, steel or a dark room."""
    shape = (size[1] // 4 + 1, size[0] // 4 + 1)
    base = rng.uniform(10, 235, 3) * 0.4 + rng.uniform(20, 220) * 0.6
    field = smooth_noise(rng, shape, rng.uniform(2, 10)) * rng.uniform(2, 18)
    if rng.random() < 0.4:  # wood grain along one axis
        stripes = rng.standard_normal((shape[0], 1) if rng.random() < 0.5 else (1, shape[1]))
        field = field + stripes.astype(np.float32) * rng.uniform(2, 16)
    field = field + rng.standard_normal(shape, np.float32) * rng.uniform(0, 8)
    desk = np.clip(
        base.astype(np.float32) + field[..., None] * rng.uniform(0.7, 1.2, 3).astype(np.float32), 0, 255
    )
    return np.asarray(cv2.resize(desk.astype(np.uint8), size, interpolation=cv2.INTER_LINEAR), np.uint8)


def _draw_second_sheet(image: Image, sheet: Sheet, nodes: Float, rng: np.random.Generator) -> None:
    """Draw the sheet a second time, upside down, where it is visible at the edges of the first one."""
    height, width = sheet.raster.shape[:2]
    corners = nodes[[0, 0, -1, -1], [0, -1, -1, 0]] + rng.normal(0, 0.07 * np.ptp(nodes[..., 0]), 2)
    corners = corners + rng.normal(0, 0.02 * np.ptp(nodes[..., 0]), (4, 2))
    flat = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    homography = cv2.getPerspectiveTransform(flat, corners.astype(np.float32))
    cv2.warpPerspective(
        sheet.raster[::-1, ::-1], homography, image.shape[1::-1], dst=image,
        flags=cv2.INTER_AREA, borderMode=cv2.BORDER_TRANSPARENT,
    )  # fmt: skip


def _illumination(rng: np.random.Generator, size: tuple[int, int]) -> Float:
    """Return an illumination field with a gradient, the fall-off of a lamp, and soft or hard shadows."""
    shape = (max(8, size[1] // 16), max(8, size[0] // 16))
    y, x = np.mgrid[0 : 1 : shape[0] * 1j, 0 : 1 : shape[1] * 1j].astype(np.float32)
    light = 1 + rng.normal(0, 0.16) * (x - 0.5) + rng.normal(0, 0.16) * (y - 0.5)
    lamp = (x - rng.uniform(-0.3, 1.3)) ** 2 + (y - rng.uniform(-0.3, 1.3)) ** 2
    light = light * (1 + rng.uniform(0, 0.5) * (np.exp(-lamp * rng.uniform(0.5, 3)) - 0.4))
    for _ in range(int(rng.integers(0, 3) if rng.random() < 0.45 else 0)):
        angle, at = rng.uniform(0, 2 * np.pi), rng.uniform(0.1, 0.9)
        bend = 0.06 * smooth_noise(rng, (shape[0], shape[1]), 4)
        side = (x - at) * np.cos(angle) + (y - at) * np.sin(angle) + bend
        light = light * (1 - rng.uniform(0.08, 0.45) / (1 + np.exp(-side * rng.uniform(8, 150))))
    return np.asarray(np.clip(light, 0.25, 1.6), np.float32)


def _draw_finger(image: Image, rng: np.random.Generator) -> None:
    """Draw a finger at an edge of the image."""
    height, width = image.shape[:2]
    edge = rng.integers(4)
    at = rng.uniform(0.1, 0.9)
    length = rng.uniform(0.03, 0.12) * width
    centre = ((at * width, 0), (at * width, height), (0, at * height), (width, at * height))[edge]
    skin = np.array((224, 172, 140)) * rng.uniform(0.4, 1.05)
    axes = (int(length), int(length * rng.uniform(0.35, 0.6)))
    angle = float((90, 90, 0, 0)[edge] + rng.normal(0, 20))
    cv2.ellipse(image, (int(centre[0]), int(centre[1])), axes, angle, 0, 360, skin.tolist(), -1, cv2.LINE_AA)


def photo(sheet: Sheet, rng: np.random.Generator, crumple: float = 0.0) -> Capture:
    """Return a photograph of the sheet on a table. `crumple` is as in `heights_mm`. Modifies the raster."""
    lattice = lattice_over(sheet.style.paper)
    z = heights_mm(lattice, rng, crumple)
    nodes, size = project_photo(lattice, z, rng)
    shade = shading(z, rng)
    raster = sheet.raster
    full = cv2.resize(shade, (raster.shape[1], raster.shape[0]), interpolation=cv2.INTER_LINEAR)
    for channel in range(3):
        raster[..., channel] = cv2.multiply(raster[..., channel], full, dtype=cv2.CV_8U)
    background = _desk(rng, size)
    if rng.random() < 0.12:
        _draw_second_sheet(background, sheet, nodes, rng)
    image = _warp_sheet(sheet, lattice, nodes, size, background)
    if rng.random() < 0.1:
        _draw_finger(image, rng)
    return Capture(_develop(image, rng), lattice, nodes)


def _develop(image: Image, rng: np.random.Generator) -> Image:
    """Apply lens blur, illumination, sensor noise, a tone curve and JPEG compression."""
    scale = max(image.shape) / 3024
    image = _blur(image, rng, rng.uniform(0, 1.5) * scale)
    white = np.exp(rng.normal(0, 0.07, 3)).astype(np.float32) * np.float32(rng.uniform(0.7, 1.08))
    light = _illumination(rng, (image.shape[1], image.shape[0]))
    expose(image, light, white, _noise_tile(rng, rng.uniform(0.5, 9)), 0.5)
    return _recompress(_adjust_tone(image, rng, 1.0), int(rng.integers(45, 96)))


def screen(sheet: Sheet, rng: np.random.Generator) -> Capture:
    """Return a photograph of a monitor that shows the sheet, with moiré patterns of its pixel grid."""
    lattice = lattice_over(sheet.style.paper)
    nodes, size = project_photo(lattice, np.zeros((lattice.v.size, lattice.u.size), np.float32), rng)
    image = _warp_sheet(sheet, lattice, nodes, size, _desk(rng, size))
    paper = paper_from_pixels(nodes, lattice.origin_mm, STEP_MM, (size[1], size[0]))
    on_screen = paper[..., 0] > OFF_PAPER / 2
    pitch = rng.uniform(0.12, 0.5)
    depth = rng.uniform(0.04, 0.3)
    rows = np.cos(2 * np.pi / (pitch * rng.uniform(0.97, 1.03)) * paper[..., 1]) * np.float32(
        depth * rng.uniform(0, 1)
    )
    for channel in range(3):
        phase = 2 * np.pi * channel / 3 if rng.random() < 0.7 else 0.0
        stripes = np.cos(2 * np.pi / pitch * paper[..., 0] + np.float32(phase)) * np.float32(depth)
        gain = np.where(on_screen, 1 - np.float32(depth) / 2 + 0.5 * (stripes + rows), 1).astype(np.float32)
        image[..., channel] = cv2.multiply(image[..., channel], gain, dtype=cv2.CV_8U)
    return Capture(_develop(image, rng), lattice, nodes)


CAPTURES: dict[str, tuple[float, Callable[[Sheet, np.random.Generator], Capture]]] = {
    "render": (0.16, render),
    "colour_scan": (0.16, scan),
    "bw_scan": (0.20, lambda sheet, rng: scan(sheet, rng, black_and_white=True)),
    "photo": (0.26, photo),
    "crumpled": (0.12, lambda sheet, rng: photo(sheet, rng, crumple=float(rng.uniform(0.2, 1)))),
    "screen": (0.10, screen),
}
"""Functions by kind of image, with their fractions of a training set. Hand-picked, not tuned."""
