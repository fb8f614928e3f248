"""How each stage's network is trained: what a sample is, and what is wrong with an answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ecgdigit_export.train.alternatives import direct_loss, multitask_loss
from ecgdigit_export.train.grid import grid_loss, grid_samples
from ecgdigit_export.train.locate import locate_loss, page_samples
from ecgdigit_export.train.pages import FromPage, Sampler
from ecgdigit_export.train.trace import strip_samples, trace_loss

Loss = Callable[[Any, dict[str, Tensor]], tuple[Tensor, dict[str, float]]]
"""A network and a batch → the loss, and readings that say what it means."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """sample_px: pixels of a sample of the usual shape; of smaller ones more make a batch."""

    sampler: Sampler
    loss: Loss
    sample_px: int


RECIPES: Mapping[str, Recipe] = {
    "locate": Recipe(FromPage(page_samples), locate_loss, 768 * 768),
    "grid": Recipe(FromPage(grid_samples), grid_loss, 448 * 448),
    "trace": Recipe(FromPage(strip_samples), trace_loss, 320 * 512),
}

_OTHER_LOSSES: Mapping[tuple[str, str], Loss] = {
    ("direct", "trace"): direct_loss,
    ("multitask", "trace"): multitask_loss,
}


def recipe_of(family: str, stage: str) -> Recipe:
    """Raises KeyError for a stage that is none."""
    recipe = RECIPES[stage]
    loss = _OTHER_LOSSES.get((family, stage), recipe.loss)
    return Recipe(recipe.sampler, loss, recipe.sample_px)
