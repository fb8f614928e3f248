"""Training of a student network: samples of rectified pages, the loss, and the curriculum."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ecgdigit_export.distill.rectified_page import (
    FULL,
    HALF_HEIGHTS_MM,
    RectifiedPage,
    load_rectified,
    rectified_labels,
)
from ecgdigit_export.distill.teacher import strip_at
from ecgdigit_export.models.stages import Trace
from ecgdigit_export.train.augment import augment_colours
from ecgdigit_export.train.pages import Sample, pages_with_truth
from ecgdigit_export.train.recipes import Curriculum, Recipe
from ecgdigit_export.train.settings import TrainSettings
from ecgdigit_export.train.trace import importance
from ecgdigit_rt.errors import TrainingPagesMissing
from ecgdigit_rt.stages import BINS_PER_MM, STRIP_ROWS_PER_MM

# Number of samples per page, as in training on pages with truth. Hand-picked, not tuned.
_CROPS = 16
_SHAPES = {"": (512, 0.85), ".tall": (256, 0.15)}
"""Width (px) and fraction of the crops by suffix of the label file. Hand-picked, not tuned."""
_ROWS_PER_BIN = round(STRIP_ROWS_PER_MM / BINS_PER_MM)
# Maximum vertical shift of a crop. Hand-picked, not tuned.
_MAX_SHIFT_BINS = 16


def rectified_samples(path: Path, rng: np.random.Generator) -> Iterator[Sample]:
    """Yield crops of random rows of a page.

    The crops are shifted vertically at random, so that the student does not learn a fixed position of the
    trace.
    """
    page = load_rectified(path)
    suffixes = list(_SHAPES)
    fractions = [fraction for _, fraction in _SHAPES.values()]
    for _ in range(_CROPS):
        row = int(rng.integers(len(page.rows)))
        yield _crop(page, row, suffixes[int(rng.choice(len(suffixes), p=fractions))], rng)


def _crop(page: RectifiedPage, row: int, suffix: str, rng: np.random.Generator) -> Sample:
    width = min(_SHAPES[suffix][0], page.pixels.shape[1])
    left = int(rng.integers(page.pixels.shape[1] - width + 1))
    shift = int(np.clip(round(rng.normal(0, 5)), -_MAX_SHIFT_BINS, _MAX_SHIFT_BINS))
    strip = strip_at(page.pixels, page.rows[row].middle_px + shift * _ROWS_PER_BIN, HALF_HEIGHTS_MM[suffix])
    columns = slice(2 * left, 2 * (left + width))
    heights = np.zeros((page.heights[suffix].shape[1], 2 * width), np.uint8)
    inner = page.heights[suffix][row, max(0, shift) : heights.shape[0] + min(0, shift), columns]
    first = max(0, -shift)
    heights[first : first + inner.shape[0]] = inner
    return {
        "pixels": augment_colours(np.ascontiguousarray(strip[:, left : left + width]), rng),
        "heights": heights,
        "covered": np.array(page.presence[row, columns]),
    }


def distill_loss(model: Trace, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
    """Return the cross-entropy with the height distributions and presence of the teachers, and metrics.

    `error_mm` is the mean absolute difference between the expected heights of the student and of the
    teachers, weighted as in the loss. `presence` is the loss of presence.
    """
    logits, presence = model(batch["pixels"])
    target = batch["heights"].float()
    total = target.sum(1)
    target = target / total.clamp_min(1)[:, None]
    covered = batch["covered"].float() / FULL
    centres = torch.arange(logits.shape[1], device=logits.device) + 0.5
    expected = (target * centres[:, None]).sum(1)
    # The vertical shift of a crop may move the trace out of the crop.
    is_labelled = (covered > 0.5) & (total > 0.5 * FULL)
    weight = is_labelled.float() * importance(torch.where(is_labelled, expected, torch.nan)).nan_to_num(1.0)
    total_weight = weight.sum().clamp_min(1)
    log_p = functional.log_softmax(logits, 1)
    entropy = -(target * log_p).sum(1)
    presence_loss = functional.binary_cross_entropy_with_logits(presence, covered)
    distance = ((log_p.exp() * centres[:, None]).sum(1) - expected).abs()
    metrics = {
        "error_mm": float((distance.detach() * weight).sum() / total_weight) / BINS_PER_MM,
        "presence": float(presence_loss.detach()),
    }
    return (entropy * weight).sum() / total_weight + presence_loss, metrics


DISTILLATION = Recipe(rectified_samples, distill_loss, 320 * 512)


def student_curriculum(folder: Path, settings: TrainSettings) -> Curriculum:
    """Return the curriculum of all rectified pages in a folder.

    The validation pages are those of `settings.validation.pages`. If it is None, no pages are validated.
    Raises TrainingPagesMissing if `folder` or the validation folder contains no pages.
    """
    paths = rectified_labels(folder)
    if not paths:
        raise TrainingPagesMissing(folder)
    validation = settings.validation
    held_out = [] if validation.pages is None else pages_with_truth(validation.pages)[: validation.count]
    return Curriculum(DISTILLATION, paths, held_out)
