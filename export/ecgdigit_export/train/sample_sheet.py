"""A picture of what a stage is trained on: samples with their targets drawn over them, to look at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_export.train.pages import Sample
from ecgdigit_export.train.stage_training import Curriculum
from ecgdigit_rt.stages import BASELINE, HEATMAPS, PAGE_MASK

_SAMPLES = 12
_ACROSS = 3
_TILE = (512, 384)  # width, height
_GREEN, _RED, _BLUE = np.array((0, 160, 0)), np.array((220, 0, 0)), np.array((0, 60, 220))

Picture = NDArray[np.uint8]


def write_sample_sheet(stage: str, lessons: Curriculum, out: Path) -> None:
    """Write a PNG with samples of the first pages, some of each."""
    rng = np.random.default_rng(0)
    paths, sampler = lessons.paths, lessons.recipe.sampler
    samples = []
    for path in paths[: _SAMPLES // 2]:
        samples += list(islice(sampler(path, rng), _SAMPLES // min(len(paths), 6)))
    tiles = [_tile(_DRAWN[stage](sample)) for sample in samples[:_SAMPLES]]
    while len(tiles) % _ACROSS:
        tiles.append(np.full((_TILE[1], _TILE[0], 3), 48, np.uint8))
    rows = [np.hstack(tiles[k : k + _ACROSS]) for k in range(0, len(tiles), _ACROSS)]
    out.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(out), np.vstack(rows)[..., ::-1])


def _tile(picture: Picture) -> Picture:
    scale = min(_TILE[0] / picture.shape[1], _TILE[1] / picture.shape[0])
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    canvas = np.full((_TILE[1], _TILE[0], 3), 48, np.uint8)
    canvas[: size[1], : size[0]] = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return canvas


def _blended(picture: Picture, colour: NDArray[np.int_], share: NDArray[np.floating]) -> Picture:
    """`picture` with `colour` over it, as strongly as `share` (height, width) says."""
    weight = 0.6 * np.asarray(share)[..., None]
    return (picture * (1 - weight) + colour * weight).astype(np.uint8)


def _strip(sample: Sample) -> Picture:
    """The curve in green where a sample is; a column between its two neighbours."""
    picture = np.asarray(sample["pixels"], np.uint8).copy()
    bins = np.asarray(sample["bins"], float)
    columns = np.flatnonzero(np.isfinite(bins))
    points = np.stack([columns / 2, 2 * bins[columns]], 1)
    for run in np.split(points, np.flatnonzero(np.diff(columns) > 1) + 1):
        if run.size:
            cv2.polylines(
                picture, [np.round(run * 8).astype(np.int32)], False, _GREEN.tolist(), 1, cv2.LINE_AA, 3
            )
    return picture


def _grid(sample: Sample) -> Picture:
    """Vertical lines red, horizontal ones blue, where their phase is near zero and told."""
    picture = np.asarray(sample["pixels"], np.uint8)
    phase = np.asarray(sample["phase"], float)
    for cos, sin, colour in ((0, 1, _RED), (2, 3, _BLUE)):
        near = np.clip((np.cos(np.arctan2(phase[sin], phase[cos])) - 0.85) / 0.15, 0, 1)
        share = _grown(near * np.hypot(phase[sin], phase[cos]), picture)
        picture = _blended(picture, colour, share)
    return picture


def _locate(sample: Sample) -> Picture:
    """The sheet untouched and all else dark, rows blue, marks red."""
    picture = np.asarray(sample["pixels"], np.uint8)
    heat = np.asarray(sample["heat"], float)
    sheet, rows = HEATMAPS.index(PAGE_MASK), HEATMAPS.index(BASELINE)
    marks = np.delete(heat, (sheet, rows), 0).max(0)
    picture = _blended(picture, np.zeros(3, int), 1 - _grown(heat[sheet], picture))
    picture = _blended(picture, _BLUE, _grown(heat[rows], picture))
    return _blended(picture, _RED, _grown(marks, picture))


def _grown(cells: NDArray[np.floating], picture: Picture) -> NDArray[np.float32]:
    size = (picture.shape[1], picture.shape[0])
    return np.asarray(cv2.resize(cells.astype(np.float32), size, interpolation=cv2.INTER_LINEAR), np.float32)


_DRAWN: Mapping[str, Callable[[Sample], Picture]] = {"locate": _locate, "grid": _grid, "trace": _strip}
