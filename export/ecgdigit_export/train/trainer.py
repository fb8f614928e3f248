"""Lightning's trainer as a stage's training wants it."""

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

from ecgdigit_export.train.callbacks import EpochNote, EpochNotes, StageWeights, averaging
from ecgdigit_export.train.page_score import PageScore
from ecgdigit_export.train.settings import TrainSettings

_Precision = Literal["32-true", "bf16-mixed", "16-mixed"]
_PRECISIONS: dict[str, _Precision] = {"fp32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}


@dataclass(frozen=True, slots=True)
class Trial:
    """How a run differs from a real one.

    resume: go on from OUT/STAGE.ckpt, where there is one. fresh: begin anew even if there is. overfit:
    train on so many batches over and over, and measure on the pages they come from. debug: three steps
    with anomaly detection, and a picture of the samples.
    """

    resume: bool = False
    fresh: bool = False
    overfit: int | None = None
    debug: bool = False


REAL = Trial()


def computes_in_bf16(accelerator: str) -> bool:
    """Whether bf16 is quicker there: emulated, as on CPUs before AVX512-BF16, it is slower than FP32."""
    if accelerator == "cuda" or (accelerator == "auto" and torch.cuda.is_available()):
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def stage_trainer(
    stage: str,
    settings: TrainSettings,
    trial: Trial,
    epochs: int,
    is_measured: bool,
    say: Callable[[EpochNote], None],
) -> pl.Trainer:
    """The order of the callbacks matters: what is saved is what `averaging` put there."""
    share = settings.of_stage(stage)
    options = {key: str(value) for key, value in settings.model_dump(mode="json").items()}
    callbacks: list[pl.Callback] = [averaging()]
    if is_measured:
        callbacks.append(PageScore(stage, settings.threads))
    callbacks += [
        StageWeights(settings.out / f"{stage}.pt", options),
        ModelCheckpoint(settings.out, stage, save_on_train_epoch_end=True, enable_version_counter=False),
        EpochNotes(stage, share.steps, say),
    ]
    return pl.Trainer(
        accelerator=settings.accelerator,
        devices=settings.devices,
        precision=_precision(settings),
        max_epochs=epochs,
        accumulate_grad_batches=share.accumulate,
        gradient_clip_val=1.0,
        reload_dataloaders_every_n_epochs=1,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        detect_anomaly=trial.debug,
        logger=_loggers(settings, stage),
        log_every_n_steps=1 if trial.debug else 20,
        enable_model_summary=False,
        enable_progress_bar=sys.stderr.isatty(),
        callbacks=callbacks,
    )


def _precision(settings: TrainSettings) -> _Precision:
    if settings.precision != "auto":
        return _PRECISIONS[settings.precision]
    return _PRECISIONS["bf16" if computes_in_bf16(settings.accelerator) else "fp32"]


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
def quiet() -> Iterator[None]:
    """Without Lightning's greeting, and its advice on loaders, which does not fit endless streams."""
    told = logging.getLogger("lightning.pytorch")
    level = told.level
    told.setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"lightning\..*")
        try:
            yield
        finally:
            told.setLevel(level)
