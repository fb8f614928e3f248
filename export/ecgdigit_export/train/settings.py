"""What a training run is told, with its defaults; `config_files` reads it from YAML."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StageSettings(_Strict):
    """One stage's share.

    steps: of the optimizer, and the length of the cosine. batch: samples a step and device. rate: of
    learning, at the cosine's top. accumulate: batches whose gradients one step sums.
    """

    steps: PositiveInt
    batch: PositiveInt
    rate: PositiveFloat
    accumulate: PositiveInt = 1


class ValidationSettings(_Strict):
    """Which pages the network is measured on after every epoch.

    pages: a folder of them; without it `count` pages of the training folder are kept out of training.
    """

    pages: Path | None = None
    count: int = Field(default=6, ge=0)


class SynthSettings(_Strict):
    """Pages to draw before training, where the folder has fewer.

    signals: as for `ecgdigit-rt synth --signals`; simulated recordings without.
    """

    count: PositiveInt = 2000
    signals: Path | None = None
    kind: str | None = None
    layout: str | None = None
    seed: int = 0
    processes: PositiveInt = 2


class TrainSettings(_Strict):
    """One run. Paths in a YAML file are relative to it.

    pages: folder that `synth` or `label` wrote. out: folder for weights, checkpoints and logs. start: what
    to begin with, to fine-tune: a folder of STAGE.pt, or models that `run --models` takes, such as lite.
    freeze_norms: batch norms keep their statistics, which few or uniform pages would spoil; so they do
    whenever `start` is models. epoch_steps: steps between two looks at the validation
    pages, and between two checkpoints. precision: fp32, bf16 or fp16 (mixed; the weights stay FP32), or
    auto: bf16 where the device computes in it. threads: of PyTorch, on a CPU. workers: processes that make
    samples. log: what keeps the readings, beside OUT/logs/STAGE/metrics.csv.
    """

    family: str = "lite"
    pages: Path
    out: Path
    start: str | None = None
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
        """Raises KeyError for a stage that is none."""
        return {"locate": self.locate, "grid": self.grid, "trace": self.trace}[stage]
