"""Stage 2 with its eyes on the picture itself: the strips are sampled in the graph.

For devices whose memory is not the host's: a picture goes up once, and heights come back. A strip of
320 × 2752 px is told by some four thousand places instead of two million.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.onnx.operators import shape_as_tensor

from ecgdigit_export.models.stages import Trace
from ecgdigit_export.models.unet import centred
from ecgdigit_rt.stages import PLACES_STEP


class SampledTrace(nn.Module):
    """Takes `image` uint8 (1, height, width, 3), and `places` float32 (rows, 2, down, along).

    places: x and y in the image (centre of pixel i at i) of the strips' cells of PLACES_STEP × PLACES_STEP
    pixels, at the cells' centres, with one cell more on every side. Between them places are linear, which
    on paper bent over centimetres is exact to a thousandth of a pixel. Gives what `Trace` gives, a row of
    the page being a picture of the batch.
    """

    def __init__(self, trace: Trace) -> None:
        super().__init__()
        self.trace = trace

    def forward(self, image: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
        strips = strips_from_places(image, places).to(self.trace.head.weight.dtype)
        return self.trace.seen_in(centred(strips))


def strips_from_places(image: Tensor, places: Tensor) -> Tensor:
    """(rows, 3, height, width) float32, 0 to 255, rounded as the host's bytes are.

    All rows are one tall picture to the sampler, so that the image is there once for all.
    """
    rows = places.shape[0]
    fine = functional.interpolate(places, scale_factor=float(PLACES_STEP), mode="bilinear")
    fine = fine[:, :, PLACES_STEP:-PLACES_STEP, PLACES_STEP:-PLACES_STEP]
    height, width = fine.shape[2], fine.shape[3]
    shape = shape_as_tensor(image)  # stays a value of the graph, where a number would be the example's
    size = torch.stack([shape[2], shape[1]]).float().view(1, 2, 1, 1)
    grid = ((2 * fine + 1) / size - 1).permute(0, 2, 3, 1).reshape(1, rows * height, width, 2)
    planes = image.float().permute(0, 3, 1, 2)
    seen = functional.grid_sample(planes, grid, "bicubic", "border", align_corners=False)
    return seen.round().clamp(0, 255).reshape(3, rows, height, width).transpose(0, 1)
