"""Training recipes (samples and loss of each stage), and the curriculum of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from ecgdigit_export.train.alternatives import direct_loss, multitask_loss
from ecgdigit_export.train.grid import grid_loss, grid_samples
from ecgdigit_export.train.locate import locate_loss, page_samples
from ecgdigit_export.train.pages import PageFileSampler, Sampler
from ecgdigit_export.train.trace import strip_samples, trace_loss

Loss = Callable[[Any, dict[str, Tensor]], tuple[Tensor, dict[str, float]]]
"""Function that returns the loss and the metrics of a network for a batch."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Samples and loss of a stage.

    `sample_px` is the number of pixels of a sample with the standard shape. A batch of smaller samples
    contains more samples.
    """

    sampler: Sampler
    loss: Loss
    sample_px: int


@dataclass(frozen=True, slots=True)
class Curriculum:
    """Recipe of a training run, the files to train on, and the truth files of the validation pages."""

    recipe: Recipe
    paths: Sequence[Path]
    held_out: Sequence[Path]


RECIPES: Mapping[str, Recipe] = {
    "locate": Recipe(PageFileSampler(page_samples), locate_loss, 768 * 768),
    "grid": Recipe(PageFileSampler(grid_samples), grid_loss, 448 * 448),
    "trace": Recipe(PageFileSampler(strip_samples), trace_loss, 320 * 512),
}

_OTHER_LOSSES: Mapping[tuple[str, str], Loss] = {
    ("direct", "trace"): direct_loss,
    ("multitask", "trace"): multitask_loss,
}


def select_recipe(family: str, stage: str) -> Recipe:
    """Return the recipe of a stage. Raises KeyError for an unknown stage."""
    recipe = RECIPES[stage]
    loss = _OTHER_LOSSES.get((family, stage), recipe.loss)
    return Recipe(recipe.sampler, loss, recipe.sample_px)
