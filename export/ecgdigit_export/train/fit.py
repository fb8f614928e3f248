"""Training of one stage: settings, initial weights, checkpoints and trained weights."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import lightning.pytorch as pl
import torch
from torch import nn

from ecgdigit_export.models.families import stage_network
from ecgdigit_export.models.pretrained import load_graph_weights
from ecgdigit_export.onnx_graph import load_checkpoint
from ecgdigit_export.train.callbacks import EpochSummary
from ecgdigit_export.train.pages import pages_with_truth, split_held_out
from ecgdigit_export.train.recipes import Curriculum, select_recipe
from ecgdigit_export.train.sample_sheet import write_sample_sheet
from ecgdigit_export.train.settings import TrainSettings
from ecgdigit_export.train.stage_training import StagePages, StageTraining
from ecgdigit_export.train.trainer import STANDARD_RUN, RunMode, quiet_lightning, stage_trainer
from ecgdigit_rt.errors import CheckpointExists, WeightsUnusable
from ecgdigit_rt.models import load_models

log = logging.getLogger(__name__)
_DEBUG_STEPS = 3  # steps of a run in debug mode; hand-picked, not tuned


def train_stage(
    stage: str,
    settings: TrainSettings,
    mode: RunMode = STANDARD_RUN,
    on_epoch: Callable[[EpochSummary], None] = log.info,
) -> Path:
    """Train one stage on pages with truth and return the path of the averaged weights, OUT/STAGE.pt.

    `on_epoch` is called with the summary of each epoch. Raises the errors of `page_curriculum` and
    `train_on_curriculum`.
    """
    return train_on_curriculum(page_curriculum(stage, settings, mode), stage, settings, mode, on_epoch)


def train_on_curriculum(
    curriculum: Curriculum,
    stage: str,
    settings: TrainSettings,
    mode: RunMode = STANDARD_RUN,
    on_epoch: Callable[[EpochSummary], None] = log.info,
) -> Path:
    """Train one stage on a curriculum and return the path of the averaged weights, OUT/STAGE.pt.

    OUT is `settings.out`, or its subfolder `debug` in debug mode. After every epoch, the checkpoint
    OUT/STAGE.ckpt is written. A run can be resumed from it. Metrics are written to OUT/logs/STAGE.

    Raises the errors of `resolve_checkpoint` and `initial_network`.
    """
    if mode.debug:
        settings = _debug_settings(settings, stage)
    stage_settings = settings.of_stage(stage)
    checkpoint = resolve_checkpoint(stage, settings, mode)
    settings.out.mkdir(parents=True, exist_ok=True)
    if mode.debug:
        write_sample_sheet(stage, curriculum, settings.out / f"{stage}-samples.png")
    torch.set_num_threads(settings.threads)
    network, freeze_norms = initial_network(stage, settings)
    pages = StagePages(curriculum, stage_settings, settings, mode.overfit)
    resume_from = checkpoint if mode.resume and checkpoint.exists() else None
    with quiet_lightning():
        trainer = stage_trainer(stage, settings, mode, len(pages.ends), bool(curriculum.held_out), on_epoch)
        training = StageTraining(network, curriculum.recipe, stage_settings, freeze_norms)
        trainer.fit(training, pages, ckpt_path=resume_from, weights_only=True)
    return settings.out / f"{stage}.pt"


def resolve_checkpoint(stage: str, settings: TrainSettings, mode: RunMode) -> Path:
    """Return the path of the checkpoint of a run.

    Raises CheckpointExists if the checkpoint exists and none of `resume`, `restart` and `debug` is set in
    `mode`.
    """
    checkpoint = settings.out / f"{stage}.ckpt"
    if checkpoint.exists() and not (mode.resume or mode.restart or mode.debug):
        raise CheckpointExists(checkpoint)
    return checkpoint


def initial_network(stage: str, settings: TrainSettings) -> tuple[nn.Module, bool]:
    """Return the network of a stage with its initial weights, and whether its batch norms are frozen.

    Sets the seed of all random generators. If `settings.init_from` is not a folder with the file
    STAGE.pt, it must specify models. Raises ModelMissing if they do not exist, or ModelCorrupt if they are
    damaged.
    """
    pl.seed_everything(settings.seed, verbose=False)
    network = stage_network(settings.family, stage)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if settings.init_from is None:
        return network, settings.freeze_norms
    weights = Path(settings.init_from) / f"{stage}.pt"
    if weights.is_file():
        _load_matching_weights(network, weights)
        return network, settings.freeze_norms
    load_graph_weights(network, load_models(settings.init_from, precision="fp32").graphs[stage])
    return network, True


def page_curriculum(stage: str, settings: TrainSettings, mode: RunMode = STANDARD_RUN) -> Curriculum:
    """Return the curriculum of pages with truth for training and validation.

    Raises TrainingPagesMissing if the folder of training pages or of validation pages contains no pages
    with truth.
    """
    recipe = select_recipe(settings.family, stage)
    paths = pages_with_truth(settings.pages)
    validation = settings.validation
    count = min(validation.count, 1) if mode.debug else validation.count
    if mode.overfit is not None:
        overfit_paths = paths[: max(1, mode.overfit)]
        return Curriculum(recipe, overfit_paths, overfit_paths[:count])
    if validation.pages is None:
        return Curriculum(recipe, *split_held_out(paths, count))
    return Curriculum(recipe, paths, pages_with_truth(validation.pages)[:count])


def _load_matching_weights(network: nn.Module, path: Path) -> None:
    """Load the weights whose names and shapes match. Weights of a similar network can therefore be used."""
    stored = load_checkpoint(path).get("weights")
    if not isinstance(stored, dict):
        raise WeightsUnusable(path, "the file is not a checkpoint")
    current = network.state_dict()
    matching = {
        name: value
        for name, value in stored.items()
        if name in current and current[name].shape == value.shape
    }
    network.load_state_dict(matching, strict=False)
    log.info("%d of %d tensors initialized from %s", len(matching), len(current), path)


def _debug_settings(settings: TrainSettings, stage: str) -> TrainSettings:
    stage_settings = settings.of_stage(stage).model_copy(update={"steps": _DEBUG_STEPS})
    out = settings.out / "debug"
    return settings.model_copy(update={stage: stage_settings, "out": out, "workers": 0, "log": ()})
