"""Lightning modules for training a stage: loss, optimizer, schedule and data."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from multiprocessing import get_all_start_methods, get_context
from multiprocessing.context import BaseContext
from pathlib import Path

import lightning.pytorch as pl
import torch
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader, Dataset

from ecgdigit_export.models.pretrained import freeze_norms
from ecgdigit_export.train.pages import Batch, PageStream
from ecgdigit_export.train.recipes import Curriculum, Recipe
from ecgdigit_export.train.settings import StageSettings, TrainSettings

# Steps of the warm-up, final learning rate as a fraction of the maximum, and weight decay of AdamW.
# Hand-picked, not tuned.
_WARMUP_STEPS = 100
_MIN_RATE = 0.02
_WEIGHT_DECAY = 0.01


def rate_fraction(step: int, steps: int) -> float:
    """Return the learning rate at a step as a fraction of the maximum.

    It is the product of a linear warm-up and a cosine that decreases to 2 %.
    """
    warmup = min(1.0, (step + 1) / _WARMUP_STEPS)
    return warmup * (_MIN_RATE + (1 - _MIN_RATE) * 0.5 * (1 + math.cos(math.pi * step / steps)))


def epoch_ends(steps: int, epoch_steps: int) -> list[int]:
    """Return the steps at which the epochs end. Each epoch has about `epoch_steps` steps."""
    epochs = max(1, round(steps / epoch_steps))
    return [round(steps * (k + 1) / epochs) for k in range(epochs)]


class StageTraining(pl.LightningModule):
    """Training of `network` with `recipe`. The loss and the metrics of each batch are logged."""

    def __init__(
        self, network: nn.Module, recipe: Recipe, settings: StageSettings, freeze_norms: bool
    ) -> None:
        super().__init__()
        self.network = network
        self._loss, self._settings = recipe.loss, settings
        self._freeze_norms = freeze_norms

    def on_train_batch_start(self, _: Batch, __: int) -> None:
        """Freeze the norms again, because Lightning may have set all modules to training mode."""
        if self._freeze_norms:
            freeze_norms(self.network)

    def training_step(self, batch: Batch, _: int) -> Tensor:
        """Return the loss of a batch. Log the loss and the metrics."""
        loss, metrics = self._loss(self.network, batch)
        self.log_dict({"loss": loss.detach(), **metrics}, on_step=True, on_epoch=False)
        return loss

    def validation_step(self, _: Path, __: int) -> None:
        """Do nothing: the callback `ecgdigit_export.train.page_score.PageScore` validates pages."""

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """Return AdamW with the schedule of `rate_fraction`."""
        optimizer = torch.optim.AdamW(
            self.network.parameters(), self._settings.rate, weight_decay=_WEIGHT_DECAY
        )
        steps = self._settings.steps
        schedule = LambdaLR(optimizer, lambda step: rate_fraction(step, steps))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class EpochLoader:
    """Batches of one epoch from an endless loader.

    If `repeat` is specified, the epoch repeats the first `repeat` batches, which tests whether the network
    can overfit them.
    """

    def __init__(self, loader: DataLoader[Batch], batches: int, repeat: int | None) -> None:
        self._loader, self._batches, self._repeat = loader, batches, repeat

    def __len__(self) -> int:
        return self._batches

    def __iter__(self) -> Iterator[Batch]:
        source: Iterator[Batch] = iter(self._loader)
        if self._repeat is not None:
            source = cycle(list(islice(source, self._repeat)))
        return islice(source, self._batches)


class StagePages(pl.LightningDataModule):
    """Batches of each epoch, and pages for validation.

    The batches of an epoch depend only on the settings, the pages, the epoch and the rank. A resumed run
    therefore has the same batches as an uninterrupted run. `repeat` is as in `EpochLoader`.
    """

    def __init__(
        self,
        curriculum: Curriculum,
        stage: StageSettings,
        run: TrainSettings,
        repeat: int | None = None,
    ) -> None:
        super().__init__()
        self._curriculum, self._stage, self._run, self._repeat = curriculum, stage, run, repeat
        self.ends = epoch_ends(stage.steps, run.epoch_steps)

    def train_dataloader(self) -> EpochLoader:
        """Return the batches of the current epoch."""
        trainer = self.trainer
        if trainer is None:
            raise RuntimeError("the pages are not attached to a trainer")
        epoch = min(trainer.current_epoch, len(self.ends) - 1)
        steps = self.ends[epoch] - (self.ends[epoch - 1] if epoch else 0)
        seed = (self._run.seed, 0 if self._repeat else epoch, trainer.global_rank)
        recipe = self._curriculum.recipe
        stream = PageStream(
            self._curriculum.paths, recipe.sampler, self._stage.batch * recipe.sample_px, seed
        )
        workers = self._run.workers
        loader = DataLoader(
            stream,
            batch_size=None,
            num_workers=workers,
            prefetch_factor=4 if workers else None,
            multiprocessing_context=_worker_context() if workers else None,
        )
        return EpochLoader(loader, steps * self._stage.accumulate, self._repeat)

    def val_dataloader(self) -> DataLoader[Path]:
        """Return the truth files of the validation pages."""
        return DataLoader(_Paths(self._curriculum.held_out), batch_size=None)


def _worker_context() -> BaseContext:
    """Return a multiprocessing context that does not fork this process.

    During validation, other threads hold locks. A worker that is forked at such a time may hang.
    """
    if "forkserver" not in get_all_start_methods():
        return get_context("spawn")
    context = get_context("forkserver")
    context.set_forkserver_preload(["ecgdigit_export.train.recipes"])
    return context


class _Paths(Dataset[Path]):
    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int) -> Path:
        return self._paths[index]
