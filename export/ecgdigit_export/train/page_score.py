"""A stage's network measured where it counts: in the whole pipeline, in dB, on pages it does not train on."""

from __future__ import annotations

from pathlib import Path
from statistics import fmean

import lightning.pytorch as pl
from torch import nn

from ecgdigit_engine.backends.onnxruntime import spec_from_graph
from ecgdigit_engine.runner import Runner
from ecgdigit_engine.selection import BackendSelection, select_backend
from ecgdigit_export.eager import EagerRunner
from ecgdigit_export.synth.truth import PageTruth
from ecgdigit_export.synth.truth_csv import RATE_HZ, lead_signals
from ecgdigit_export.train.pages import page_and_truth
from ecgdigit_rt.digitizer import Digitizer
from ecgdigit_rt.evaluation.metric import decibel, lead_score, ratio
from ecgdigit_rt.formats.test_csv import LeadRequest, values_for
from ecgdigit_rt.models import graph_precisions
from ecgdigit_rt.results import Digitized, Result


class WithStage:
    """Opens the shipped networks, and one in the place of its stage. Satisfies `StageOpener`."""

    is_accelerator = False

    def __init__(self, stage: str, network: nn.Module) -> None:
        self._stage, self._network = stage, network
        self._others: BackendSelection = select_backend(
            "onnxruntime", "cpu", "fp32", graph_precisions("lite")
        )
        self.graph_precision, self.notes = self._others.graph_precision, self._others.notes

    def __str__(self) -> str:
        return f"{self._others}, {self._stage} in training"

    def open_stage(
        self, graph: bytes, threads: int = 1, concurrency: int = 1, prefix_graph: bytes | None = None
    ) -> Runner:
        spec = spec_from_graph(graph)
        if spec.stage != self._stage:
            return self._others.open_stage(graph, threads, concurrency, prefix_graph)
        return EagerRunner(spec, self._network)


def page_db(truth: PageTruth, result: Result) -> float:
    """A page's signal-to-noise ratio by the competition's metric, uncapped; 0 where it failed."""
    signals = {lead: mv for lead, (_, mv) in lead_signals(truth).items()}
    asked = [LeadRequest(lead, RATE_HZ, mv.size) for lead, mv in signals.items()]
    values = values_for(result, asked).values
    return decibel(ratio(lead_score(mv, values[lead], RATE_HZ) for lead, mv in signals.items()))


class PageScore(pl.Callback):
    """Logs `db`, the mean over the validation pages, and `failed`, how many could not be read."""

    def __init__(self, stage: str, threads: int) -> None:
        self._stage, self._threads = stage, threads
        self._digitizer: Digitizer | None = None
        self._found: list[float] = []
        self._failed = 0

    def on_validation_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:  # noqa: ARG002
        self._found, self._failed = [], 0
        if self._digitizer is None:
            opener = WithStage(self._stage, pl_module.network)  # type: ignore[arg-type]
            self._digitizer = Digitizer("lite", self._threads, opener=opener)

    def on_validation_batch_end(
        self,
        trainer: pl.Trainer,  # noqa: ARG002
        pl_module: pl.LightningModule,  # noqa: ARG002
        outputs: object,  # noqa: ARG002
        batch: Path,
        batch_idx: int,  # noqa: ARG002
        dataloader_idx: int = 0,  # noqa: ARG002
    ) -> None:
        if self._digitizer is None:
            raise RuntimeError("no validation has begun")
        image, truth = page_and_truth(batch)
        result = next(iter(self._digitizer.digitize_many([image])))
        self._failed += not isinstance(result, Digitized)
        self._found.append(page_db(truth, result))

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:  # noqa: ARG002
        if self._found:
            pl_module.log("db", fmean(self._found), sync_dist=True)
            pl_module.log("failed", float(self._failed), sync_dist=True, reduce_fx="sum")
