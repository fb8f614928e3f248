"""Configuration of the Lightning trainer, and modes of a run."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger

from ecgdigit_export.train.callbacks import EpochReporter, EpochSummary, StageWeights, weight_averaging
from ecgdigit_export.train.page_score import PageScore
from ecgdigit_export.train.settings import TrainSettings

_Precision = Literal["32-true", "bf16-mixed", "16-mixed"]
_PRECISIONS: dict[str, _Precision] = {"fp32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}


@dataclass(frozen=True, slots=True)
class RunMode:
    """Mode of a training run.

    `resume` continues from OUT/STAGE.ckpt if it exists. `restart` ignores an existing checkpoint. `overfit`
    is the number of batches that are repeated. Training and validation then use at most this number of pages.
    `debug` runs three steps with anomaly detection and writes a contact sheet of samples.
    """

    resume: bool = False
    restart: bool = False
    overfit: int | None = None
    debug: bool = False


STANDARD_RUN = RunMode()


def has_native_bf16(accelerator: str) -> bool:
    """Return whether an accelerator computes bf16 natively.

    Emulated bf16 is slower than FP32.
    """
    if accelerator == "cuda" or (accelerator == "auto" and torch.cuda.is_available()):
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def stage_trainer(
    stage: str,
    settings: TrainSettings,
    mode: RunMode,
    epochs: int,
    has_validation: bool,
    on_epoch: Callable[[EpochSummary], None],
) -> pl.Trainer:
    """Return the trainer of a stage.

    The callback `weight_averaging` must come before the callbacks that store weights.
    """
    stage_settings = settings.of_stage(stage)
    options = {key: str(value) for key, value in settings.model_dump(mode="json").items()}
    callbacks: list[pl.Callback] = [weight_averaging()]
    if has_validation:
        callbacks.append(PageScore(stage, settings.threads))
    callbacks += [
        StageWeights(settings.out / f"{stage}.pt", options),
        ModelCheckpoint(settings.out, stage, save_on_train_epoch_end=True, enable_version_counter=False),
        EpochReporter(stage, stage_settings.steps, on_epoch),
    ]
    return pl.Trainer(
        accelerator=settings.accelerator,
        devices=settings.devices,
        precision=_precision(settings),
        max_epochs=epochs,
        accumulate_grad_batches=stage_settings.accumulate,
        gradient_clip_val=1.0,
        reload_dataloaders_every_n_epochs=1,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        detect_anomaly=mode.debug,
        logger=_loggers(settings, stage),
        log_every_n_steps=1 if mode.debug else 20,
        enable_model_summary=False,
        enable_progress_bar=sys.stderr.isatty(),
        callbacks=callbacks,
    )


def _precision(settings: TrainSettings) -> _Precision:
    if settings.precision != "auto":
        return _PRECISIONS[settings.precision]
    return _PRECISIONS["bf16" if has_native_bf16(settings.accelerator) else "fp32"]


def _loggers(settings: TrainSettings, stage: str) -> list[Logger]:
    folder = settings.out / "logs"
    loggers: list[Logger] = [CSVLogger(folder, stage, flush_logs_every_n_steps=20)]
    if "tensorboard" in settings.log:
        loggers.append(TensorBoardLogger(folder, stage))
    if "wandb" in settings.log:
        from lightning.pytorch.loggers import WandbLogger

        loggers.append(WandbLogger(name=stage, save_dir=folder, project="ecgdigit-rt"))
    return loggers


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Suppress the banner and warnings of Lightning, whose advice does not apply to endless streams."""
    logger = logging.getLogger("lightning.pytorch")
    level = logger.level
    logger.setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"lightning\..*")
        try:
            yield
        finally:
            logger.setLevel(level)
