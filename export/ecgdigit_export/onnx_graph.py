"""Trained weights → ONNX graphs with their papers: names, dynamic axes, metadata, and the proof."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ecgdigit_engine.onnxruntime_runner import OnnxRuntimeRunner
from ecgdigit_export.models.families import stage_network
from ecgdigit_rt.models import STAGES

OPSET = 18
ATTRIBUTION = (
    "Trained on synthetic pages drawn from recordings of PTB-XL (Wagner et al., 2020; PhysioNet), CC BY 4.0."
)
TOLERANCE = 2e-3
"""Largest difference allowed between PyTorch and ONNX Runtime, relative to the output's largest value.

Both sum the same float32 products in another order; through some twenty layers that leaves 1e-4 or so.
"""


@dataclass(frozen=True, slots=True)
class Ports:
    """Output names and the axes that stay dynamic, by stage."""

    outputs: tuple[str, ...]
    dynamic: dict[str, dict[int, str]]


_PAGE = {0: "batch", 1: "height", 2: "width"}
_MAP = {0: "batch", 2: "rows", 3: "columns"}
PORTS = {
    "locate": Ports(("heatmaps", "turns"), {"pixels": _PAGE, "heatmaps": _MAP, "turns": {0: "batch"}}),
    "grid": Ports(("phase",), {"pixels": _PAGE, "phase": _MAP}),
    "trace": Ports(
        ("height_logits", "presence_logits"),
        {
            "pixels": _PAGE,
            "height_logits": {0: "batch", 1: "bins", 2: "columns"},
            "presence_logits": {0: "batch", 1: "columns"},
        },
    ),
}


def folded(model: nn.Module) -> nn.Module:
    """Fold every batch norm into the convolution before it, in place. The model must be in eval mode."""
    for child in model.children():
        if isinstance(child, nn.Sequential):
            for i in range(len(child) - 1):
                conv, norm = child[i], child[i + 1]
                if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                    child[i], child[i + 1] = fuse_conv_bn_eval(conv, norm), nn.Identity()
        folded(child)
    return model


def trained(family: str, stage: str, weights: Path) -> tuple[nn.Module, dict[str, str]]:
    """The stage's model in eval mode with `weights` (as training wrote them), and how it was trained."""
    state = torch.load(weights, map_location="cpu", weights_only=True)
    model = stage_network(family, stage)
    model.load_state_dict(state["weights"])
    return model.eval(), {"steps": str(state["step"]), **state["options"]}


def graph_from_model(stage: str, model: nn.Module, metadata: dict[str, str]) -> bytes:
    """The stage as ONNX bytes: uint8 NHWC in, float32 out, batch, height and width dynamic."""
    ports = PORTS[stage]
    example = torch.zeros((1, 320, 512, 3), dtype=torch.uint8)
    buffer = io.BytesIO()
    torch.onnx.export(
        model,
        (example,),
        buffer,  # type: ignore[arg-type]
        input_names=["pixels"],
        output_names=list(ports.outputs),
        dynamic_axes=ports.dynamic,
        opset_version=OPSET,
        dynamo=False,
    )
    graph = onnx.load_from_string(buffer.getvalue())
    onnx.helper.set_model_props(graph, {"stage": stage, **metadata})
    onnx.checker.check_model(graph, full_check=True)
    return bytes(graph.SerializeToString())


@dataclass(frozen=True, slots=True)
class Proof:
    """How far ONNX Runtime is from PyTorch: largest difference relative to the largest value."""

    stage: str
    worst: float
    cases: int


def prove(stage: str, model: nn.Module, graph: bytes, pictures: list[NDArray[np.uint8]]) -> Proof:
    """Run both on random bytes of several shapes and on `pictures` (height, width, 3), sides of 32.

    Raises ValueError when they differ by more than `TOLERANCE`.
    """
    rng = np.random.default_rng(0)
    shapes = (
        ((1, 320, 256, 3), (2, 320, 512, 3)) if stage == "trace" else ((1, 256, 320, 3), (2, 192, 128, 3))
    )
    cases = [rng.integers(0, 256, shape, dtype=np.uint8) for shape in shapes]
    cases += [picture[None] for picture in pictures]
    runner = OnnxRuntimeRunner(graph, threads=2)
    worst = 0.0
    for pixels in cases:
        with torch.no_grad():
            expected = model(torch.from_numpy(pixels))
        expected = expected if isinstance(expected, tuple) else (expected,)
        found = runner.run({"pixels": pixels})
        for name, want in zip(PORTS[stage].outputs, expected, strict=True):
            scale = float(want.abs().max()) + 1e-6
            worst = max(worst, float(np.abs(found[name] - want.numpy()).max()) / scale)
    if worst > TOLERANCE:
        raise ValueError(f"{stage}: ONNX Runtime is {worst:.1e} away from PyTorch, {TOLERANCE:.0e} allowed")
    return Proof(stage, worst, len(cases))


def pictures_for_proof(folder: Path | None) -> dict[str, list[NDArray[np.uint8]]]:
    """Real inputs by stage: each of the folder's first pages, cut to 512 × 640 and to a strip's 320 × 640."""
    pictures: dict[str, list[NDArray[np.uint8]]] = {stage: [] for stage in STAGES}
    files = [] if folder is None else sorted(f for f in folder.iterdir() if f.suffix in (".png", ".jpg"))[:4]
    for path in files:
        image = cv2.imread(str(path))
        if image is None or min(image.shape[:2]) < 640:
            continue
        middle = np.ascontiguousarray(image[-512:, :640, ::-1], np.uint8)
        for stage in STAGES:
            pictures[stage].append(np.ascontiguousarray(middle[:320]) if stage == "trace" else middle)
    return pictures


def export_family(
    weights: Path,
    out: Path,
    version: str,
    pictures: dict[str, list[NDArray[np.uint8]]] | None = None,
    family: str = "lite",
) -> list[Proof]:
    """Export WEIGHTS/{locate,grid,trace}.pt to OUT/*.onnx with a manifest; prove each before it is kept."""
    out.mkdir(parents=True, exist_ok=True)
    stages, proofs = {}, []
    for stage in STAGES:
        source = weights / f"{stage}.pt"
        model, training = trained(family, stage, source)
        model = folded(model)
        digest = hashlib.sha256(source.read_bytes()).hexdigest()
        metadata = {
            "version": version,
            "weights_sha256": digest,
            "training_steps": training["steps"],
            "attribution": ATTRIBUTION,
        }
        graph = graph_from_model(stage, model, metadata)
        proofs.append(prove(stage, model, graph, (pictures or {}).get(stage, [])))
        (out / f"{stage}.onnx").write_bytes(graph)
        stages[stage] = {
            "file": f"{stage}.onnx",
            "sha256": hashlib.sha256(graph).hexdigest(),
            "parameters": sum(p.numel() for p in model.parameters()),
            **metadata,
            "proof": asdict(proofs[-1]),
        }
    manifest = {"family": family, "version": version, "attribution": ATTRIBUTION, "stages": stages}
    (out / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
    return proofs
