"""What a student learns from rectified pages: crops of strips, with the teachers' distributions over them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ecgdigit_export.distill.rectified import FULL, HALF_HEIGHTS_MM, RectifiedPage, load_rectified
from ecgdigit_export.distill.teacher import strip_at
from ecgdigit_export.models.stages import Trace
from ecgdigit_export.train.augment import recoloured
from ecgdigit_export.train.pages import Sample
from ecgdigit_export.train.recipes import Recipe
from ecgdigit_export.train.trace import importance
from ecgdigit_rt.stages import BINS_PER_MM, STRIP_ROWS_PER_MM

_CROPS = 16  # a page
_SHAPES = {"": (512, 0.85), ".tall": (256, 0.15)}
"""By suffix, the crops' width (px) and share."""
_ROWS_PER_BIN = round(STRIP_ROWS_PER_MM / BINS_PER_MM)
_MOST_AWAY_BINS = 16


def rectified_samples(path: Path, rng: np.random.Generator) -> Iterator[Sample]:
    """Crops of all rows alike, moved up and down so that the student learns to follow, not to expect."""
    page = load_rectified(path)
    suffixes = list(_SHAPES)
    shares = [share for _, share in _SHAPES.values()]
    for _ in range(_CROPS):
        row = int(rng.integers(len(page.rows)))
        yield _crop(page, row, suffixes[int(rng.choice(len(suffixes), p=shares))], rng)


def _crop(page: RectifiedPage, row: int, suffix: str, rng: np.random.Generator) -> Sample:
    width = min(_SHAPES[suffix][0], page.pixels.shape[1])
    left = int(rng.integers(page.pixels.shape[1] - width + 1))
    away = int(np.clip(round(rng.normal(0, 5)), -_MOST_AWAY_BINS, _MOST_AWAY_BINS))
    strip = strip_at(page.pixels, page.rows[row].middle_px + away * _ROWS_PER_BIN, HALF_HEIGHTS_MM[suffix])
    columns = slice(2 * left, 2 * (left + width))
    heights = np.zeros((page.heights[suffix].shape[1], 2 * width), np.uint8)
    inner = page.heights[suffix][row, max(0, away) : heights.shape[0] + min(0, away), columns]
    first = max(0, -away)
    heights[first : first + inner.shape[0]] = inner
    return {
        "pixels": recoloured(np.ascontiguousarray(strip[:, left : left + width]), rng),
        "heights": heights,
        "covered": np.array(page.presence[row, columns]),
    }


def distill_loss(model: Trace, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
    """Cross-entropy against the teachers' distributions and their presence.

    Readings: the distance of the two expectations in millimetres, weighed as the loss is.
    """
    logits, presence = model(batch["pixels"])
    target = batch["heights"].float()
    told = target.sum(1)
    target = target / told.clamp_min(1)[:, None]
    covered = batch["covered"].float() / FULL
    centres = torch.arange(logits.shape[1], device=logits.device) + 0.5
    expected = (target * centres[:, None]).sum(1)
    seen = (covered > 0.5) & (told > 0.5 * FULL)  # where a shift pushed the curve out, nothing is told
    weight = seen.float() * importance(torch.where(seen, expected, torch.nan)).nan_to_num(1.0)
    share = weight.sum().clamp_min(1)
    log_p = functional.log_softmax(logits, 1)
    entropy = -(target * log_p).sum(1)
    present = functional.binary_cross_entropy_with_logits(presence, covered)
    away = ((log_p.exp() * centres[:, None]).sum(1) - expected).abs()
    readings = {
        "error_mm": float((away.detach() * weight).sum() / share) / BINS_PER_MM,
        "presence": float(present.detach()),
    }
    return (entropy * weight).sum() / share + present, readings


DISTILLATION = Recipe(rectified_samples, distill_loss, 320 * 512)
