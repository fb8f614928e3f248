"""Effect of the precision of graphs on the signals, measured as the score of pages with truth."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from statistics import mean, median
from typing import Any

import numpy as np

from ecgdigit_engine.backends.onnxruntime import OnnxRuntimeRunner
from ecgdigit_export.synth.truth import load_truth
from ecgdigit_export.synth.truth_csv import RATE_HZ, lead_signals
from ecgdigit_rt.decode.file_formats import rgb_from_page
from ecgdigit_rt.errors import PageError, TrainingPagesMissing
from ecgdigit_rt.evaluation.metric import db_from_ratio, lead_score, snr_ratio
from ecgdigit_rt.pipeline import Pipeline
from ecgdigit_rt.resample import resample
from ecgdigit_rt.results import PageRef

MAX_MEDIAN_LOSS_DB, MAX_MEAN_LOSS_DB = 0.2, 0.5
"""Limits in dB of the median and the mean loss of score over the pages. The loss is relative to FP32.

The mean is also limited, because a large loss on only a few pages hardly changes the median. Hand-picked,
not tuned.
"""
_MAX_DB = 25.84
"""Maximum score of a page in the metric of the PhysioNet competition.

It corresponds to `ecgdigit_rt.evaluation.metric.PERFECT_RATIO`.
"""


def clipped_page_db(pipeline: Pipeline, image: Path) -> float:
    """Return the score of a synthetic page in the metric of the competition.

    The score is clipped to the range from 0 to `_MAX_DB` dB. The score of a page that cannot be digitized is
    0.
    """
    page = PageRef(image)
    try:
        leads = pipeline.read(rgb_from_page(page), page).leads
    except PageError:
        return 0.0
    scores = []
    for name, (_, mv) in lead_signals(load_truth(image.with_suffix(".npz"))).items():
        lead = leads.get(name)
        predicted = None if lead is None else resample(lead.mv, lead.rate_hz, RATE_HZ, mv.size)
        scores.append(lead_score(mv, predicted, RATE_HZ))
    return float(np.clip(db_from_ratio(snr_ratio(scores)), 0, _MAX_DB))


def check_precisions(graphs: Mapping[str, Mapping[str, bytes]], pages: Path) -> dict[str, Any]:
    """Return the mean score in dB and the median loss compared with FP32, by precision.

    The result also contains the number of pages under the key "pages". `graphs` maps precisions, which must
    include "fp32", to the ONNX files of the stages. `pages` is a folder of pages from `synth`. Raises
    TrainingPagesMissing if the folder contains no pages, and ValueError if the median loss of a precision
    exceeds `MAX_MEDIAN_LOSS_DB`, or if the mean loss exceeds `MAX_MEAN_LOSS_DB`.
    """
    images = sorted(path for path in pages.glob("*.jpg") if path.with_suffix(".npz").exists())
    if not images:
        raise TrainingPagesMissing(pages)
    scores: dict[str, list[float]] = {}
    for precision, stages in graphs.items():
        pipeline = Pipeline({stage: OnnxRuntimeRunner(graph, 2) for stage, graph in stages.items()})
        scores[precision] = [clipped_page_db(pipeline, image) for image in images]
    summary: dict[str, Any] = {"pages": len(images)}
    for precision, page_scores in scores.items():
        median_loss = median(fp32 - db for fp32, db in zip(scores["fp32"], page_scores, strict=True))
        summary[precision] = {"mean_db": round(mean(page_scores), 2), "median_lost_db": round(median_loss, 3)}
        if median_loss > MAX_MEDIAN_LOSS_DB:
            raise ValueError(
                f"the median loss of {precision} is {median_loss:.2f} dB, more than {MAX_MEDIAN_LOSS_DB} dB"
            )
        mean_loss = mean(scores["fp32"]) - mean(page_scores)
        if mean_loss > MAX_MEAN_LOSS_DB:
            raise ValueError(
                f"the mean loss of {precision} is {mean_loss:.2f} dB, more than {MAX_MEAN_LOSS_DB} dB"
            )
    return summary
