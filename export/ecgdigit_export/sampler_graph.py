"""The sampler → ONNX, with the sizes that stage 2's strips have."""

from __future__ import annotations

import io
import json

import onnx
import torch

from ecgdigit_engine.spec import Axis
from ecgdigit_export.models.sampler import Sampler
from ecgdigit_export.onnx_graph import PORTS
from ecgdigit_rt.stages import PLACES_STEP, SAMPLER

OPSET = 20  # the first whose GridSample has OpenCV's cubic by its present name
_IMAGE = (160, 1700, 4096), (160, 2200, 4096)
"""Height and width of pictures; one with a longer side is reduced before it goes up."""


def _places(axis: Axis) -> tuple[int, ...]:
    return (*(size // PLACES_STEP + 2 for size in (axis.low, axis.tuned, axis.high)), 1)


def sampler_graph(metadata: dict[str, str]) -> bytes:
    """The sampler as ONNX bytes; it has no weights, and its sums are in FP32 in every precision."""
    image = torch.zeros((1, 64, 96, 3), dtype=torch.uint8)
    places = torch.zeros((1, 2, 320 // PLACES_STEP + 2, 6))
    buffer = io.BytesIO()
    torch.onnx.export(
        Sampler().eval(),
        (image, places),
        buffer,  # type: ignore[arg-type]
        input_names=["image", "places"],
        output_names=["pixels"],
        dynamic_axes={
            "image": {1: "image_height", 2: "image_width"},
            "places": {0: "batch", 2: "places_down", 3: "places_along"},
            "pixels": {0: "batch", 1: "height", 2: "width"},
        },
        opset_version=OPSET,
        dynamo=False,
    )
    batch, height, width = PORTS["trace"].axes
    axes = {
        "batch": (batch.low, batch.tuned, batch.high, 1),
        "image_height": (*_IMAGE[0], 1),
        "image_width": (*_IMAGE[1], 1),
        "places_down": _places(height),
        "places_along": _places(width),
    }
    graph = onnx.load_from_string(buffer.getvalue())
    papers = {"stage": SAMPLER, "precision": "fp32", "axes": json.dumps(axes), **metadata}
    onnx.helper.set_model_props(graph, papers)
    onnx.checker.check_model(graph, full_check=True)
    return bytes(graph.SerializeToString())
