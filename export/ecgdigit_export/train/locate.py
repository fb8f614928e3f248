"""Stage 0's training: the sheet, the rows' zero lines, printed marks, and which way is up."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ecgdigit_export.models.stages import Locate
from ecgdigit_export.synth.truth import PageTruth
from ecgdigit_export.train.augment import recoloured
from ecgdigit_kernels.unproject import OFF_PAPER, paper_from_pixels
from ecgdigit_rt.stages import (
    BASELINE,
    CLOSE_PX_PER_MM,
    CLOSE_SIZE_PX,
    GAINS,
    HEATMAPS,
    LOCATE_SIDE,
    MAP_STRIDE,
    PAGE_MASK,
    SPEEDS,
)

_CLOSE_UPS = 24  # a page
UNKNOWN_TURN = -100  # what cross-entropy leaves out
_MARK_CELLS = 1.5
_LINE_CELLS = 1.2


def _splat(heat: NDArray[np.float32], x: float, y: float, sigma: float) -> None:
    """Raise `heat` to a Gaussian bump of height 1 at x, y (cells), in place."""
    reach = int(4 * sigma) + 1
    left, right = max(0, int(x) - reach), min(heat.shape[1], int(x) + reach + 1)
    top, bottom = max(0, int(y) - reach), min(heat.shape[0], int(y) + reach + 1)
    if left >= right or top >= bottom:
        return
    ys, xs = np.mgrid[top:bottom, left:right] + 0.5
    bump = np.exp(-0.5 * ((xs - x) ** 2 + (ys - y) ** 2) / sigma**2)
    heat[top:bottom, left:right] = np.maximum(heat[top:bottom, left:right], bump)


def heatmaps(truth: PageTruth, scale: NDArray[np.floating], cells: tuple[int, int]) -> NDArray[np.float32]:
    heat = np.zeros((len(HEATMAPS), *cells), np.float32)
    nodes = np.asarray(truth.nodes_px * scale, np.float32)
    paper = paper_from_pixels(nodes, truth.origin_mm, truth.step_mm, cells)
    heat[HEATMAPS.index(PAGE_MASK)] = paper[..., 0] > OFF_PAPER / 2
    for mark in truth.marks:
        x, y = truth.pixels_from_mm(np.array(mark.u_mm), np.array(mark.v_mm))
        _splat(heat[HEATMAPS.index(mark.name)], float(x) * scale[0], float(y) * scale[1], _MARK_CELLS)
    line = heat[HEATMAPS.index(BASELINE)]
    per_mm = float(np.median(np.hypot(*np.diff(nodes, axis=1).reshape(-1, 2).T))) / truth.step_mm
    for row in truth.layout.rows:
        on_row = (paper[..., 0] >= row.start_mm) & (paper[..., 0] <= row.end_mm)
        off = (paper[..., 1] - row.baseline_mm) * per_mm / _LINE_CELLS
        np.maximum(line, np.where(on_row, np.exp(-0.5 * off**2), 0), out=line)
    return heat


def page_samples(
    image: NDArray[np.uint8], truth: PageTruth, rng: np.random.Generator
) -> Iterator[dict[str, NDArray[np.generic]]]:
    """The whole picture, shrunk and turned by chance, and patches such as the second look reads."""
    yield _whole(image, truth, rng)
    for _ in range(_CLOSE_UPS):
        yield _close_up(image, truth, rng)


def _whole(
    image: NDArray[np.uint8], truth: PageTruth, rng: np.random.Generator
) -> dict[str, NDArray[np.generic]]:
    small, wanted = _pictured(image, truth, LOCATE_SIDE / max(image.shape[:2]) * rng.uniform(0.72, 1.0))
    turns = int(rng.integers(1, 4)) if rng.random() < 0.4 else 0
    # Turned before it is padded: a margin that turned along would give the answer away.
    return _on_canvas(
        np.rot90(small, -turns), np.rot90(wanted, -turns, axes=(1, 2)), (LOCATE_SIDE, LOCATE_SIDE), turns, rng
    )


def _close_up(
    image: NDArray[np.uint8], truth: PageTruth, rng: np.random.Generator
) -> dict[str, NDArray[np.generic]]:
    """A patch at about the scale of the second look, most often with a mark in it."""
    scale = CLOSE_PX_PER_MM * np.exp(rng.normal(0, 0.15)) / truth.px_per_mm
    size = np.array(CLOSE_SIZE_PX) / scale
    middle = rng.uniform(0, 1, 2) * image.shape[1::-1]
    if truth.marks and rng.random() < 0.85:
        tokens = [mark for mark in truth.marks if mark.name in SPEEDS or mark.name in GAINS]
        # Two of some twenty marks are speed and gain, and all the rest is in millivolt by them.
        among = tokens if tokens and rng.random() < 0.4 else truth.marks
        mark = among[int(rng.integers(len(among)))]
        x, y = truth.pixels_from_mm(np.array(mark.u_mm), np.array(mark.v_mm))
        middle = np.array([float(x), float(y)]) + rng.uniform(-0.35, 0.35, 2) * size
    limit = np.maximum(np.array(image.shape[1::-1]) - size, 0)
    left, top = np.clip(middle - size / 2, 0, limit).astype(int)
    part = image[top : top + int(size[1]), left : left + int(size[0])]
    shifted = dataclasses.replace(truth, nodes_px=truth.nodes_px - np.array([left, top], np.float32))
    small, wanted = _pictured(part, shifted, scale)
    return _on_canvas(small, wanted, CLOSE_SIZE_PX, UNKNOWN_TURN, rng)


def _pictured(
    image: NDArray[np.uint8], truth: PageTruth, scale: float
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """The picture at another scale, and its heatmaps."""
    width, height = round(image.shape[1] * scale), round(image.shape[0] * scale)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    small = np.asarray(cv2.resize(image, (width, height), interpolation=method), np.uint8)
    factor = np.array([width / image.shape[1], height / image.shape[0]], np.float32) / MAP_STRIDE
    return small, heatmaps(truth, factor, (-(-height // MAP_STRIDE), -(-width // MAP_STRIDE)))


def _on_canvas(
    picture: NDArray[np.uint8],
    wanted: NDArray[np.float32],
    size: tuple[int, int],
    turns: int,
    rng: np.random.Generator,
) -> dict[str, NDArray[np.generic]]:
    """Picture and heatmaps cut or filled to `size` (width, height)."""
    canvas = np.full((size[1], size[0], 3), rng.integers(256), np.uint8)
    picture = picture[: size[1], : size[0]]
    canvas[: picture.shape[0], : picture.shape[1]] = picture
    heat = np.zeros((len(HEATMAPS), size[1] // MAP_STRIDE, size[0] // MAP_STRIDE), np.float32)
    wanted = wanted[:, : heat.shape[1], : heat.shape[2]]
    heat[:, : wanted.shape[1], : wanted.shape[2]] = wanted
    return {"pixels": recoloured(canvas, rng), "heat": heat, "turns": np.array(turns, np.int64)}


def locate_loss(model: Locate, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
    """Focal cross-entropy on the heatmaps, plain on the mask, and cross-entropy on the turn.

    Readings: the mean heat at true mark centres and lines, and how often a mark is given its own name.
    """
    heat, turn = model.logits(batch["pixels"])
    target, turns = batch["heat"], batch["turns"]
    mask = functional.binary_cross_entropy_with_logits(heat[:, 0], target[:, 0])
    upright = ((turns == 0) | (turns == UNKNOWN_TURN)).float().view(-1, 1, 1, 1)
    p = heat[:, 1:].sigmoid()
    # A turned page shows no marks: names are only read upright, and where none glow the page is turned.
    want = torch.cat([target[:, 1:2], target[:, 2:] * upright], 1)
    # Quality focal loss (Li et al., 2020): soft targets, easy background weighs almost nothing.
    focal = (
        functional.binary_cross_entropy_with_logits(heat[:, 1:], want, reduction="none")
        * (p - want).abs().square()
    )
    # A batch of turned pages has no mark at all; a page has some 200 cells of them.
    marks = focal[:, 1:].sum() / want[:, 1:].sum().clamp_min(200)
    line = focal[:, :1].sum() / want[:, :1].sum().clamp_min(1)
    way = functional.cross_entropy(turn, turns) if (turns != UNKNOWN_TURN).any() else turn.sum() * 0
    peak = want[:, 1:] > 0.8
    here = want[:, 1:].amax(1) > 0.6
    names, said = want[:, 1:].argmax(1)[here], heat[:, 2:].permute(0, 2, 3, 1)[here]
    # Where a mark is, which one: the focal sum alone is content with all names glowing faintly.
    naming = functional.cross_entropy(said, names) if names.numel() else said.sum()
    readings = {
        "mask": float(mask.detach()),
        "marks": float(p.detach()[:, 1:][peak].mean()) if peak.any() else 0.0,
        "line": float(p.detach()[:, :1][want[:, :1] > 0.8].mean()) if upright.any() else 0.0,
        "named": float((said.detach().argmax(1) == names).float().mean()) if names.numel() else 0.0,
    }
    return mask + marks + line + 0.3 * way + 0.3 * naming, readings
