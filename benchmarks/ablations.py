"""What each part of the pipeline is worth: the score with one of them taken away, and with extras added.

    python benchmarks/ablations.py PAGES TRUTH TEST.csv RESULT.json [--only NAME ...]

Every variant reads all pages with the same networks on one thread; seconds are of the whole reading,
without decoding, and are comparable within one run only.
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
from ecgdigit_rt.decode.decode_page import rgb_from_page
from ecgdigit_rt.decode.page_list import page_ids, pages_from_inputs
from ecgdigit_rt.errors import PageError
from ecgdigit_rt.evaluation.evaluate import Evaluation, ImageScore, image_score
from ecgdigit_rt.evaluation.truth import Truth, read_truth
from ecgdigit_rt.formats.test_csv import LeadRequest, read_test_csv, values_for
from ecgdigit_rt.geometry import mesh_fit, strips
from ecgdigit_rt.models import STAGES, load_models
from ecgdigit_rt.pipeline import PagePipeline, ReadOptions
from ecgdigit_rt.results import PageRef, Row
from ecgdigit_rt.tracing import assemble, lead_trace, row_traces
from ecgdigit_rt.tracing.lead_trace import LeadTrace, StripPrediction, trace_between
from ecgdigit_rt.tracing.row_traces import Look

Patch = tuple[ModuleType, str, Any]


def whole_row(look: Look, strip: StripPrediction, row: Row) -> list[LeadTrace]:
    """The row decoded as one curve and cut afterwards, as if its leads were joined."""
    whole = row_traces._tall_enough(
        look, strip, (row.start_mm, row.end_mm), (), row.baseline_mm, row_traces._TALLER_MM
    )
    cuts = [
        int(np.ceil((at - lead_trace._OWN_MM - whole.start_mm) * whole.columns_per_mm))
        for at in (*(segment.start_mm for segment in row.segments), row.end_mm)
    ]
    return [
        LeadTrace(
            whole.height_mm[max(0, first) : stop],
            whole.confidence[max(0, first) : stop],
            whole.spread_mm[max(0, first) : stop],
            whole.place_mm(max(0, first)),
            whole.half_height_mm,
        )
        for first, stop in pairwise(cuts)
    ]


def straight(values: NDArray[np.float32], at: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.interp(at, np.arange(values.size), values))


VARIANTS: dict[str, list[Patch]] = {
    "as it is": [],
    "flat pages may bend too": [(mesh_fit, "flat_sheet", lambda *_: None)],
    "starts as measured, not on half a millimetre": [(pipeline, "on_drawn_step", lambda start, _: start)],
    "leads of a row decoded as one curve": [(row_traces, "lead_traces", whole_row)],
    "ink where leads meet counts fully": [(lead_trace, "_SEAM_WEIGHT", 1.0)],
    "no taller strips": [(row_traces, "_TALLER_MM", ())],
    "text read once": [(pipeline, "looked_closer", lambda _runner, _image, _mesh, heat: heat)],
    "most probable bin instead of expectation": [(lead_trace, "_HALF_WINDOW", 0)],
    "expectation over the whole column": [(lead_trace, "_HALF_WINDOW", 1000)],
    "no path, each column by itself": [
        (row_traces, "trace_between", partial(trace_between, jump_penalty=1e-9))
    ],
    "lines between columns instead of cubics": [(assemble, "_between", straight)],
    "strips sampled bilinearly": [
        (row_traces, "strip_from_image", partial(strips.strip_from_image, interpolation=cv2.INTER_LINEAR))
    ],
    "strips sampled by Lanczos": [
        (row_traces, "strip_from_image", partial(strips.strip_from_image, interpolation=cv2.INTER_LANCZOS4))
    ],
    "level under bars as stage 2 sees it": [(lead_trace, "continued_at_seams", lambda height, *_: height)],
    "pages that lie askew seen once": [(pipeline, "straightened", lambda _runner, _image, mesh: mesh)],
    "fine pictures not averaged down": [(strips, "_SHRINK_ABOVE", 1e9)],
}
EXTRAS: dict[str, dict[str, Any]] = {
    "tta flip": {"tta": "flip"},
    "tta photometric": {"tta": "photometric"},
    "tta full": {"tta": "full"},
    "enforce_einthoven": {"blend": True},
    "seen only": {"no_beat_prior": True},
}


@contextmanager
def patched(patches: Sequence[Patch]) -> Iterator[None]:
    with ExitStack() as stack:
        for module, name, value in patches:
            stack.enter_context(mock.patch.object(module, name, value))
        yield


def measured(
    reader: PagePipeline, pages: Sequence[tuple[str, PageRef, Sequence[LeadRequest], Truth]]
) -> dict[str, Any]:
    """All pages read and scored."""
    images: list[ImageScore] = []
    seconds: list[float] = []
    failed: list[str] = []
    for name, page, asked, truth in pages:
        image = rgb_from_page(page)
        started = time.perf_counter()
        try:
            result = reader.read(image, page)
        except PageError as error:
            failed.append(f"{name}: {error.message}")
            images.append(image_score(truth, {}))
            continue
        seconds.append(time.perf_counter() - started)
        images.append(image_score(truth, values_for(result, asked).values))
    scored = Evaluation(tuple(images), ())
    kinds = {kind: sum(one.db for one in of_kind) / len(of_kind) for kind, of_kind in scored.kinds.items()}
    return {
        "mean_db": round(scored.mean_db, 3),
        "score_db": round(scored.score, 3),
        "median_s": round(median(seconds), 3),
        "kinds": {kind: round(db, 2) for kind, db in kinds.items()},
        "pages": {one.image: round(one.db, 2) for one in images},
        "failed": failed,
    }


def main() -> None:
    """Parse, measure, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in ("pages", "truth", "test", "result"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--only", nargs="*", help="names of variants")
    given = parser.parse_args()
    questions = read_test_csv(given.test)
    refs = pages_from_inputs([given.pages])
    pages = [
        (name, page, questions[name], read_truth(given.truth / f"{name}.csv", questions[name]))
        for name, page in zip(page_ids(refs), refs, strict=True)
        if name in questions
    ]
    graphs = load_models().graphs
    runners = {stage: OnnxRuntimeRunner(graphs[stage], 1) for stage in STAGES}
    cv2.setNumThreads(1)
    PagePipeline(runners).read(rgb_from_page(pages[0][1]), pages[0][1])  # loads the kernels
    runs: dict[str, Callable[[], dict[str, Any]]] = {
        name: partial(measured, PagePipeline(runners), pages) for name in VARIANTS
    }
    runs |= {
        name: partial(measured, PagePipeline(runners, ReadOptions(**extra)), pages)
        for name, extra in EXTRAS.items()
    }
    figures = {}
    for name, run in runs.items():
        if given.only and name not in given.only:
            continue
        with patched(VARIANTS.get(name, [])):
            figures[name] = run()
        line = {key: figures[name][key] for key in ("mean_db", "score_db", "median_s")}
        sys.stdout.write(f"{name:46s} {json.dumps(line)}\n")
        sys.stdout.flush()
    write_result(given.result, "ablations", 1, figures)


if __name__ == "__main__":
    main()
