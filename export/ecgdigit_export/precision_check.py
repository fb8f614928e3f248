"""Effect of the precision of graphs on the signals: signal-to-noise ratio on pages with truth."""

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
from ecgdigit_rt.errors import PageError
from ecgdigit_rt.evaluation.metric import db_from_ratio, lead_score, snr_ratio
from ecgdigit_rt.pipeline import Pipeline
from ecgdigit_rt.resample import resample
from ecgdigit_rt.results import PageRef

MAX_MEDIAN_LOSS_DB, MAX_MEAN_LOSS_DB = 0.2, 0.5
"""Maximum loss of a precision against FP32. The mean is limited too, because a few broken pages do not change
the median. Chosen, not tuned."""
_MAX_DB = 25.84
"""Cap of a page's score in the competition's metric (`ecgdigit_rt.evaluation.metric.PERFECT_RATIO`)."""


def capped_page_db(pipeline: Pipeline, image: Path) -> float:
    """Return the score of a synthetic page in dB by the competition's metric, limited to 0 to `_MAX_DB`."""
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
    """Return the mean dB over the pages and the median loss against FP32, by precision.

    `graphs` are ONNX files by precision and stage. `pages` is a folder that `synth` wrote. Raises ValueError
    if a precision loses more than MAX_MEDIAN_LOSS_DB in the median or MAX_MEAN_LOSS_DB in the mean.
    """
    images = sorted(path for path in pages.glob("*.jpg") if path.with_suffix(".npz").exists())
    scores: dict[str, list[float]] = {}
    for precision, stages in graphs.items():
        pipeline = Pipeline({stage: OnnxRuntimeRunner(graph, 2) for stage, graph in stages.items()})
        scores[precision] = [capped_page_db(pipeline, image) for image in images]
    summary: dict[str, Any] = {"pages": len(images)}
    for precision, values in scores.items():
        median_loss = median(a - b for a, b in zip(scores["fp32"], values, strict=True))
        summary[precision] = {"mean_db": round(mean(values), 2), "median_lost_db": round(median_loss, 3)}
        if median_loss > MAX_MEDIAN_LOSS_DB:
            raise ValueError(
                f"{precision} loses {median_loss:.2f} dB in the median, more than {MAX_MEDIAN_LOSS_DB}"
            )
        mean_loss = mean(scores["fp32"]) - mean(values)
        if mean_loss > MAX_MEAN_LOSS_DB:
            raise ValueError(
                f"{precision} loses {mean_loss:.2f} dB in the mean, more than {MAX_MEAN_LOSS_DB}"
            )
    return summary
