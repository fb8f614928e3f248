"""Sampler: a PyTorch module that samples strips in device memory, and its export to ONNX.

The image is uploaded once. The sampler writes the strips to device memory, where the trace stage reads them.
For a strip of 320 × 2752 px, about four thousand positions are uploaded instead of 2.6 million values.
"""

from __future__ import annotations

import io
import json

import onnx
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.onnx.operators import shape_as_tensor

from ecgdigit_engine.spec import Axis
from ecgdigit_export.onnx_graph import STAGE_PORTS
from ecgdigit_rt.stages import PLACES_STEP, SAMPLER

# First version of GridSample whose mode is named `cubic`. Its coefficients are those of cv2.INTER_CUBIC.
OPSET = 20
_IMAGE = (160, 1700, 4096), (160, 2200, 4096)
"""Minimum, tuned (see `Axis`) and maximum height and width of the image in pixels. Hand-picked, not tuned.

The strips of an image outside these limits are sampled on the host.
"""


class Sampler(nn.Module):
    """Module without weights that samples strips at positions in an image.

    The inputs are:

    - `image`, uint8 (1, height, width, 3). The centres of its pixels have integer coordinates.
    - `places`, float32 (batch, 2, down, along): image positions, x and y, of the centres of cells of
      PLACES_STEP × PLACES_STEP strip pixels, with one additional cell on every side.

    Positions between the centres are interpolated bilinearly. For paper that bends over a distance of
    centimetres, this adds an error of about 0.01 px.

    The output `pixels`, uint8 (batch, height, width, 3), contains the strips. They approximate those of
    `ecgdigit_rt.geometry.strips.strip_from_image`, if the caller has downscaled the image by
    `downscale_factor`. tests/models/test_sampler.py limits the mean difference to 0.6 grey levels.
    """

    def forward(self, image: Tensor, places: Tensor) -> Tensor:
        """Return `pixels`. The grids of all strips are stacked, so that `image` is not repeated."""
        count = places.shape[0]
        fine = functional.interpolate(places, scale_factor=float(PLACES_STEP), mode="bilinear")
        fine = fine[:, :, PLACES_STEP:-PLACES_STEP, PLACES_STEP:-PLACES_STEP]
        height, width = fine.shape[2], fine.shape[3]
        shape = shape_as_tensor(image)  # a tensor, because a Python number would become a constant
        size = torch.stack([shape[2], shape[1]]).float().view(1, 2, 1, 1)
        grid = ((2 * fine + 1) / size - 1).permute(0, 2, 3, 1).reshape(1, count * height, width, 2)
        planes = image.float().permute(0, 3, 1, 2)
        sampled = functional.grid_sample(planes, grid, "bicubic", "border", align_corners=False)
        strips = sampled.round().clamp(0, 255).reshape(3, count, height, width)
        return strips.permute(1, 2, 3, 0).to(torch.uint8)


def _places_axis(axis: Axis) -> tuple[int, ...]:
    """Return the minimum, tuned and maximum size, and the step, of the axis of `places` for a strip axis."""
    return (*(size // PLACES_STEP + 2 for size in (axis.low, axis.tuned, axis.high)), 1)


def sampler_graph(metadata: dict[str, str]) -> bytes:
    """Return the ONNX file of the sampler, which computes in FP32 for all precisions of the networks."""
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
    batch, height, width = STAGE_PORTS["trace"].axes
    axes = {
        "batch": (batch.low, batch.tuned, batch.high, 1),
        "image_height": (*_IMAGE[0], 1),
        "image_width": (*_IMAGE[1], 1),
        "places_down": _places_axis(height),
        "places_along": _places_axis(width),
    }
    graph = onnx.load_from_string(buffer.getvalue())
    properties = {"stage": SAMPLER, "precision": "fp32", "axes": json.dumps(axes), **metadata}
    onnx.helper.set_model_props(graph, properties)
    onnx.checker.check_model(graph, full_check=True)
    return bytes(graph.SerializeToString())
