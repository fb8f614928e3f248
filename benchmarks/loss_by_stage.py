"""Remaining error by stage: scores with the true results of single stages in place of the pipeline's results.

    python benchmarks/loss_by_stage.py PAGES RESULT.json [--threads 2] [--limit N] [--models FOLDER]

PAGES is a folder written by `ecgdigit-rt synth` (NAME.jpg with its truth NAME.npz). The variants:

    round_trip   true results of all stages: the error of decoding and assembly alone
    true_mesh    true mesh, layout and extent, with the trace network
    true_trace   true curves and true layout, both placed row by row on the mesh of the networks
    true_layout  mesh and traces of the networks, with the same layout as in true_trace
    all          the whole pipeline

A variant that fails on a page scores 0 dB there. FOLDER contains a manifest.json with its graphs, to measure
models that are not packaged.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

import numpy as np
from ideal_traces import ideal_traces
from lead_errors import json_from_errors, lead_errors, page_db, page_shares
from loss_table import SPLIT, VARIANTS, summary, table
from numpy.typing import NDArray
from truth_on_mesh import CurveOnMesh, MeshMissesRows, curves_on_mesh, layout_on_mesh, true_mesh

from ecgdigit_engine.backends.onnxruntime import OnnxRuntimeRunner
from ecgdigit_engine.runner import Runner
from ecgdigit_export.synth.truth import PageTruth, load_truth
from ecgdigit_rt import PageRef
from ecgdigit_rt.bench.provenance import write_result
from ecgdigit_rt.decode.file_formats import rgb_from_file
from ecgdigit_rt.errors import PageError
from ecgdigit_rt.geometry.grid_stage import grid_phase
from ecgdigit_rt.geometry.locate_stage import locate
from ecgdigit_rt.geometry.mesh import Mesh
from ecgdigit_rt.models import STAGES, ModelFamily, load_models
from ecgdigit_rt.pipeline import Pipeline, page_mesh
from ecgdigit_rt.results import Layout, Lead
from ecgdigit_rt.tracing.assemble import segments_from_traces
from ecgdigit_rt.tracing.beat_prior import apply_beat_prior
from ecgdigit_rt.tracing.ecg_check import longest_segments
from ecgdigit_rt.tracing.row_traces import page_traces, predict_rows
from ecgdigit_rt.tracing.strip_inference import strip_predictor

T = TypeVar("T")
Image = NDArray[np.uint8]
Leads = Mapping[str, Lead]


class WrongOrientation(ValueError):
    """The orientation of a page was detected wrongly, so its truth cannot be placed on the mesh."""


@dataclass(frozen=True, slots=True)
class TruthOnMesh:
    """Upright image of a page and the mesh of the networks, with the truth on that mesh."""

    image: Image
    mesh: Mesh
    curves: list[CurveOnMesh]
    layout: Layout


def ideal_leads(layout: Layout, curves: list[CurveOnMesh], mesh: Mesh) -> Leads:
    """Return the leads of an ideal trace network."""
    return longest_segments(segments_from_traces(layout, ideal_traces(layout, curves), mesh))


def round_trip(truth: PageTruth, mesh: Mesh) -> Leads:
    """Return the leads of an ideal trace network with the true layout, on a mesh of the original image."""
    return ideal_leads(truth.layout, curves_on_mesh(truth, mesh), mesh)


class Stages:
    """Networks of one family, for single stages and for the whole pipeline."""

    def __init__(self, family: ModelFamily, threads: int) -> None:
        self._runners: dict[str, Runner] = {
            stage: OnnxRuntimeRunner(family.graphs[stage], threads) for stage in STAGES
        }
        self.pipeline = Pipeline(self._runners)

    def truth_on_mesh(self, image: Image, truth: PageTruth) -> TruthOnMesh:
        """Run the locate and grid stages, and place the truth on their mesh.

        Raises PageError, WrongOrientation or MeshMissesRows.
        """
        located = locate(self._runners["locate"], image)
        if located.quarter_turns != truth.quarter_turns:
            turns, true_turns = located.quarter_turns, truth.quarter_turns
            raise WrongOrientation(f"rotated by {turns} quarter turns instead of {true_turns}")
        mesh = page_mesh(self._runners, located, grid_phase(self._runners["grid"], located))
        curves = curves_on_mesh(truth, mesh, located.quarter_turns)
        return TruthOnMesh(located.image, mesh, curves, layout_on_mesh(truth, curves))

    def predicted_leads(self, image: Image, mesh: Mesh, layout: Layout) -> Leads:
        """Return the leads that the trace network predicts for a layout."""
        predictor = strip_predictor(self._runners, image, mesh)
        traces = page_traces(predictor, predict_rows(predictor, layout), layout)
        return longest_segments(segments_from_traces(layout, apply_beat_prior(traces, layout), mesh))


def try_step(step: Callable[[], T]) -> tuple[T | None, str]:
    """Return the value of a step and an empty string, or None and the reason of its failure."""
    try:
        return step(), ""
    except (PageError, MeshMissesRows, WrongOrientation) as error:
        return None, str(error)


def measure_page(stages: Stages, path: Path, truth: PageTruth) -> dict[str, Any]:
    """Measure all variants of one page."""
    image, mesh = rgb_from_file(path), true_mesh(truth)
    on_mesh, mesh_failure = try_step(lambda: stages.truth_on_mesh(image, truth))
    page, page_failure = try_step(lambda: stages.pipeline.read(image, PageRef(path)))
    leads: dict[str, Leads] = {
        "round_trip": round_trip(truth, mesh),
        "true_mesh": stages.predicted_leads(image, mesh, truth.layout),
    }
    if on_mesh:
        leads["true_trace"] = ideal_leads(on_mesh.layout, on_mesh.curves, on_mesh.mesh)
        leads["true_layout"] = stages.predicted_leads(on_mesh.image, on_mesh.mesh, on_mesh.layout)
    if page:
        leads["all"] = page.leads
    errors = {variant: lead_errors(truth, leads.get(variant, {})) for variant in VARIANTS}
    failures = {"true_trace": mesh_failure, "true_layout": mesh_failure, "all": page_failure}
    return {
        "page": path.stem,
        "kind": truth.kind,
        "failed": {variant: reason for variant, reason in failures.items() if reason},
        "db": {variant: round(page_db(errors[variant]), 2) for variant in VARIANTS},
        "reading": compare_layout(truth, page.layout, on_mesh) if page else {},
        "causes": {
            variant: {cause: round(share, 3) for cause, share in page_shares(errors[variant]).items()}
            for variant in SPLIT
        },
        "leads": {variant: json_from_errors(errors[variant]) for variant in SPLIT},
    }


def compare_layout(truth: PageTruth, layout: Layout, on_mesh: TruthOnMesh | None) -> dict[str, Any]:
    """Return whether layout, speed and gain were detected correctly, and the error of the extent in mm."""
    true = truth.layout
    out: dict[str, Any] = {
        "layout": layout.name == true.name,
        "speed": layout.speed_mm_s == true.speed_mm_s,
        "gain": layout.gain_mm_mv == true.gain_mm_mv,
    }
    if on_mesh:
        rows, predicted = on_mesh.layout.rows, layout.rows[0]
        out["start_miss_mm"] = round(predicted.start_mm - median(row.start_mm for row in rows), 3)
        out["end_miss_mm"] = round(predicted.end_mm - median(row.end_mm for row in rows), 3)
    return out


def parse_arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pages", type=Path)
    parser.add_argument("result", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--limit", type=int, help="maximum number of pages, evenly spaced over the folder")
    parser.add_argument("--models", type=Path, help="folder with a manifest.json; default: packaged models")
    return parser.parse_args()


def main() -> None:
    """Parse the arguments, measure and write."""
    arguments = parse_arguments()
    paths = sorted(path for path in arguments.pages.glob("*.jpg") if path.with_suffix(".npz").is_file())
    if not paths:
        raise SystemExit(f"{arguments.pages} does not contain a NAME.jpg with its NAME.npz.")
    if arguments.limit:
        paths = paths[:: math.ceil(len(paths) / arguments.limit)]
    family = (
        load_models(arguments.models.name, arguments.models.parent) if arguments.models else load_models()
    )
    stages = Stages(family, arguments.threads)
    pages = []
    for path in paths:
        pages.append(measure_page(stages, path, load_truth(path.with_suffix(".npz"))))
        sys.stderr.write(f"{path.stem:26}" + "".join(f"{db:15.1f}" for db in pages[-1]["db"].values()) + "\n")
    by_kind = summary(pages)
    figures = {"kinds": by_kind, "pages": pages}
    write_result(
        arguments.result, "loss_by_stage", arguments.threads, figures, f"{family.name} {family.version}"
    )
    sys.stdout.write(table(by_kind))


if __name__ == "__main__":
    main()
