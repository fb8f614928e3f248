"""What a training run keeps: averaged weights for export, and a word after every epoch."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor

_MOST_MEMORY = 0.9975


def _moved(kept: Tensor, fresh: Tensor, updates: Tensor | int) -> Tensor:
    """An exponential moving average whose memory grows with the run, up to some 400 steps."""
    if not kept.dtype.is_floating_point:
        return fresh
    count = int(updates)
    return kept.lerp(fresh, 1 - min(_MOST_MEMORY, (1 + count) / (10 + count)))


def averaging() -> WeightAveraging:
    """Averaged weights are what is validated, saved and exported."""
    return WeightAveraging(avg_fn=_moved)


class StageWeights(pl.Callback):
    """Writes OUT/STAGE.pt, what `export` and `--set start=` take, whenever a checkpoint is saved.

    It stands behind `averaging()`, which puts the averaged weights in the checkpoint's state.
    """

    def __init__(self, path: Path, options: dict[str, str]) -> None:
        self._path, self._options = path, options

    def on_save_checkpoint(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,  # noqa: ARG002
        checkpoint: dict[str, Any],
    ) -> None:
        if not trainer.is_global_zero:
            return
        prefix = "network."
        weights = {
            name.removeprefix(prefix): value.cpu()
            for name, value in checkpoint["state_dict"].items()
            if name.startswith(prefix)
        }
        fresh = self._path.with_suffix(".new")
        torch.save({"weights": weights, "step": trainer.global_step, "options": self._options}, fresh)
        fresh.replace(self._path)


@dataclass(frozen=True, slots=True)
class EpochNote:
    """An epoch's end. db: of the validation pages, None without any; failed: of them, not read."""

    stage: str
    step: int
    steps: int
    loss: float
    db: float | None
    failed: int
    seconds_a_step: float

    def __str__(self) -> str:
        failed = f", {self.failed} not read" if self.failed else ""
        pages = "" if self.db is None else f" · {self.db:.2f} dB{failed}"
        return (
            f"{self.stage:8} step {self.step}/{self.steps} · loss {self.loss:.3f}{pages}"
            f" · {self.seconds_a_step:.2f} s a step"
        )


class EpochNotes(pl.Callback):
    """Tells `say` of every epoch."""

    def __init__(self, stage: str, steps: int, say: Callable[[EpochNote], None]) -> None:
        self._stage, self._steps, self._say = stage, steps, say
        self._started, self._from = 0.0, 0
        self._loss = 0.0

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:  # noqa: ARG002
        self._started, self._from, self._loss = time.perf_counter(), trainer.global_step, 0.0

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,  # noqa: ARG002
        pl_module: pl.LightningModule,  # noqa: ARG002
        outputs: Tensor | Mapping[str, Any] | None,
        batch: object,  # noqa: ARG002
        batch_idx: int,
    ) -> None:
        loss = float(outputs["loss"]) if isinstance(outputs, Mapping) else 0.0
        self._loss += (loss - self._loss) / (batch_idx + 1)

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:  # noqa: ARG002
        self._stop(trainer)

    def _stop(self, trainer: pl.Trainer) -> None:
        """The clock leaves validation out."""
        if self._started:
            self._took = (time.perf_counter() - self._started) / max(1, trainer.global_step - self._from)
            self._started = 0.0

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:  # noqa: ARG002
        self._stop(trainer)
        metrics = trainer.callback_metrics
        db = float(metrics["db"]) if "db" in metrics else None
        failed = int(metrics.get("failed", 0))
        note = EpochNote(self._stage, trainer.global_step, self._steps, self._loss, db, failed, self._took)
        if trainer.is_global_zero:
            self._say(note)
