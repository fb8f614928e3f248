"""Where the next decibel is: the score with true stages in place of the pipeline's, one after another.

    python benchmarks/loss_by_stage.py PAGES RESULT.json [--threads 2] [--limit N] [--models FOLDER]

PAGES is a folder that `ecgdigit-rt synth` wrote (NAME.jpg with its truth NAME.npz). The variants:

    round_trip   all stages true: what decoding and assembling cost alone
    true_mesh    true mesh, layout and extent; the trace network
    true_trace   the networks' mesh; true curves on it, the true layout placed on it row by row
    true_layout  the networks' mesh and trace; the layout as for true_trace
    all          the pipeline as it is

A variant that fails on a page scores 0 dB there. FOLDER holds a manifest.json with its graphs, to
measure models that are not shipped.
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
from loss_table import SPLIT, VARIANTS, summary, table
from measured_lead import lead_figures, measured_leads, page_db, page_shares
from numpy.typing import NDArray
from perfect import perfect_traces
from truth_on_mesh import CurveOnMesh, MeshMissesRows, curves_on_mesh, layout_on_mesh, true_mesh

from ecgdigit_engine.backends.onnxruntime import OnnxRuntimeRunner
from ecgdigit_engine.runner import Runner
from ecgdigit_export.synth.truth import PageTruth, load_truth
from ecgdigit_rt import PageRef
from ecgdigit_rt.bench.provenance import write_result
from ecgdigit_rt.decode.decode_page import rgb_from_file
from ecgdigit_rt.errors import PageError
from ecgdigit_rt.geometry.grid_stage import grid_phase
from ecgdigit_rt.geometry.locate_stage import locate
from ecgdigit_rt.geometry.mesh import Mesh
from ecgdigit_rt.models import STAGES, ModelFamily, load_models
from ecgdigit_rt.pipeline import PagePipeline, page_mesh
from ecgdigit_rt.results import Layout, Lead
from ecgdigit_rt.tracing.assemble import longest, segments_from_traces
from ecgdigit_rt.tracing.beat_prior import apply_beat_prior
from ecgdigit_rt.tracing.row_traces import page_traces, predict_rows
from ecgdigit_rt.tracing.strip_inference import strip_predictor

T = TypeVar("T")
Image = NDArray[np.uint8]
Leads = Mapping[str, Lead]


class TurnedWrongly(ValueError):
    """The picture was not turned back to how it was drawn, so nothing can be mapped."""


@dataclass(frozen=True, slots=True)
class Mapped:
    """The networks' mesh of a page, in its upright picture, and the truth as it stands on it."""

    image: Image
    mesh: Mesh
    curves: list[CurveOnMesh]
    layout: Layout


def traced_leads(layout: Layout, curves: list[CurveOnMesh], mesh: Mesh) -> Leads:
    """The leads of a perfect trace network."""
    return longest(segments_from_traces(layout, perfect_traces(layout, curves), mesh))


def round_trip(truth: PageTruth, mesh: Mesh) -> Leads:
    """Perfect traces read off `mesh`, in the picture as it was taken, where the true layout has them."""
    return traced_leads(truth.layout, curves_on_mesh(truth, mesh), mesh)


class Stages:
    """One family's networks, to run stage by stage and as the whole pipeline."""

    def __init__(self, family: ModelFamily, threads: int) -> None:
        self._runners: dict[str, Runner] = {
            stage: OnnxRuntimeRunner(family.graphs[stage], threads) for stage in STAGES
        }
        self.reader = PagePipeline(self._runners)

    def mapped(self, image: Image, truth: PageTruth) -> Mapped:
        """Stages 0 and 1. Raises PageError, TurnedWrongly or MeshMissesRows."""
        located = locate(self._runners["locate"], image)
        if located.quarter_turns != truth.quarter_turns:
            raise TurnedWrongly(f"turned by {located.quarter_turns}, not {truth.quarter_turns}")
        mesh = page_mesh(self._runners, located, grid_phase(self._runners["grid"], located))
        curves = curves_on_mesh(truth, mesh, located.quarter_turns)
        return Mapped(located.image, mesh, curves, layout_on_mesh(truth, curves))

    def seen_leads(self, image: Image, mesh: Mesh, layout: Layout) -> Leads:
        """The leads of the trace network where the layout has them."""
        look = strip_predictor(self._runners, image, mesh)
        traces = apply_beat_prior(page_traces(look, predict_rows(look, layout), layout), layout)
        return longest(segments_from_traces(layout, traces, mesh))


def attempted(step: Callable[[], T]) -> tuple[T | None, str]:
    """What the step gives, or None and why the page does not allow it."""
    try:
        return step(), ""
    except (PageError, MeshMissesRows, TurnedWrongly) as error:
        return None, str(error)


def measured_page(stages: Stages, path: Path, truth: PageTruth) -> dict[str, Any]:
    """All variants of one page."""
    image, mesh = rgb_from_file(path), true_mesh(truth)
    mapped, why_unmapped = attempted(lambda: stages.mapped(image, truth))
    page, why_unread = attempted(lambda: stages.reader.read(image, PageRef(path)))
    leads: dict[str, Leads] = {
        "round_trip": round_trip(truth, mesh),
        "true_mesh": stages.seen_leads(image, mesh, truth.layout),
    }
    if mapped:
        leads["true_trace"] = traced_leads(mapped.layout, mapped.curves, mapped.mesh)
        leads["true_layout"] = stages.seen_leads(mapped.image, mapped.mesh, mapped.layout)
    if page:
        leads["all"] = page.leads
    measured = {variant: measured_leads(truth, leads.get(variant, {})) for variant in VARIANTS}
    why = {"true_trace": why_unmapped, "true_layout": why_unmapped, "all": why_unread}
    return {
        "page": path.stem,
        "kind": truth.kind,
        "failed": {variant: reason for variant, reason in why.items() if reason},
        "db": {variant: round(page_db(measured[variant]), 2) for variant in VARIANTS},
        "reading": reading(truth, page.layout, mapped) if page else {},
        "causes": {
            variant: {cause: round(share, 3) for cause, share in page_shares(measured[variant]).items()}
            for variant in SPLIT
        },
        "leads": {variant: lead_figures(measured[variant]) for variant in SPLIT},
    }


def reading(truth: PageTruth, layout: Layout, mapped: Mapped | None) -> dict[str, Any]:
    """What the pipeline read of the page: right or wrong, and by how many mm its extent is off."""
    true = truth.layout
    out: dict[str, Any] = {
        "layout": layout.name == true.name,
        "speed": layout.speed_mm_s == true.speed_mm_s,
        "gain": layout.gain_mm_mv == true.gain_mm_mv,
    }
    if mapped:
        rows, found = mapped.layout.rows, layout.rows[0]
        out["start_miss_mm"] = round(found.start_mm - median(row.start_mm for row in rows), 3)
        out["end_miss_mm"] = round(found.end_mm - median(row.end_mm for row in rows), 3)
    return out


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pages", type=Path)
    parser.add_argument("result", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--limit", type=int, help="so many pages at most, spread over the folder")
    parser.add_argument(
        "--models", type=Path, help="a folder with manifest.json; the shipped ones without it"
    )
    return parser.parse_args()


def main() -> None:
    """Parse, measure, write."""
    given = arguments()
    paths = sorted(path for path in given.pages.glob("*.jpg") if path.with_suffix(".npz").is_file())
    if not paths:
        raise SystemExit(f"no NAME.jpg with NAME.npz in {given.pages}")
    if given.limit:
        paths = paths[:: math.ceil(len(paths) / given.limit)]
    family = load_models(given.models.name, given.models.parent) if given.models else load_models()
    stages = Stages(family, given.threads)
    pages = []
    for path in paths:
        pages.append(measured_page(stages, path, load_truth(path.with_suffix(".npz"))))
        sys.stderr.write(f"{path.stem:26}" + "".join(f"{db:15.1f}" for db in pages[-1]["db"].values()) + "\n")
    by_kind = summary(pages)
    figures = {"kinds": by_kind, "pages": pages}
    write_result(given.result, "loss_by_stage", given.threads, figures, f"{family.name} {family.version}")
    sys.stdout.write(table(by_kind))


if __name__ == "__main__":
    main()
