"""Trains one stage: settings in, checkpoints and weights out."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import lightning.pytorch as pl
import torch
from torch import nn

from ecgdigit_export.models.families import stage_network
from ecgdigit_export.models.shipped import network_from_graph
from ecgdigit_export.train.callbacks import EpochNote
from ecgdigit_export.train.pages import held_out, pages_with_truth
from ecgdigit_export.train.recipes import recipe_of
from ecgdigit_export.train.sample_sheet import write_sample_sheet
from ecgdigit_export.train.settings import TrainSettings
from ecgdigit_export.train.stage_training import Curriculum, StagePages, StageTraining
from ecgdigit_export.train.trainer import REAL, Trial, quiet, stage_trainer
from ecgdigit_rt.errors import CheckpointExists
from ecgdigit_rt.models import load_models

log = logging.getLogger(__name__)
_DEBUG_STEPS = 3


def train_stage(
    stage: str,
    settings: TrainSettings,
    trial: Trial = REAL,
    say: Callable[[EpochNote], None] = log.info,
) -> Path:
    """Train one stage on pages with truth and return OUT/STAGE.pt, the averaged weights.

    Raises TrainingPagesMissing without pages, and as `train_on` does.
    """
    return train_on(page_lessons(stage, settings, trial), stage, settings, trial, say)


def train_on(
    lessons: Curriculum,
    stage: str,
    settings: TrainSettings,
    trial: Trial = REAL,
    say: Callable[[EpochNote], None] = log.info,
) -> Path:
    """Train one stage on given lessons.

    Writes OUT/STAGE.ckpt after every epoch, to resume from, and readings to OUT/logs/STAGE. Raises
    CheckpointExists where a run was begun there and `trial` says neither to resume nor to begin anew.
    """
    if trial.debug:
        settings = _debugged(settings, stage)
    share = settings.of_stage(stage)
    checkpoint = checked_checkpoint(stage, settings, trial)
    settings.out.mkdir(parents=True, exist_ok=True)
    if trial.debug:
        write_sample_sheet(stage, lessons, settings.out / f"{stage}-samples.png")
    torch.set_num_threads(settings.threads)
    network, norms_are_frozen = fresh_network(stage, settings)
    pages = StagePages(lessons, share, settings, trial.overfit)
    begin = checkpoint if trial.resume and checkpoint.exists() else None
    with quiet():
        trainer = stage_trainer(stage, settings, trial, len(pages.ends), bool(lessons.held_out), say)
        training = StageTraining(network, lessons.recipe, share, norms_are_frozen)
        trainer.fit(training, pages, ckpt_path=begin, weights_only=True)
    return settings.out / f"{stage}.pt"


def checked_checkpoint(stage: str, settings: TrainSettings, trial: Trial) -> Path:
    """Where the run's checkpoint is or will be. Raises CheckpointExists where one is in the way."""
    checkpoint = settings.out / f"{stage}.ckpt"
    if checkpoint.exists() and not (trial.resume or trial.fresh or trial.debug):
        raise CheckpointExists(checkpoint)
    return checkpoint


def fresh_network(stage: str, settings: TrainSettings) -> tuple[nn.Module, bool]:
    """The stage's network as the settings have it begin, and whether its norms are to stay as they are.

    Raises ModelMissing and ModelCorrupt.
    """
    pl.seed_everything(settings.seed, verbose=False)
    network = stage_network(settings.family, stage)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if settings.start is None:
        return network, settings.freeze_norms
    weights = Path(settings.start) / f"{stage}.pt"
    if weights.is_file():
        _begin(network, weights)
        return network, settings.freeze_norms
    network_from_graph(network, load_models(settings.start, precision="fp32").graphs[stage])
    return network, True


def page_lessons(stage: str, settings: TrainSettings, trial: Trial = REAL) -> Curriculum:
    """Pages with truth to learn from, and others to be measured on. Raises TrainingPagesMissing."""
    recipe = recipe_of(settings.family, stage)
    paths = pages_with_truth(settings.pages)
    validation = settings.validation
    count = min(validation.count, 1) if trial.debug else validation.count
    if trial.overfit is not None:
        few = paths[: max(1, trial.overfit)]
        return Curriculum(recipe, few, few[:count])
    if validation.pages is None:
        return Curriculum(recipe, *held_out(paths, count))
    return Curriculum(recipe, paths, pages_with_truth(validation.pages)[:count])


def _begin(network: nn.Module, path: Path) -> None:
    """Take the weights that fit by name and shape: an earlier shape of a network is a good beginning too."""
    found = torch.load(path, map_location="cpu", weights_only=True)["weights"]
    own = network.state_dict()
    fitting = {name: value for name, value in found.items() if name in own and own[name].shape == value.shape}
    network.load_state_dict(fitting, strict=False)
    log.info("%d of %d tensors begin as in %s", len(fitting), len(own), path)


def _debugged(settings: TrainSettings, stage: str) -> TrainSettings:
    share = settings.of_stage(stage).model_copy(update={"steps": _DEBUG_STEPS})
    out = settings.out / "debug"
    return settings.model_copy(update={stage: share, "out": out, "workers": 0, "log": ()})
