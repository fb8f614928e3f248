"""One stage's training as Lightning runs it: loss, optimizer, schedule, and the epochs' pages."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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

from ecgdigit_export.models.shipped import freeze_norms
from ecgdigit_export.train.pages import Batch, PageStream
from ecgdigit_export.train.recipes import Recipe
from ecgdigit_export.train.settings import StageSettings, TrainSettings

_WARM_STEPS = 100
_LEAST_RATE = 0.02
_WEIGHT_DECAY = 0.01


def rate_share(step: int, steps: int) -> float:
    """The learning rate at a step as a share of the top: a short rise, then one cosine down to 2 %."""
    warm = min(1.0, (step + 1) / _WARM_STEPS)
    return warm * (_LEAST_RATE + (1 - _LEAST_RATE) * 0.5 * (1 + math.cos(math.pi * step / steps)))


def epoch_ends(steps: int, epoch_steps: int) -> list[int]:
    """The step at which each epoch ends: as many of about `epoch_steps` as make up `steps`."""
    epochs = max(1, round(steps / epoch_steps))
    return [round(steps * (k + 1) / epochs) for k in range(epochs)]


class StageTraining(pl.LightningModule):
    """Trains `network` with `recipe`; what is read off a batch is logged under the reading's name."""

    def __init__(
        self, network: nn.Module, recipe: Recipe, settings: StageSettings, norms_are_frozen: bool
    ) -> None:
        super().__init__()
        self.network = network
        self._loss, self._settings = recipe.loss, settings
        self._norms_are_frozen = norms_are_frozen

    def on_train_batch_start(self, _: Batch, __: int) -> None:
        """Validation has put all in training mode again."""
        if self._norms_are_frozen:
            freeze_norms(self.network)

    def training_step(self, batch: Batch, _: int) -> Tensor:
        loss, readings = self._loss(self.network, batch)
        self.log_dict({"loss": loss.detach(), **readings}, on_step=True, on_epoch=False)
        return loss

    def validation_step(self, _: Path, __: int) -> None:
        """Pages are measured by `ecgdigit_export.train.page_score.PageScore`."""

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        optimizer = torch.optim.AdamW(
            self.network.parameters(), self._settings.rate, weight_decay=_WEIGHT_DECAY
        )
        steps = self._settings.steps
        schedule = LambdaLR(optimizer, lambda step: rate_share(step, steps))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


@dataclass(frozen=True, slots=True)
class Curriculum:
    """What is learned, from which files, and the truths of the pages that tell how well."""

    recipe: Recipe
    paths: Sequence[Path]
    held_out: Sequence[Path]


class Epoch:
    """An epoch's batches, from a loader that would go on for ever.

    repeat: so many batches, over and over, to see whether they can be learned by heart.
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
    """Which batches an epoch has, and which pages it is measured on.

    An epoch's batches depend on seed, epoch, rank and the count of workers alone, so a run that resumes
    where an epoch ended sees what it would have seen. repeat: see `Epoch`.
    """

    def __init__(
        self,
        lessons: Curriculum,
        stage: StageSettings,
        run: TrainSettings,
        repeat: int | None = None,
    ) -> None:
        super().__init__()
        self._lessons, self._stage, self._run, self._repeat = lessons, stage, run, repeat
        self.ends = epoch_ends(stage.steps, run.epoch_steps)

    def train_dataloader(self) -> Epoch:
        trainer = self.trainer
        if trainer is None:
            raise RuntimeError("these pages are no trainer's")
        epoch = min(trainer.current_epoch, len(self.ends) - 1)
        steps = self.ends[epoch] - (self.ends[epoch - 1] if epoch else 0)
        seed = (self._run.seed, 0 if self._repeat else epoch, trainer.global_rank)
        recipe = self._lessons.recipe
        stream = PageStream(self._lessons.paths, recipe.sampler, self._stage.batch * recipe.sample_px, seed)
        workers = self._run.workers
        loader = DataLoader(
            stream,
            batch_size=None,
            num_workers=workers,
            prefetch_factor=4 if workers else None,
            multiprocessing_context=_worker_context() if workers else None,
        )
        return Epoch(loader, steps * self._stage.accumulate, self._repeat)

    def val_dataloader(self) -> DataLoader[Path]:
        """The pages' truths; each is read and measured whole."""
        return DataLoader(_Paths(self._lessons.held_out), batch_size=None)


def _worker_context() -> BaseContext:
    """Never a plain fork: a worker forked while other threads hold locks (validation's have) hangs."""
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
