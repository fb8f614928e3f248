"""Trained weights → ONNX graphs with their papers: names, dynamic axes, metadata, and the proof."""

from __future__ import annotations

import copy
import io
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch.utils.flop_counter import FlopCounterMode

from ecgdigit_engine.backends.onnxruntime import OnnxRuntimeRunner
from ecgdigit_engine.spec import Axis
from ecgdigit_export.models.families import stage_network
from ecgdigit_rt.stages import GRID_SIDE, LOCATE_SIDE, SIDE_STEP

OPSET = 18
ATTRIBUTION = (
    "Trained on synthetic pages drawn from recordings of PTB-XL (Wagner et al., 2020; PhysioNet), CC BY 4.0."
)
PRECISIONS = ("fp32", "fp16")
TOLERANCE = {"fp32": 2e-3, "fp16": 2e-2}
"""Largest difference allowed between a graph in ONNX Runtime and PyTorch in FP32, relative to the output's
largest value, by the graph's precision.

In FP32 both sum the same products in another order; through some twenty layers that leaves 1e-4 or so. In
FP16 every layer rounds to 11 bits, which leaves a hundredth here and there; what that means for the signals
is measured on pages (`page_proof`).
"""


@dataclass(frozen=True, slots=True)
class Ports:
    """Output names, the axes that stay dynamic, and the sizes that the inputs' axes have at run time."""

    outputs: tuple[str, ...]
    dynamic: dict[str, dict[int, str]]
    axes: tuple[Axis, ...]


_PAGE = {0: "batch", 1: "height", 2: "width"}
_MAP = {0: "batch", 2: "rows", 3: "columns"}
PORTS = {
    "locate": Ports(
        ("heatmaps", "turns"),
        {"pixels": _PAGE, "heatmaps": _MAP, "turns": {0: "batch"}},
        (
            Axis("batch", 1, 1, 24),  # pages alone, the patches of a second look together
            Axis("height", SIDE_STEP, 608, LOCATE_SIDE, SIDE_STEP),
            Axis("width", SIDE_STEP, LOCATE_SIDE, LOCATE_SIDE, SIDE_STEP),
        ),
    ),
    "grid": Ports(
        ("phase",),
        {"pixels": _PAGE, "phase": _MAP},
        (
            Axis("batch", 1, 1, 4),
            Axis("height", SIDE_STEP, 1184, GRID_SIDE, SIDE_STEP),
            Axis("width", SIDE_STEP, GRID_SIDE, GRID_SIDE, SIDE_STEP),
        ),
    ),
    "trace": Ports(
        ("height_logits", "presence_logits"),
        {
            "pixels": _PAGE,
            "height_logits": {0: "batch", 1: "bins", 2: "columns"},
            "presence_logits": {0: "batch", 1: "columns"},
        },
        (
            Axis("batch", 1, 4, 8),
            Axis("height", 320, 320, 1280, 320),  # 20, 40 and 80 mm to both sides
            Axis("width", SIDE_STEP, 2752, 5504, SIDE_STEP),  # 250 mm and margins; 500 mm at 50 mm/s
        ),
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


def graph_from_model(stage: str, model: nn.Module, metadata: dict[str, str], precision: str) -> bytes:
    """The stage as ONNX bytes: uint8 NHWC in, float32 out, batch, height and width dynamic.

    precision: fp32 or fp16, of all that is between; the types are in the graph, since TensorRT builds it as
    it is typed.
    """
    ports = PORTS[stage]
    if precision == "fp16":
        model = copy.deepcopy(model).half()
    axes = {axis.name: (axis.low, axis.tuned, axis.high, axis.step) for axis in ports.axes}
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
    papers = {
        "stage": stage,
        "precision": precision,
        "axes": json.dumps(axes),
        "flops_per_pixel": f"{flops_per_pixel(model):.0f}",
        **metadata,
    }
    onnx.helper.set_model_props(graph, papers)
    onnx.checker.check_model(graph, full_check=True)
    return bytes(graph.SerializeToString())


def flops_per_pixel(model: nn.Module) -> float:
    """Floating point operations per pixel of the input, a multiplication and an addition being two.

    Convolutions alone make them, so they grow with the picture. A model in FP16 has as many.
    """
    pixels = torch.zeros((1, 320, 512, 3), dtype=torch.uint8)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(pixels)
    return float(counter.get_total_flops()) / (320 * 512)


@dataclass(frozen=True, slots=True)
class Proof:
    """How far a graph in ONNX Runtime is from PyTorch in FP32: largest difference by the largest value."""

    stage: str
    precision: str
    worst: float
    cases: int


def prove(
    stage: str, model: nn.Module, graph: bytes, pictures: list[NDArray[np.uint8]], precision: str = "fp32"
) -> Proof:
    """Run both on random bytes of several shapes and on `pictures` (height, width, 3), sides of 32.

    model: in FP32, whatever the graph's precision.
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
            worst = float(np.fmax(worst, np.abs(found[name] - want.numpy()).max() / scale))
    allowed = TOLERANCE[precision]
    if not worst <= allowed:  # not a number is no proof either
        raise ValueError(f"{stage}: {precision} is {worst:.1e} away from PyTorch, {allowed:.0e} allowed")
    return Proof(stage, precision, worst, len(cases))
