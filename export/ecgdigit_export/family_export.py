"""Export of a model family: conversion of trained weights to verified graphs in all precisions."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_export.int8_graph import calibration_images, quantise_graph
from ecgdigit_export.onnx_graph import (
    ATTRIBUTION,
    PRECISIONS,
    check_parity,
    fuse_batchnorm,
    graph_from_model,
    load_trained,
)
from ecgdigit_export.precision_check import check_precisions
from ecgdigit_export.sampler_graph import sampler_graph
from ecgdigit_rt.models import STAGES, graph_file
from ecgdigit_rt.stages import SAMPLER

Graphs = dict[str, dict[str, bytes]]
"""Contents of ONNX files by precision and stage."""


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """Options of an export.

    `weights` is a folder that contains STAGE.pt for each stage. `pages` is a folder of pages from `synth`, on
    which the precisions are compared. If it is None, they are not compared. `calibration` is another folder
    of pages, for the calibration of INT8 graphs. If it is None, no INT8 graphs are written.
    """

    weights: Path
    out: Path
    version: str
    family: str = "lite"
    pages: Path | None = None
    calibration: Path | None = None


def export_family(request: ExportRequest) -> dict[str, Any]:
    """Write the graphs of a family and manifest.json, and return the content of the manifest.

    The files of a stage are OUT/STAGE.onnx (FP32), OUT/STAGE.fp16.onnx and OUT/STAGE.int8.onnx. The sampler
    has one file. No file is written before all checks have passed.

    Raises WeightsUnusable, UnknownChoice or TrainingPagesMissing if an input is missing or invalid. Raises
    ValueError if a graph differs too much from PyTorch, or if a precision lowers the score of the pages too
    much.
    """
    for stage in STAGES:  # before the first export, which takes a minute
        load_trained(request.family, stage, request.weights / f"{stage}.pt")
    graphs: Graphs = {precision: {} for precision in PRECISIONS}
    stages: dict[str, Any] = {}
    images = _parity_images(request.pages)
    for stage in STAGES:
        stages[stage] = _export_stage(request, stage, graphs, images)
    if request.calibration is not None:
        inputs = calibration_images(graphs["fp32"], request.calibration)
        graphs["int8"] = {stage: quantise_graph(graphs["fp32"][stage], inputs[stage]) for stage in STAGES}
    manifest: dict[str, Any] = {
        "family": request.family,
        "version": request.version,
        "attribution": ATTRIBUTION,
        "on_pages": None if request.pages is None else check_precisions(graphs, request.pages),
        "stages": stages,
    }
    _write_family(request, graphs, manifest)
    return manifest


def _export_stage(
    request: ExportRequest, stage: str, graphs: Graphs, images: list[NDArray[np.uint8]]
) -> dict[str, Any]:
    """Add the graphs of a stage to `graphs`, and return the stage's manifest entry."""
    source = request.weights / f"{stage}.pt"
    model, training = load_trained(request.family, stage, source)
    model = fuse_batchnorm(model)
    metadata = {
        "family": request.family,
        "version": request.version,
        "weights_sha256": hashlib.sha256(source.read_bytes()).hexdigest(),
        "training_steps": training["steps"],
        "attribution": ATTRIBUTION,
    }
    cropped = [image[:320] if stage == "trace" else image for image in images]
    entries: dict[str, dict[str, Any]] = {}
    for precision in PRECISIONS:
        graph = graphs[precision][stage] = graph_from_model(stage, model, metadata, precision)
        parity = check_parity(stage, model, graph, cropped, precision)
        entries[precision] = {"proof": asdict(parity)}
    parameters = sum(p.numel() for p in model.parameters())
    return {"parameters": parameters, **metadata, "graphs": entries}


def _write_family(request: ExportRequest, graphs: Graphs, manifest: dict[str, Any]) -> None:
    """Write all graphs, add their file names and digests to `manifest`, and write the manifest."""
    request.out.mkdir(parents=True, exist_ok=True)
    sampler = sampler_graph({"family": request.family, "version": request.version})
    manifest[SAMPLER] = _write_graph(request.out, graph_file(SAMPLER, "fp32"), sampler)
    for precision, by_stage in graphs.items():
        for stage, graph in by_stage.items():
            written = _write_graph(request.out, graph_file(stage, precision), graph)
            entries = manifest["stages"][stage]["graphs"]
            entries[precision] = written | entries.get(precision, {})
    (request.out / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")


def _write_graph(folder: Path, name: str, graph: bytes) -> dict[str, Any]:
    """Write a graph, and return its manifest entry."""
    (folder / name).write_bytes(graph)
    return {"file": name, "sha256": hashlib.sha256(graph).hexdigest()}


def _parity_images(folder: Path | None) -> list[NDArray[np.uint8]]:
    """Return the lower left corner, 512 px high and 640 px wide, of each of the first four pages.

    Of these four pages, those with a side of less than 640 px are omitted.
    """
    files = [] if folder is None else sorted(f for f in folder.glob("*") if f.suffix in (".png", ".jpg"))[:4]
    images = [cv2.imread(str(path)) for path in files]
    return [
        np.ascontiguousarray(image[-512:, :640, ::-1], np.uint8)
        for image in images
        if image is not None and min(image.shape[:2]) >= 640
    ]
