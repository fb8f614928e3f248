"""Strips sampled by a graph, for devices whose memory is not the host's.

A picture goes up once, and the strips never come down: what this gives is what stage 2 takes. A strip of
320 × 2752 px is told by some four thousand places instead of two million.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.onnx.operators import shape_as_tensor

from ecgdigit_rt.stages import PLACES_STEP


class Sampler(nn.Module):
    """`image` uint8 (1, height, width, 3) and `places` float32 (batch, 2, down, along) give `pixels`.

    places: x and y in the image (the centre of pixel i at i) of the strips' cells of PLACES_STEP ×
    PLACES_STEP pixels, at the cells' centres, with one cell more on every side. Between them places are
    linear, which on paper bent over centimetres is exact to a hundredth of a pixel. pixels: uint8 (batch,
    height, width, 3), as `ecgdigit_rt.geometry.strips.strip_from_image` samples them.
    """

    def forward(self, image: Tensor, places: Tensor) -> Tensor:
        """All strips are one tall picture to the sampler, so that the image is there once for all."""
        count = places.shape[0]
        fine = functional.interpolate(places, scale_factor=float(PLACES_STEP), mode="bilinear")
        fine = fine[:, :, PLACES_STEP:-PLACES_STEP, PLACES_STEP:-PLACES_STEP]
        height, width = fine.shape[2], fine.shape[3]
        shape = shape_as_tensor(image)  # stays a value of the graph, where a number would be the example's
        size = torch.stack([shape[2], shape[1]]).float().view(1, 2, 1, 1)
        grid = ((2 * fine + 1) / size - 1).permute(0, 2, 3, 1).reshape(1, count * height, width, 2)
        planes = image.float().permute(0, 3, 1, 2)
        seen = functional.grid_sample(planes, grid, "bicubic", "border", align_corners=False)
        strips = seen.round().clamp(0, 255).reshape(3, count, height, width)
        return strips.permute(1, 2, 3, 0).to(torch.uint8)
