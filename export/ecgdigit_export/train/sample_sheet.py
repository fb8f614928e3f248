"""Contact sheet of training samples with their targets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_export.train.pages import Sample
from ecgdigit_export.train.recipes import Curriculum
from ecgdigit_rt.stages import BASELINE, HEATMAPS, PAGE_MASK

# Number of samples, tiles per row, and tile size (width, height) in pixels. Hand-picked, not tuned.
_SAMPLES = 12
_ACROSS = 3
_TILE = (512, 384)
_GREEN, _RED, _BLUE = np.array((0, 160, 0)), np.array((220, 0, 0)), np.array((0, 60, 220))

Image = NDArray[np.uint8]


def write_sample_sheet(stage: str, curriculum: Curriculum, out: Path) -> None:
    """Write a PNG file with samples of the first pages and their targets."""
    rng = np.random.default_rng(0)
    paths, sampler = curriculum.paths, curriculum.recipe.sampler
    samples = []
    for path in paths[: _SAMPLES // 2]:
        samples += list(islice(sampler(path, rng), _SAMPLES // min(len(paths), 6)))
    tiles = [_tile(_OVERLAYS[stage](sample)) for sample in samples[:_SAMPLES]]
    while len(tiles) % _ACROSS:
        tiles.append(np.full((_TILE[1], _TILE[0], 3), 48, np.uint8))
    rows = [np.hstack(tiles[k : k + _ACROSS]) for k in range(0, len(tiles), _ACROSS)]
    out.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(out), np.vstack(rows)[..., ::-1])


def _tile(image: Image) -> Image:
    """Return a tile that contains the scaled image."""
    scale = min(_TILE[0] / image.shape[1], _TILE[1] / image.shape[0])
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    canvas = np.full((_TILE[1], _TILE[0], 3), 48, np.uint8)
    canvas[: size[1], : size[0]] = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return canvas


def _blend(image: Image, colour: NDArray[np.int_], opacity: NDArray[np.floating]) -> Image:
    """Return `image` blended with `colour`. The weight of `colour` is 60 % of `opacity`, (height, width)."""
    weight = 0.6 * np.asarray(opacity)[..., None]
    return (image * (1 - weight) + colour * weight).astype(np.uint8)


def _strip_overlay(sample: Sample) -> Image:
    """Return the strip with the trace in green."""
    image = np.asarray(sample["pixels"], np.uint8).copy()
    bins = np.asarray(sample["bins"], float)
    columns = np.flatnonzero(np.isfinite(bins))
    points = np.stack([columns / 2, 2 * bins[columns]], 1)
    for run in np.split(points, np.flatnonzero(np.diff(columns) > 1) + 1):
        if run.size:
            cv2.polylines(
                image, [np.round(run * 8).astype(np.int32)], False, _GREEN.tolist(), 1, cv2.LINE_AA, 3
            )
    return image


def _grid_overlay(sample: Sample) -> Image:
    """Return the crop with the grid lines of the phase: vertical lines in red, horizontal lines in blue."""
    image = np.asarray(sample["pixels"], np.uint8)
    phase = np.asarray(sample["phase"], float)
    for cos, sin, colour in ((0, 1, _RED), (2, 3, _BLUE)):
        near = np.clip((np.cos(np.arctan2(phase[sin], phase[cos])) - 0.85) / 0.15, 0, 1)
        opacity = _upsample(near * np.hypot(phase[sin], phase[cos]), image)
        image = _blend(image, colour, opacity)
    return image


def _locate_overlay(sample: Sample) -> Image:
    """Return the image with a darkened background, baselines in blue and marks in red."""
    image = np.asarray(sample["pixels"], np.uint8)
    heatmaps = np.asarray(sample["heatmaps"], float)
    sheet, rows = HEATMAPS.index(PAGE_MASK), HEATMAPS.index(BASELINE)
    marks = np.delete(heatmaps, (sheet, rows), 0).max(0)
    image = _blend(image, np.zeros(3, int), 1 - _upsample(heatmaps[sheet], image))
    image = _blend(image, _BLUE, _upsample(heatmaps[rows], image))
    return _blend(image, _RED, _upsample(marks, image))


def _upsample(cells: NDArray[np.floating], image: Image) -> NDArray[np.float32]:
    """Return a map of cells, scaled to the size of the image."""
    size = (image.shape[1], image.shape[0])
    return np.asarray(cv2.resize(cells.astype(np.float32), size, interpolation=cv2.INTER_LINEAR), np.float32)


_OVERLAYS: Mapping[str, Callable[[Sample], Image]] = {
    "locate": _locate_overlay,
    "grid": _grid_overlay,
    "trace": _strip_overlay,
}
