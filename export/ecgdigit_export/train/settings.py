"""Settings of a training run and their defaults. `config_files` reads them from YAML files."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StageSettings(_Strict):
    """Settings of one stage.

    `steps` is the number of optimizer steps, and the length of the cosine schedule. `batch` is the number of
    samples with the standard shape per batch and device. `rate` is the maximum learning rate. `accumulate` is
    the number of batches whose gradients are accumulated for one step.
    """

    steps: PositiveInt
    batch: PositiveInt
    rate: PositiveFloat
    accumulate: PositiveInt = 1


class ValidationSettings(_Strict):
    """Settings of validation after every epoch.

    `count` is the maximum number of validation pages. If the folder `pages` is specified, they are taken from
    it. Otherwise, pages of the training folder are held out.
    """

    pages: Path | None = None
    count: int = Field(default=6, ge=0)


class SynthSettings(_Strict):
    """Settings of synthetic pages.

    If the training folder contains fewer than `count` pages, the missing number of pages is written before
    training. `signals` is a path as for `ecgdigit-rt synth --signals`. If it is None, recordings are
    simulated.
    """

    count: PositiveInt = 2000
    signals: Path | None = None
    kind: str | None = None
    layout: str | None = None
    seed: int = 0
    processes: PositiveInt = 2


class TrainSettings(_Strict):
    """Settings of one run. Relative paths in a YAML file are relative to the folder of the file.

    Attributes
    ----------
    pages
        Folder of training pages from `synth` or `label`.
    out
        Folder for weights, checkpoints and logs.
    init_from
        Initial weights for fine-tuning: a folder that contains STAGE.pt, or models as for `run --models`,
        such as `lite`.
    freeze_norms
        If true, the statistics of batch norms are frozen. Training on few or uniform pages would degrade the
        statistics. They are always frozen if `init_from` specifies models.
    epoch_steps
        Approximate number of steps per epoch. Each epoch ends with a validation and a checkpoint.
    precision
        `fp32`, `bf16`, `fp16` or `auto`. bf16 and fp16 are mixed precisions with FP32 weights. `auto` selects
        bf16 if the device supports it natively, otherwise fp32.
    threads
        Number of CPU threads of PyTorch.
    workers
        Number of processes that prepare samples. If it is 0, the training process prepares them.
    log
        Loggers in addition to OUT/logs/STAGE/version_N/metrics.csv.
    """

    family: str = "lite"
    pages: Path
    out: Path
    init_from: str | None = None
    freeze_norms: bool = False
    synth: SynthSettings | None = None
    validation: ValidationSettings = ValidationSettings()
    locate: StageSettings
    grid: StageSettings
    trace: StageSettings
    epoch_steps: PositiveInt = 200
    seed: int = 0
    accelerator: Literal["auto", "cpu", "cuda"] = "auto"
    devices: PositiveInt = 1
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    threads: PositiveInt = 2
    workers: int = Field(default=1, ge=0)
    log: tuple[Literal["tensorboard", "wandb"], ...] = ("tensorboard",)

    def of_stage(self, stage: str) -> StageSettings:
        """Return the settings of a stage. Raises KeyError for an unknown stage."""
        return {"locate": self.locate, "grid": self.grid, "trace": self.trace}[stage]
