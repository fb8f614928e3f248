"""Contribution of each part of the pipeline: the score without it, and the score with optional extras.

    python benchmarks/ablations.py PAGES TRUTH TEST.csv RESULT.json [--only NAME ...]

Every variant digitizes all pages with the same networks on one thread. The seconds exclude decoding and are
comparable within one run only.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import median
from types import ModuleType
from typing import Any
from unittest import mock

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_engine.backends.onnxruntime import OnnxRuntimeRunner
from ecgdigit_rt import pipeline
from ecgdigit_rt.bench.provenance import write_result
from ecgdigit_rt.decode.file_formats import rgb_from_page
from ecgdigit_rt.decode.page_list import page_ids, pages_from_inputs
from ecgdigit_rt.errors import PageError
from ecgdigit_rt.evaluation.scores import Evaluation, ImageScore, image_score
from ecgdigit_rt.evaluation.truth import Truth, read_truth
from ecgdigit_rt.formats.test_csv import LeadRequest, read_test_csv, values_for
from ecgdigit_rt.geometry import mesh_fit, strips
from ecgdigit_rt.models import STAGES, load_models
from ecgdigit_rt.pipeline import Pipeline, PipelineOptions
from ecgdigit_rt.results import PageRef, Row
from ecgdigit_rt.tracing import assemble, ecg_check, lead_trace, row_traces, strip_inference
from ecgdigit_rt.tracing.assemble import AssemblyOptions
from ecgdigit_rt.tracing.lead_trace import LeadTrace, trace_between
from ecgdigit_rt.tracing.strip_inference import StripPredictor
from ecgdigit_rt.tracing.strip_prediction import StripPrediction

Patch = tuple[ModuleType, str, Any]
"""Module, name of the attribute, and its replacement."""


def whole_row(
    predictor: StripPredictor, strip: StripPrediction, row: Row, frames: Sequence[str] = ()
) -> list[LeadTrace]:
    """Trace the row as one curve and cut it into leads afterwards, as if its leads were joined."""
    whole = row_traces._trace_segment(
        predictor,
        strip,
        (row.start_mm, row.end_mm),
        (),
        row.baseline_mm,
        row_traces._TALL_HALF_HEIGHTS_MM,
        frames,
    )
    cuts = [
        int(np.ceil((at - lead_trace._START_TOLERANCE_MM - whole.start_mm) * whole.columns_per_mm))
        for at in (*(segment.start_mm for segment in row.segments), row.end_mm)
    ]
    return [
        LeadTrace(
            whole.height_mm[max(0, first) : stop],
            whole.confidence[max(0, first) : stop],
            whole.spread_mm[max(0, first) : stop],
            whole.position_mm(max(0, first)),
            whole.half_height_mm,
        )
        for first, stop in pairwise(cuts)
    ]


def interpolate_linearly(values: NDArray[np.float32], at: NDArray[np.float64]) -> NDArray[np.float64]:
    """Interpolate values (n,) at fractional indices, linearly."""
    return np.asarray(np.interp(at, np.arange(values.size), values))


def strips_with(interpolation: int) -> Patch:
    """Return the patch that samples strips with one of OpenCV's interpolation methods."""
    sample = partial(strips.strip_from_image, interpolation=interpolation)
    return strip_inference, "strip_from_image", sample


BASELINE = "full pipeline"
VARIANTS: dict[str, list[Patch]] = {
    BASELINE: [],
    "curved surface for flat pages too": [(mesh_fit, "fit_plane", lambda *_: None)],
    "record start as measured, not snapped to 0.5 mm": [
        (pipeline, "snap_to_half_mm", lambda start_mm, _: start_mm)
    ],
    "one curve per row": [(row_traces, "lead_traces", whole_row)],
    "full weight at lead boundaries": [(lead_trace, "_BOUNDARY_WEIGHT", 1.0)],
    "no taller strips": [(row_traces, "_TALL_HALF_HEIGHTS_MM", ())],
    "text read once": [(pipeline, "refine_text_heatmaps", lambda _runner, _image, _mesh, heatmap: heatmap)],
    "most probable bin instead of expectation": [
        (lead_trace, "_HALF_WINDOW", 0),
        (ecg_check, "_MIN_MEDIAN_CONFIDENCE", 0.0),  # a single bin has a low probability
    ],
    "expectation over the whole column": [(lead_trace, "_HALF_WINDOW", 1000)],
    "columns decoded independently": [
        (row_traces, "trace_between", partial(trace_between, jump_penalty=1e-9))
    ],
    "linear interpolation between columns": [(assemble, "_interpolate", interpolate_linearly)],
    "strips sampled bilinearly": [strips_with(cv2.INTER_LINEAR)],
    "strips sampled by Lanczos": [strips_with(cv2.INTER_LANCZOS4)],
    "no extrapolation under separators": [
        (lead_trace, "extrapolate_under_separators", lambda height, *_: height)
    ],
    "no deskew": [(pipeline, "deskew", lambda _runner, _image, mesh: mesh)],
    "large images not averaged down": [(strips, "_SHRINK_ABOVE", 1e9)],
}
"""Patches of each variant."""

EXTRAS: dict[str, PipelineOptions] = {
    "tta flip": PipelineOptions(tta="flip"),
    "tta photometric": PipelineOptions(tta="photometric"),
    "tta full": PipelineOptions(tta="full"),
    "enforce einthoven": PipelineOptions(assembly=AssemblyOptions(enforce_einthoven=True)),
    "no beat prior": PipelineOptions(no_beat_prior=True),
}
"""Variants with other pipeline options."""


@contextmanager
def apply_patches(patches: Sequence[Patch]) -> Iterator[None]:
    """Apply patches inside the block."""
    with ExitStack() as stack:
        for module, name, value in patches:
            stack.enter_context(mock.patch.object(module, name, value))
        yield


def measure(
    page_pipeline: Pipeline, pages: Sequence[tuple[str, PageRef, Sequence[LeadRequest], Truth]]
) -> dict[str, Any]:
    """Digitize and score all pages."""
    images: list[ImageScore] = []
    seconds: list[float] = []
    failed: list[str] = []
    for name, page, requests, truth in pages:
        image = rgb_from_page(page)
        started = time.perf_counter()
        try:
            result = page_pipeline.read(image, page)
        except PageError as error:
            failed.append(f"{name}: {error.message}")
            images.append(image_score(truth, {}))
            continue
        seconds.append(time.perf_counter() - started)
        images.append(image_score(truth, values_for(result, requests).values))
    evaluation = Evaluation(tuple(images), ())
    kinds = {
        kind: sum(score.db for score in scores) / len(scores) for kind, scores in evaluation.kinds.items()
    }
    return {
        "mean_db": round(evaluation.mean_db, 3),
        "score_db": round(evaluation.score, 3),
        "median_s": round(median(seconds), 3) if seconds else None,
        "kinds": {kind: round(db, 2) for kind, db in kinds.items()},
        "pages": {score.image: round(score.db, 2) for score in images},
        "failed": failed,
    }


def main() -> None:
    """Parse the arguments, measure and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in ("pages", "truth", "test", "result"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--only", nargs="*", help="names of variants")
    arguments = parser.parse_args()
    requests = read_test_csv(arguments.test)
    refs = pages_from_inputs([arguments.pages])
    pages = [
        (name, page, requests[name], read_truth(arguments.truth / f"{name}.csv", requests[name]))
        for name, page in zip(page_ids(refs), refs, strict=True)
        if name in requests
    ]
    graphs = load_models().graphs
    runners = {stage: OnnxRuntimeRunner(graphs[stage], 1) for stage in STAGES}
    cv2.setNumThreads(1)
    Pipeline(runners).read(rgb_from_page(pages[0][1]), pages[0][1])  # compiles the kernels
    runs: dict[str, Callable[[], dict[str, Any]]] = {
        name: partial(measure, Pipeline(runners), pages) for name in VARIANTS
    }
    runs |= {name: partial(measure, Pipeline(runners, options), pages) for name, options in EXTRAS.items()}
    figures = {}
    for name, run in runs.items():
        if arguments.only and name not in arguments.only:
            continue
        with apply_patches(VARIANTS.get(name, [])):
            figures[name] = run()
        line = {key: figures[name][key] for key in ("mean_db", "score_db", "median_s")}
        sys.stdout.write(f"{name:48s} {json.dumps(line)}\n")
        sys.stdout.flush()
    write_result(arguments.result, "ablations", 1, figures)


if __name__ == "__main__":
    main()
