"""Callbacks of a training run: averaging of weights, and a summary of each epoch."""

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

# Maximum decay per step of the moving average: a time constant of 400 steps. Hand-picked, not tuned.
_MAX_DECAY = 0.9975


def _update_average(average: Tensor, current: Tensor, updates: Tensor | int) -> Tensor:
    """Return the updated exponential moving average. The decay increases from 0.1 to `_MAX_DECAY`."""
    if not average.dtype.is_floating_point:
        return current
    count = int(updates)
    return average.lerp(current, 1 - min(_MAX_DECAY, (1 + count) / (10 + count)))


def weight_averaging() -> WeightAveraging:
    """Return the callback that averages weights. The averaged weights are validated, saved and exported."""
    return WeightAveraging(avg_fn=_update_average)


class StageWeights(pl.Callback):
    """Callback that writes OUT/STAGE.pt whenever a checkpoint is written. `export` and `--init-from` read it.

    This callback must come after `weight_averaging()`, which writes the averaged weights to the checkpoint.
    """

    def __init__(self, path: Path, options: dict[str, str]) -> None:
        self._path, self._options = path, options

    def on_save_checkpoint(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,  # noqa: ARG002
        checkpoint: dict[str, Any],
    ) -> None:
        """Write the weights atomically."""
        if not trainer.is_global_zero:
            return
        prefix = "network."
        weights = {
            name.removeprefix(prefix): value.cpu()
            for name, value in checkpoint["state_dict"].items()
            if name.startswith(prefix)
        }
        temporary = self._path.with_suffix(".new")
        torch.save({"weights": weights, "step": trainer.global_step, "options": self._options}, temporary)
        temporary.replace(self._path)


@dataclass(frozen=True, slots=True)
class EpochSummary:
    """Summary of one epoch.

    `loss` is the mean loss of the batches. `db` is the mean score of the validation pages, or None if no
    pages are validated. `failed` is the number of validation pages that could not be digitized.
    """

    stage: str
    step: int
    steps: int
    loss: float
    db: float | None
    failed: int
    seconds_per_step: float

    def __str__(self) -> str:
        failed = f", {self.failed} failed" if self.failed else ""
        pages = "" if self.db is None else f" · {self.db:.2f} dB{failed}"
        return (
            f"{self.stage:8} step {self.step}/{self.steps} · loss {self.loss:.3f}{pages}"
            f" · {self.seconds_per_step:.2f} s per step"
        )


class EpochReporter(pl.Callback):
    """Callback that passes the summary of each epoch to `on_epoch`."""

    def __init__(self, stage: str, steps: int, on_epoch: Callable[[EpochSummary], None]) -> None:
        self._stage, self._steps, self._on_epoch = stage, steps, on_epoch
        self._started, self._first_step = 0.0, 0
        self._loss, self._seconds_per_step = 0.0, 0.0

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:  # noqa: ARG002
        """Start the timer and reset the mean loss."""
        self._started, self._first_step, self._loss = time.perf_counter(), trainer.global_step, 0.0

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,  # noqa: ARG002
        pl_module: pl.LightningModule,  # noqa: ARG002
        outputs: Tensor | Mapping[str, Any] | None,
        batch: object,  # noqa: ARG002
        batch_idx: int,
    ) -> None:
        """Add the loss of a batch to the mean."""
        loss = float(outputs["loss"]) if isinstance(outputs, Mapping) else 0.0
        self._loss += (loss - self._loss) / (batch_idx + 1)

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:  # noqa: ARG002
        """Stop the timer, so that it excludes validation."""
        self._stop_timer(trainer)

    def _stop_timer(self, trainer: pl.Trainer) -> None:
        if self._started:
            self._seconds_per_step = (time.perf_counter() - self._started) / max(
                1, trainer.global_step - self._first_step
            )
            self._started = 0.0

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:  # noqa: ARG002
        """Report the epoch."""
        self._stop_timer(trainer)
        metrics = trainer.callback_metrics
        db = float(metrics["db"]) if "db" in metrics else None
        failed = int(metrics.get("failed", 0))
        summary = EpochSummary(
            self._stage, trainer.global_step, self._steps, self._loss, db, failed, self._seconds_per_step
        )
        if trainer.is_global_zero:
            self._on_epoch(summary)
