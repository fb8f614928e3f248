"""Training of the locate stage: heatmaps of the sheet, baselines and marks, and rotation of the image."""

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
from ecgdigit_export.train.augment import augment_colours
from ecgdigit_kernels.unproject import OFF_PAPER, paper_from_pixels
from ecgdigit_rt.results import LEADS
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

# Number of close-ups per page. With 24, close-ups have 38 % of the pixels of the samples, and therefore 38 %
# of the batches. Hand-picked, not tuned.
_CLOSE_UPS = 24
_CELL_START_PROBABILITY = {True: 0.06, False: 0.5}
"""Probability that a close-up contains the start of a cell, on pages with and without lead names.

Hand-picked, not tuned. Pages without them teach that V3R is not V3, and that a trace alone is not a name.
"""
UNKNOWN_TURN = -100  # default `ignore_index` of PyTorch's cross-entropy
# Standard deviations, in cells (pixels of the heatmaps), of the Gaussians of marks and baselines.
# Hand-picked, not tuned.
_MARK_CELLS = 1.5
_LINE_CELLS = 1.2


def _draw_gaussian(heatmap: NDArray[np.float32], x: float, y: float, sigma: float) -> None:
    """Take the element-wise maximum of `heatmap` and a Gaussian of height 1 at x, y (cells), in place."""
    radius = int(4 * sigma) + 1
    left, right = max(0, int(x) - radius), min(heatmap.shape[1], int(x) + radius + 1)
    top, bottom = max(0, int(y) - radius), min(heatmap.shape[0], int(y) + radius + 1)
    if left >= right or top >= bottom:
        return
    ys, xs = np.mgrid[top:bottom, left:right] + 0.5
    gaussian = np.exp(-0.5 * ((xs - x) ** 2 + (ys - y) ** 2) / sigma**2)
    heatmap[top:bottom, left:right] = np.maximum(heatmap[top:bottom, left:right], gaussian)


def heatmaps_from_truth(
    truth: PageTruth, scale: NDArray[np.floating], cells: tuple[int, int]
) -> NDArray[np.float32]:
    """Return the target heatmaps of a page, (channels, rows, columns) float32.

    `scale` contains the factors that convert image x and y to cells. `cells` is (rows, columns).
    """
    heatmaps = np.zeros((len(HEATMAPS), *cells), np.float32)
    nodes = np.asarray(truth.nodes_px * scale, np.float32)
    paper = paper_from_pixels(nodes, truth.origin_mm, truth.step_mm, cells)
    heatmaps[HEATMAPS.index(PAGE_MASK)] = paper[..., 0] > OFF_PAPER / 2
    for mark in truth.marks:
        x, y = truth.pixels_from_mm(np.array(mark.u_mm), np.array(mark.v_mm))
        channel = heatmaps[HEATMAPS.index(mark.name)]
        _draw_gaussian(channel, float(x) * scale[0], float(y) * scale[1], _MARK_CELLS)
    line = heatmaps[HEATMAPS.index(BASELINE)]
    per_mm = float(np.median(np.hypot(*np.diff(nodes, axis=1).reshape(-1, 2).T))) / truth.step_mm
    for row in truth.layout.rows:
        on_row = (paper[..., 0] >= row.start_mm) & (paper[..., 0] <= row.end_mm)
        off = (paper[..., 1] - row.baseline_mm) * per_mm / _LINE_CELLS
        np.maximum(line, np.where(on_row, np.exp(-0.5 * off**2), 0), out=line)
    return heatmaps


def page_samples(
    image: NDArray[np.uint8], truth: PageTruth, rng: np.random.Generator
) -> Iterator[dict[str, NDArray[np.generic]]]:
    """Yield the whole image at a random scale and rotation, and close-ups like those for text detection."""
    yield _whole_page(image, truth, rng)
    for _ in range(_CLOSE_UPS):
        yield _close_up(image, truth, rng)


def _whole_page(
    image: NDArray[np.uint8], truth: PageTruth, rng: np.random.Generator
) -> dict[str, NDArray[np.generic]]:
    small, heatmaps = _scale_page(image, truth, LOCATE_SIDE / max(image.shape[:2]) * rng.uniform(0.72, 1.0))
    turns = int(rng.integers(1, 4)) if rng.random() < 0.4 else 0
    # The image is rotated before it is padded, because the position of the padding would reveal the rotation.
    return _on_canvas(
        np.rot90(small, -turns),
        np.rot90(heatmaps, -turns, axes=(1, 2)),
        (LOCATE_SIDE, LOCATE_SIDE),
        turns,
        rng,
    )


def _close_up(
    image: NDArray[np.uint8], truth: PageTruth, rng: np.random.Generator
) -> dict[str, NDArray[np.generic]]:
    """Return a close-up at about the scale of text detection. Most close-ups contain a mark, if possible.

    Some contain the start of a cell, where names without marks and pages without names are seen.
    """
    scale = CLOSE_PX_PER_MM * np.exp(rng.normal(0, 0.15)) / truth.px_per_mm
    size = np.array(CLOSE_SIZE_PX) / scale
    middle = rng.uniform(0, 1, 2) * image.shape[1::-1]
    has_names = any(mark.name in LEADS for mark in truth.marks)
    if rng.random() < _CELL_START_PROBABILITY[has_names]:
        row = truth.layout.rows[int(rng.integers(len(truth.layout.rows)))]
        start = row.segments[int(rng.integers(len(row.segments)))].start_mm
        x, y = truth.pixels_from_mm(np.array(start), np.array(row.baseline_mm))
        middle = np.array([float(x), float(y)]) + rng.uniform(-0.35, 0.35, 2) * size
    elif truth.marks and rng.random() < 0.85:
        scale_marks = [mark for mark in truth.marks if mark.name in SPEEDS or mark.name in GAINS]
        # Only two of about twenty marks are speed and gain, but they determine the scale of all signals.
        candidates = scale_marks if scale_marks and rng.random() < 0.4 else truth.marks
        mark = candidates[int(rng.integers(len(candidates)))]
        x, y = truth.pixels_from_mm(np.array(mark.u_mm), np.array(mark.v_mm))
        middle = np.array([float(x), float(y)]) + rng.uniform(-0.35, 0.35, 2) * size
    limit = np.maximum(np.array(image.shape[1::-1]) - size, 0)
    left, top = np.clip(middle - size / 2, 0, limit).astype(int)
    crop = image[top : top + int(size[1]), left : left + int(size[0])]
    shifted = dataclasses.replace(truth, nodes_px=truth.nodes_px - np.array([left, top], np.float32))
    small, heatmaps = _scale_page(crop, shifted, scale)
    return _on_canvas(small, heatmaps, CLOSE_SIZE_PX, UNKNOWN_TURN, rng)


def _scale_page(
    image: NDArray[np.uint8], truth: PageTruth, scale: float
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return the scaled image and its heatmaps."""
    width, height = round(image.shape[1] * scale), round(image.shape[0] * scale)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    small = np.asarray(cv2.resize(image, (width, height), interpolation=method), np.uint8)
    factor = np.array([width / image.shape[1], height / image.shape[0]], np.float32) / MAP_STRIDE
    return small, heatmaps_from_truth(truth, factor, (-(-height // MAP_STRIDE), -(-width // MAP_STRIDE)))


def _on_canvas(
    image: NDArray[np.uint8],
    heatmaps: NDArray[np.float32],
    size: tuple[int, int],
    turns: int,
    rng: np.random.Generator,
) -> dict[str, NDArray[np.generic]]:
    """Return a sample in which image and heatmaps are cropped or padded to `size` (width, height)."""
    canvas = np.full((size[1], size[0], 3), rng.integers(256), np.uint8)
    image = image[: size[1], : size[0]]
    canvas[: image.shape[0], : image.shape[1]] = image
    padded = np.zeros((len(HEATMAPS), size[1] // MAP_STRIDE, size[0] // MAP_STRIDE), np.float32)
    heatmaps = heatmaps[:, : padded.shape[1], : padded.shape[2]]
    padded[:, : heatmaps.shape[1], : heatmaps.shape[2]] = heatmaps
    return {"pixels": augment_colours(canvas, rng), "heatmaps": padded, "turns": np.array(turns, np.int64)}


def locate_loss(model: Locate, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
    """Return the weighted sum of the losses of mask, marks, baselines, rotation and names, and metrics.

    `mask` is the loss of the page mask. `marks` and `line` are the mean predictions at the centres of marks
    and on baselines. `named` is the fraction of mark cells at which the correct name has the highest logit.
    """
    logits, turn_logits = model.logits(batch["pixels"])
    target, turns = batch["heatmaps"], batch["turns"]
    mask = functional.binary_cross_entropy_with_logits(logits[:, 0], target[:, 0])
    upright = ((turns == 0) | (turns == UNKNOWN_TURN)).float().view(-1, 1, 1, 1)
    p = logits[:, 1:].sigmoid()
    # The targets of rotated pages contain no marks, because names are predicted only on upright pages.
    expected = torch.cat([target[:, 1:2], target[:, 2:] * upright], 1)
    # Quality focal loss (Li et al., 2020) for soft targets, in which easy background has almost no weight.
    focal = (
        functional.binary_cross_entropy_with_logits(logits[:, 1:], expected, reduction="none")
        * (p - expected).abs().square()
    )
    # A page has about 200 mark cells. The lower limit is for batches of rotated pages, which have no targets.
    marks = focal[:, 1:].sum() / expected[:, 1:].sum().clamp_min(200)
    line = focal[:, :1].sum() / expected[:, :1].sum().clamp_min(1)
    is_known = bool((turns != UNKNOWN_TURN).any())
    rotation = functional.cross_entropy(turn_logits, turns) if is_known else turn_logits.sum() * 0
    peak = expected[:, 1:] > 0.8
    is_mark = expected[:, 1:].amax(1) > 0.6
    names, predicted = expected[:, 1:].argmax(1)[is_mark], logits[:, 2:].permute(0, 2, 3, 1)[is_mark]
    # With the focal loss alone, the network may predict all names weakly at a mark.
    naming = functional.cross_entropy(predicted, names) if names.numel() else predicted.sum()
    metrics = {
        "mask": float(mask.detach()),
        "marks": float(p.detach()[:, 1:][peak].mean()) if peak.any() else 0.0,
        "line": float(p.detach()[:, :1][expected[:, :1] > 0.8].mean()) if upright.any() else 0.0,
        "named": float((predicted.detach().argmax(1) == names).float().mean()) if names.numel() else 0.0,
    }
    return mask + marks + line + 0.3 * rotation + 0.3 * naming, metrics
