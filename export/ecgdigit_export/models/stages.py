"""The three stage networks: a body that sees, and a head that says. Bodies make the families.

Every network takes raw uint8 NHWC RGB whose sides are multiples of 32. It computes in the type of its
weights, and what it says is FP32: sums and exponentials over a strip's height need it.
"""

from __future__ import annotations

from typing import Protocol, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from ecgdigit_export.models.unet import planes_from_bytes
from ecgdigit_rt.stages import HEATMAPS


class Body(Protocol):
    """Planes → finest features of `width` channels and deepest ones of `deep_width`, as UNet gives them."""

    width: int
    deep_width: int

    def __call__(self, x: Tensor, /) -> tuple[Tensor, Tensor]: ...


class Locate(nn.Module):
    """Stage 0: what is where on the whole picture.

    Gives `heatmaps` (batch, len(HEATMAPS), height/4, width/4), probabilities in the order of
    `ecgdigit_rt.stages.HEATMAPS`, and `turns` (batch, 4), the probability that the picture was turned
    clockwise by 0, 90, 180, 270 degrees.
    """

    def __init__(self, body: Body) -> None:
        super().__init__()
        self.body = body
        self.heat = nn.Conv2d(body.width, len(HEATMAPS), 1)
        self.turn = nn.Sequential(nn.Linear(body.deep_width, 64), nn.ReLU(), nn.Linear(64, 4))
        nn.init.constant_(cast("Tensor", self.heat.bias), -4.0)

    def logits(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        features, deep = self.body(planes_from_bytes(pixels, self.heat.weight.dtype))
        return self.heat(features).float(), self.turn(deep.mean((2, 3))).float()

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        heat, turn = self.logits(pixels)
        return heat.sigmoid(), turn.softmax(1)


class Grid(nn.Module):
    """Stage 1: the phase of the 5 mm grid, `phase` (batch, 4, height/4, width/4).

    Channels are cos and sin of 2πu/5 mm, then cos and sin of 2πv/5 mm, each pair shrunk towards zero
    where the grid cannot be told: trained with squared error, its length is its confidence.
    """

    def __init__(self, body: Body) -> None:
        super().__init__()
        self.body = body
        self.head = nn.Conv2d(body.width, 4, 1)

    def forward(self, pixels: Tensor) -> Tensor:
        features, _ = self.body(planes_from_bytes(pixels, self.head.weight.dtype))
        return cast("Tensor", self.head(features).float())


class Trace(nn.Module):
    """Stage 2: the height of a row's trace in every output column.

    Strips (batch, height, width, 3) at 8 px/mm by 10 px/mm give `height_logits` (batch, height/2,
    2·width), to be read as a softmax over height, and `presence_logits` (batch, 2·width). A channel
    with the distance from the strip's centre tells rows that cross apart.
    """

    def __init__(self, body: Body) -> None:
        super().__init__()
        self.body = body
        self.head = nn.Conv2d(body.width, 8, 3, padding=1)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        return self.seen_in(planes_from_bytes(pixels, self.head.weight.dtype))

    def seen_in(self, planes: Tensor) -> tuple[Tensor, Tensor]:
        """What `forward` gives, of (batch, 3, height, width) in the network's own scale."""
        height = planes.shape[2]
        rows = torch.arange(height, device=planes.device, dtype=torch.float32)
        offset = (((rows + 0.5) - 0.5 * height) / 160.0).to(planes.dtype)
        centre = offset.view(1, 1, -1, 1).expand(planes.shape[0], 1, height, planes.shape[3])
        features, _ = self.body(torch.cat([planes, centre], 1))
        maps = self.head(features).float()
        heights = _widened(maps[:, :4])
        seen = _widened(maps[:, 4:])
        presence = (functional.softmax(heights, 1) * seen).sum(1)
        return heights, presence


def _widened(maps: Tensor) -> Tensor:
    """(batch, 4, height, width) → (batch, height, 4·width): each channel is one of four columns."""
    batch, _, height, width = maps.shape
    return maps.permute(0, 2, 3, 1).reshape(batch, height, 4 * width)
