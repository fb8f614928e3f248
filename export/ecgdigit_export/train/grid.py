"""Training of the grid stage: samples with the phase of the 5 mm grid at every fourth pixel, and the loss."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ecgdigit_export.models.stages import Grid
from ecgdigit_export.synth.truth import PageTruth
from ecgdigit_export.train.augment import augment_colours
from ecgdigit_kernels.unproject import paper_from_pixels
from ecgdigit_rt.stages import GRID_PERIOD_MM, MAP_STRIDE

CROP_PX = 448  # sides of a crop; hand-picked, not tuned


def grid_samples(
    image: NDArray[np.uint8], truth: PageTruth, rng: np.random.Generator
) -> Iterator[dict[str, NDArray[np.generic]]]:
    """Yield four crops of the page at a random scale near the scale at run time (see `GRID_SIDE`)."""
    scale = float(np.clip(np.exp(rng.normal(np.log(5.3), 0.22)), 3.2, 9.0)) / truth.px_per_mm
    width, height = round(image.shape[1] * scale), round(image.shape[0] * scale)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = np.asarray(cv2.resize(image, (width, height), interpolation=method), np.uint8)
    factor = np.array([width / image.shape[1], height / image.shape[0]], np.float32)
    for _ in range(4):
        left = int(rng.integers(0, max(1, width - CROP_PX + 1)))
        top = int(rng.integers(0, max(1, height - CROP_PX + 1)))
        crop = small[top : top + CROP_PX, left : left + CROP_PX]
        pad = ((0, CROP_PX - crop.shape[0]), (0, CROP_PX - crop.shape[1]), (0, 0))
        crop = np.pad(crop, pad, mode="edge")
        nodes = np.asarray((truth.nodes_px * factor - (left, top)) / MAP_STRIDE, np.float32)
        cells = CROP_PX // MAP_STRIDE
        paper = paper_from_pixels(nodes, truth.origin_mm, truth.step_mm, (cells, cells))
        inside = (paper[..., 0] > truth.grid_mm[0]) & (paper[..., 0] < truth.grid_mm[2])
        inside &= (paper[..., 1] > truth.grid_mm[1]) & (paper[..., 1] < truth.grid_mm[3])
        inside &= truth.grid_is_readable
        angle = 2 * np.pi / GRID_PERIOD_MM * paper
        phase = np.stack(
            [np.cos(angle[..., 0]), np.sin(angle[..., 0]), np.cos(angle[..., 1]), np.sin(angle[..., 1])]
        )
        crop, phase, inside = _mirror(crop, phase * inside, inside, rng)
        yield {
            "pixels": augment_colours(np.ascontiguousarray(crop), rng),
            "phase": np.ascontiguousarray(phase, np.float32),
            "inside": np.ascontiguousarray(inside),
        }


def _mirror(
    crop: NDArray[np.uint8], phase: NDArray[np.floating], inside: NDArray[np.bool_], rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.floating], NDArray[np.bool_]]:
    """Mirror a crop, its phase and its mask at random.

    The phase of a mirrored axis is conjugated, because u must increase to the right and v downwards in the
    mirrored crop too.
    """
    phase = phase.copy()
    if rng.random() < 0.5:
        crop, phase, inside = crop[:, ::-1], phase[..., ::-1], inside[:, ::-1]
        phase[1] *= -1
    if rng.random() < 0.5:
        crop, phase, inside = crop[::-1], phase[:, ::-1], inside[::-1]
        phase[3] *= -1
    return crop, phase, inside


def grid_loss(model: Grid, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
    """Return the weighted mean squared error of the phasors, and metrics.

    Outside the grid, the target is 0 and the weight is lower. The metrics apply to the phasors of u inside
    the grid: `error_mm` is the median absolute error of their phase in mm, and `length` is their mean length.
    """
    phase = model(batch["pixels"])
    inside = batch["inside"][:, None].float()
    square = (phase - batch["phase"]).square()
    loss = (square * (0.15 + 0.85 * inside)).mean()
    detached, truth = phase.detach(), batch["phase"]
    cross = detached[:, 0] * truth[:, 1] - detached[:, 1] * truth[:, 0]
    dot = detached[:, 0] * truth[:, 0] + detached[:, 1] * truth[:, 1]
    is_inside = batch["inside"]
    error = (cross.atan2(dot).abs() * GRID_PERIOD_MM / (2 * np.pi))[is_inside]
    length = detached[:, :2].square().sum(1).sqrt()[is_inside]
    metrics = {
        "error_mm": float(error.median()) if error.numel() else 0.0,
        "length": float(length.mean()) if length.numel() else 0.0,
    }
    return loss, metrics
