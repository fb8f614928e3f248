"""A family's trained weights → graphs in every precision, each proven, with their manifest."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_export.int8_graph import calibration_pictures, quantised_graph
from ecgdigit_export.onnx_graph import (
    ATTRIBUTION,
    PRECISIONS,
    Proof,
    folded,
    graph_from_model,
    prove,
    trained,
)
from ecgdigit_export.page_proof import page_proof
from ecgdigit_export.sampler_graph import sampler_graph
from ecgdigit_rt.models import STAGES, graph_file
from ecgdigit_rt.stages import SAMPLER

Graphs = dict[str, dict[str, bytes]]
"""Precision → stage → ONNX."""


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """weights: folder with STAGE.pt. pages: what `synth` wrote, for the proofs. calibration: other such
    pages, for INT8; without them there is none."""

    weights: Path
    out: Path
    version: str
    family: str = "lite"
    pages: Path | None = None
    calibration: Path | None = None


def export_family(order: ExportRequest) -> dict[str, Any]:
    """Write OUT/STAGE.onnx (FP32), STAGE.fp16.onnx and STAGE.int8.onnx with OUT/manifest.json; its content.

    Nothing is written before all is proven. Raises ValueError where a graph is too far from PyTorch or a
    precision loses too much on pages, and FileNotFoundError for what is missing.
    """
    graphs: Graphs = {precision: {} for precision in PRECISIONS}
    stages: dict[str, Any] = {}
    pictures = _pictures_for_proof(order.pages)
    for stage in STAGES:
        metadata, parameters, proofs = _exported(order, stage, graphs, pictures)
        stages[stage] = {"parameters": parameters, **metadata, "graphs": proofs}
    if order.calibration is not None:
        met = calibration_pictures(graphs["fp32"], order.calibration)
        graphs["int8"] = {stage: quantised_graph(graphs["fp32"][stage], met[stage]) for stage in STAGES}
    manifest: dict[str, Any] = {
        "family": order.family,
        "version": order.version,
        "attribution": ATTRIBUTION,
        "on_pages": None if order.pages is None else page_proof(graphs, order.pages),
        "stages": stages,
    }
    order.out.mkdir(parents=True, exist_ok=True)
    sampler = sampler_graph({"family": order.family, "version": order.version})
    (order.out / graph_file(SAMPLER, "fp32")).write_bytes(sampler)
    manifest[SAMPLER] = {
        "file": graph_file(SAMPLER, "fp32"),
        "sha256": hashlib.sha256(sampler).hexdigest(),
    }
    for precision, by_stage in graphs.items():
        for stage, graph in by_stage.items():
            name = graph_file(stage, precision)
            (order.out / name).write_bytes(graph)
            papers = {"file": name, "sha256": hashlib.sha256(graph).hexdigest()}
            stages[stage]["graphs"][precision] = papers | stages[stage]["graphs"].get(precision, {})
    (order.out / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
    return manifest


def _exported(
    order: ExportRequest, stage: str, graphs: Graphs, pictures: list[NDArray[np.uint8]]
) -> tuple[dict[str, str], int, dict[str, dict[str, Any]]]:
    """Put a stage's graphs into `graphs`; its metadata, its count of parameters, its proofs by precision."""
    source = order.weights / f"{stage}.pt"
    model, training = trained(order.family, stage, source)
    model = folded(model)
    metadata = {
        "family": order.family,
        "version": order.version,
        "weights_sha256": hashlib.sha256(source.read_bytes()).hexdigest(),
        "training_steps": training["steps"],
        "attribution": ATTRIBUTION,
    }
    cut = [picture[:320] if stage == "trace" else picture for picture in pictures]
    proofs: dict[str, dict[str, Any]] = {}
    for precision in PRECISIONS:
        graph = graphs[precision][stage] = graph_from_model(stage, model, metadata, precision)
        proof: Proof = prove(stage, model, graph, cut, precision)
        proofs[precision] = {"proof": asdict(proof)}
    return metadata, sum(p.numel() for p in model.parameters()), proofs


def _pictures_for_proof(folder: Path | None) -> list[NDArray[np.uint8]]:
    """Real inputs: a corner of each of the folder's first pages, 512 × 640."""
    files = [] if folder is None else sorted(f for f in folder.iterdir() if f.suffix in (".png", ".jpg"))[:4]
    images = [cv2.imread(str(path)) for path in files]
    return [
        np.ascontiguousarray(image[-512:, :640, ::-1], np.uint8)
        for image in images
        if image is not None and min(image.shape[:2]) >= 640
    ]
