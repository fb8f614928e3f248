"""Export of a trained network to an ONNX graph with metadata, and comparison of the graph with PyTorch."""

from __future__ import annotations

import copy
import io
import json
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch.utils.flop_counter import FlopCounterMode

from ecgdigit_engine.backends.onnxruntime import OnnxRuntimeRunner
from ecgdigit_engine.spec import Axis
from ecgdigit_export.models.families import FAMILIES, stage_network
from ecgdigit_rt.errors import UnknownChoice, WeightsUnusable
from ecgdigit_rt.stages import GRID_SIDE, LOCATE_SIDE, SIDE_STEP

OPSET = 18  # version of the ONNX operator set; the networks need no operator of a newer version
ATTRIBUTION = (
    "Trained on synthetic pages drawn from recordings of PTB-XL (Wagner et al., 2020; PhysioNet), CC BY 4.0."
)
PRECISIONS = ("fp32", "fp16")
TOLERANCE = {"fp32": 2e-3, "fp16": 2e-2}
"""Maximum difference between a graph in ONNX Runtime and the network in PyTorch in FP32, by precision.

The difference is relative to the largest absolute value of the output. In FP32, ONNX Runtime and PyTorch sum
the same products in different orders, which causes a difference of about 1e-4 after about 20 layers. In FP16,
every layer rounds to 11 significant bits, which causes a difference of up to about 1e-2. `precision_check`
measures the effect on the signals.
"""


@dataclass(frozen=True, slots=True)
class StagePorts:
    """Ports of a stage: output names, dynamic axes, and sizes of the input axes at run time."""

    outputs: tuple[str, ...]
    dynamic: dict[str, dict[int, str]]
    axes: tuple[Axis, ...]


_PAGE = {0: "batch", 1: "height", 2: "width"}
_MAP = {0: "batch", 2: "rows", 3: "columns"}
STAGE_PORTS = {
    "locate": StagePorts(
        ("heatmaps", "turns"),
        {"pixels": _PAGE, "heatmaps": _MAP, "turns": {0: "batch"}},
        (
            Axis("batch", 1, 1, 24),  # one page, or the close-ups of its text
            Axis("height", SIDE_STEP, 608, LOCATE_SIDE, SIDE_STEP),
            Axis("width", SIDE_STEP, LOCATE_SIDE, LOCATE_SIDE, SIDE_STEP),
        ),
    ),
    "grid": StagePorts(
        ("phase",),
        {"pixels": _PAGE, "phase": _MAP},
        (
            Axis("batch", 1, 1, 4),
            Axis("height", SIDE_STEP, 1184, GRID_SIDE, SIDE_STEP),
            Axis("width", SIDE_STEP, GRID_SIDE, GRID_SIDE, SIDE_STEP),
        ),
    ),
    "trace": StagePorts(
        ("height_logits", "presence_logits"),
        {
            "pixels": _PAGE,
            "height_logits": {0: "batch", 1: "bins", 2: "columns"},
            "presence_logits": {0: "batch", 1: "columns"},
        },
        (
            Axis("batch", 1, 4, 8),
            Axis("height", 320, 320, 1280, 320),  # ±20 to ±80 mm around the baseline
            Axis("width", SIDE_STEP, 2752, 5504, SIDE_STEP),  # 250 mm and margins; 500 mm at 50 mm/s
        ),
    ),
}


def fuse_batchnorm(model: nn.Module) -> nn.Module:
    """Fuse each batch norm into the preceding convolution, in place, and return the model.

    The model must be in eval mode.
    """
    for child in model.children():
        if isinstance(child, nn.Sequential):
            for i in range(len(child) - 1):
                conv, norm = child[i], child[i + 1]
                if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                    child[i], child[i + 1] = fuse_conv_bn_eval(conv, norm), nn.Identity()
        fuse_batchnorm(child)
    return model


def load_trained(family: str, stage: str, weights: Path) -> tuple[nn.Module, dict[str, str]]:
    """Return the network of a stage in eval mode with stored weights, and the settings of its training.

    Raises WeightsUnusable, or UnknownChoice for an unknown family.
    """
    if family not in FAMILIES:
        raise UnknownChoice("model family", family, tuple(FAMILIES))
    model, state = stage_network(family, stage), load_checkpoint(weights)
    try:
        model.load_state_dict(state["weights"])
        return model.eval(), {"steps": str(state["step"]), **state["options"]}
    except (RuntimeError, KeyError, TypeError, AttributeError) as error:
        problem = f"they do not fit the network {family} {stage} ({str(error).splitlines()[0]})"
        raise WeightsUnusable(weights, problem) from error


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Return the content of a file of weights. Raises WeightsUnusable if it is missing or damaged."""
    if not path.is_file():
        raise WeightsUnusable(path, "the file does not exist")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, EOFError, RuntimeError, ValueError, KeyError, UnpicklingError) as error:
        raise WeightsUnusable(path, "the file is damaged, or is not a checkpoint") from error
    if not isinstance(state, dict):
        raise WeightsUnusable(path, "the file is not a checkpoint")
    return state


def graph_from_model(stage: str, model: nn.Module, metadata: dict[str, str], precision: str) -> bytes:
    """Return the ONNX file of a stage.

    The input is uint8 NHWC with dynamic batch size, height and width. The outputs are float32. `precision`
    is fp32 or fp16, the type of the weights and activations. Each precision has its own graph, because
    TensorRT builds strongly typed networks, whose types are those of the graph.
    """
    ports = STAGE_PORTS[stage]
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
    properties = {
        "stage": stage,
        "precision": precision,
        "axes": json.dumps(axes),
        "flops_per_pixel": f"{flops_per_pixel(model):.0f}",
        **metadata,
    }
    onnx.helper.set_model_props(graph, properties)
    onnx.checker.check_model(graph, full_check=True)
    return bytes(graph.SerializeToString())


def flops_per_pixel(model: nn.Module) -> float:
    """Return the number of floating-point operations per input pixel. A multiply-add counts as two.

    Almost all operations are in convolutions, so the number of operations is proportional to the number of
    pixels. The result is the same for all precisions.
    """
    pixels = torch.zeros((1, 320, 512, 3), dtype=torch.uint8)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(pixels)
    return float(counter.get_total_flops()) / (320 * 512)


@dataclass(frozen=True, slots=True)
class ParityResult:
    """Difference between a graph in ONNX Runtime and the network in PyTorch in FP32.

    `worst` is the largest difference over `cases` inputs, relative to the largest absolute value of the
    output.
    """

    stage: str
    precision: str
    worst: float
    cases: int


def check_parity(
    stage: str, model: nn.Module, graph: bytes, images: list[NDArray[np.uint8]], precision: str = "fp32"
) -> ParityResult:
    """Compare a graph with PyTorch on two random inputs and on images, and return the difference.

    `model` is in FP32, whatever the precision of the graph. `images` are (height, width, 3) uint8 with sides
    that are multiples of 32. Raises ValueError if the difference exceeds `TOLERANCE` or is NaN.
    """
    rng = np.random.default_rng(0)
    shapes = (
        ((1, 320, 256, 3), (2, 320, 512, 3)) if stage == "trace" else ((1, 256, 320, 3), (2, 192, 128, 3))
    )
    cases = [rng.integers(0, 256, shape, dtype=np.uint8) for shape in shapes]
    cases += [image[None] for image in images]
    runner = OnnxRuntimeRunner(graph, threads=2)
    worst = 0.0
    for pixels in cases:
        with torch.no_grad():
            expected = model(torch.from_numpy(pixels))
        expected = expected if isinstance(expected, tuple) else (expected,)
        outputs = runner.run({"pixels": pixels})
        for name, reference in zip(STAGE_PORTS[stage].outputs, expected, strict=True):
            scale = float(reference.abs().max()) + 1e-6
            worst = float(np.maximum(worst, np.abs(outputs[name] - reference.numpy()).max() / scale))
    tolerance = TOLERANCE[precision]
    if not worst <= tolerance:  # also true for NaN
        raise ValueError(
            f"{stage}: the {precision} graph differs from PyTorch by {worst:.1e}, more than {tolerance:.0e}"
        )
    return ParityResult(stage, precision, worst, len(cases))
