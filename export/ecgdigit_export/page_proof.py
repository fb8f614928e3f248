"""What a graph's precision means for the signals: decibel on pages with truth, each precision on the same."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from statistics import mean, median
from typing import Any

import numpy as np

from ecgdigit_engine.backends.onnxruntime import OnnxRuntimeRunner
from ecgdigit_export.synth.truth import load_truth
from ecgdigit_export.synth.truth_csv import RATE_HZ, lead_signals
from ecgdigit_rt.decode.decode_page import rgb_from_page
from ecgdigit_rt.errors import PageError
from ecgdigit_rt.evaluation.metric import decibel, lead_score, ratio
from ecgdigit_rt.pipeline import PagePipeline
from ecgdigit_rt.resample import resample
from ecgdigit_rt.results import PageRef

MOST_LOST_DB, MOST_MEAN_LOST_DB = 0.2, 0.5
"""A precision that loses more in the median is not shipped."""


def page_db(reader: PagePipeline, image: Path) -> float:
    """A synthetic page's dB by the competition's metric, not above its cap nor below 0."""
    page = PageRef(image)
    try:
        leads = reader.read(rgb_from_page(page), page).leads
    except PageError:
        return 0.0
    scores = []
    for name, (_, mv) in lead_signals(load_truth(image.with_suffix(".npz"))).items():
        found = leads.get(name)
        guess = None if found is None else resample(found.mv, found.rate_hz, RATE_HZ, mv.size)
        scores.append(lead_score(mv, guess, RATE_HZ))
    return float(np.clip(decibel(ratio(scores)), 0, 25.84))


def page_proof(graphs: Mapping[str, Mapping[str, bytes]], pages: Path) -> dict[str, Any]:
    """By precision: mean dB over the pages, and the median loss against fp32.

    graphs: precision → stage → ONNX. pages: what `synth` wrote. Raises ValueError where a precision loses
    more than MOST_LOST_DB in the median or MOST_MEAN_LOST_DB in the mean: half of the pages may be as they
    were while the others are broken.
    """
    images = sorted(path for path in pages.glob("*.jpg") if path.with_suffix(".npz").exists())
    found: dict[str, list[float]] = {}
    for precision, stages in graphs.items():
        reader = PagePipeline({stage: OnnxRuntimeRunner(graph, 2) for stage, graph in stages.items()})
        found[precision] = [page_db(reader, image) for image in images]
    proof: dict[str, Any] = {"pages": len(images)}
    for precision, values in found.items():
        lost = median(a - b for a, b in zip(found["fp32"], values, strict=True))
        proof[precision] = {"mean_db": round(mean(values), 2), "median_lost_db": round(lost, 3)}
        if lost > MOST_LOST_DB:
            raise ValueError(f"{precision} loses {lost:.2f} dB in the median, {MOST_LOST_DB} allowed")
        mean_lost = mean(found["fp32"]) - mean(values)
        if mean_lost > MOST_MEAN_LOST_DB:
            raise ValueError(f"{precision} loses {mean_lost:.2f} dB in the mean, {MOST_MEAN_LOST_DB} allowed")
    return proof
