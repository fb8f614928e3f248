"""Validation of the network of a stage: score of the whole pipeline in dB on validation pages."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from statistics import fmean

import lightning.pytorch as pl
from torch import nn

from ecgdigit_engine.backends.onnxruntime import spec_from_graph
from ecgdigit_engine.runner import Runner
from ecgdigit_engine.selection import select_backend
from ecgdigit_engine.stage_opener import StageOpener, StageRequest
from ecgdigit_export.eager import EagerRunner
from ecgdigit_export.synth.truth import PageTruth
from ecgdigit_export.synth.truth_csv import RATE_HZ, lead_signals
from ecgdigit_export.train.pages import load_page
from ecgdigit_rt.digitizer import Digitizer
from ecgdigit_rt.evaluation.metric import db_from_ratio, lead_score, snr_ratio
from ecgdigit_rt.formats.test_csv import LeadRequest, values_for
from ecgdigit_rt.models import graph_precisions
from ecgdigit_rt.results import Digitized, Result


def opener_with_network(stage: str, network: nn.Module) -> StageOpener:
    """Return an opener of the `lite` networks in which the network of `stage` is replaced with `network`."""
    shipped = select_backend("onnxruntime", "cpu", "fp32", graph_precisions("lite")).opener()

    def open_stage(request: StageRequest) -> Runner:
        spec = spec_from_graph(request.graph)
        return EagerRunner(spec, network) if spec.stage == stage else shipped.open(request)

    return replace(shipped, open=open_stage, description=f"{shipped}, {stage} in training")


def page_db(truth: PageTruth, result: Result) -> float:
    """Return the signal-to-noise ratio of a page in dB in the metric of the competition, without its cap.

    The score of a page that failed is 0 dB.
    """
    signals = {lead: mv for lead, (_, mv) in lead_signals(truth).items()}
    requests = [LeadRequest(lead, RATE_HZ, mv.size) for lead, mv in signals.items()]
    values = values_for(result, requests).values
    return db_from_ratio(snr_ratio(lead_score(mv, values[lead], RATE_HZ) for lead, mv in signals.items()))


class PageScore(pl.Callback):
    """Callback that logs the score of the validation pages.

    The logged metrics are `db`, the mean score, and `failed`, the number of pages that could not be
    digitized.
    """

    def __init__(self, stage: str, threads: int) -> None:
        self._stage, self._threads = stage, threads
        self._digitizer: Digitizer | None = None
        self._scores_db: list[float] = []
        self._failed = 0

    def on_validation_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:  # noqa: ARG002
        """Reset the scores. In the first epoch, open a digitizer with the network that is trained."""
        self._scores_db, self._failed = [], 0
        if self._digitizer is None:
            opener = opener_with_network(self._stage, pl_module.network)  # type: ignore[arg-type]
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
        """Digitize and score one page."""
        if self._digitizer is None:
            raise RuntimeError("validation has not started")
        image, truth = load_page(batch)
        result = next(iter(self._digitizer.digitize_many([image])))
        self._failed += not isinstance(result, Digitized)
        self._scores_db.append(page_db(truth, result))

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:  # noqa: ARG002
        """Log the scores."""
        if self._scores_db:
            pl_module.log("db", fmean(self._scores_db), sync_dist=True)
            pl_module.log("failed", float(self._failed), sync_dist=True, reduce_fx="sum")
