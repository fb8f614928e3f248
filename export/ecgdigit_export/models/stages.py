"""Networks of the three stages. Each consists of a body (a U-Net) and a head.

Families differ in the bodies. The experimental families also have another trace network (`alternatives`). The
inputs of a network are uint8 NHWC RGB images whose sides are multiples of 32. A network computes in the type
of its weights. The outputs are FP32, because sums and exponentials over the height of a strip require this
precision.

The attribute names of the modules are keys of the stored weights and names in the exported graphs.
"""

from __future__ import annotations

from typing import Protocol, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from ecgdigit_export.models.unet import planes_from_bytes
from ecgdigit_rt.stages import HEATMAPS


class Body(Protocol):
    """Protocol of networks that convert planes to features.

    The finest features have `width` channels, and the deepest features have `deep_width` channels.
    """

    width: int
    deep_width: int

    def __call__(self, x: Tensor, /) -> tuple[Tensor, Tensor]:
        """Return the finest and the deepest features."""
        ...


class Locate(nn.Module):
    """Network of the locate stage: heatmaps of the sheet, baselines and marks, and rotation of the image.

    The outputs are:

    - `heatmaps` (batch, len(HEATMAPS), height/4, width/4), probabilities in the order of
      `ecgdigit_rt.stages.HEATMAPS`;
    - `turns` (batch, 4), the probabilities of a clockwise rotation by 0, 90, 180 and 270 degrees.
    """

    def __init__(self, body: Body) -> None:
        super().__init__()
        self.body = body
        self.heat = nn.Conv2d(body.width, len(HEATMAPS), 1)
        self.turn = nn.Sequential(nn.Linear(body.deep_width, 64), nn.ReLU(), nn.Linear(64, 4))
        nn.init.constant_(cast("Tensor", self.heat.bias), -4.0)

    def logits(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits of the heatmaps and of the rotation."""
        features, deep = self.body(planes_from_bytes(pixels, self.heat.weight.dtype))
        return self.heat(features).float(), self.turn(deep.mean((2, 3))).float()

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Return `heatmaps` and `turns`."""
        heat, turn = self.logits(pixels)
        return heat.sigmoid(), turn.softmax(1)


class Grid(nn.Module):
    """Network of the grid stage: phase of the 5 mm grid, `phase` (batch, 4, height/4, width/4).

    The channels are cos and sin of 2πu/5 mm, then cos and sin of 2πv/5 mm. The network is trained with the
    squared error. The length of the vector of each pair is therefore its confidence, which is near 0 if no
    grid is visible.
    """

    def __init__(self, body: Body) -> None:
        super().__init__()
        self.body = body
        self.head = nn.Conv2d(body.width, 4, 1)

    def forward(self, pixels: Tensor) -> Tensor:
        """Return `phase`."""
        features, _ = self.body(planes_from_bytes(pixels, self.head.weight.dtype))
        return cast("Tensor", self.head(features).float())


class Trace(nn.Module):
    """Network of the trace stage: height of a row's trace in each output column.

    The inputs are strips (batch, height, width, 3) with 8 px/mm in height and 10 px/mm along time. The
    outputs are `height_logits` (batch, height/2, 2·width), for a softmax over the height, and
    `presence_logits` (batch, 2·width). An additional input channel contains the vertical distance from the
    centre of the strip, so that the network can separate rows that cross.
    """

    def __init__(self, body: Body) -> None:
        super().__init__()
        self.body = body
        self.head = nn.Conv2d(body.width, 8, 3, padding=1)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Return `height_logits` and `presence_logits`."""
        planes = planes_from_bytes(pixels, self.head.weight.dtype)
        height = planes.shape[2]
        rows = torch.arange(height, device=planes.device, dtype=torch.float32)
        offset = (((rows + 0.5) - 0.5 * height) / 160.0).to(planes.dtype)
        centre = offset.view(1, 1, -1, 1).expand(planes.shape[0], 1, height, planes.shape[3])
        features, _ = self.body(torch.cat([planes, centre], 1))
        maps = self.head(features).float()
        heights = _interleave_columns(maps[:, :4])
        presence_maps = _interleave_columns(maps[:, 4:])
        presence = (functional.softmax(heights, 1) * presence_maps).sum(1)
        return heights, presence


def _interleave_columns(maps: Tensor) -> Tensor:
    """Reshape (batch, 4, height, width) to (batch, height, 4·width).

    Channel k of column j becomes column 4·j + k.
    """
    batch, _, height, width = maps.shape
    return maps.permute(0, 2, 3, 1).reshape(batch, height, 4 * width)
