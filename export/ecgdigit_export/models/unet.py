"""The one small U-Net that all `lite` stages share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional


class ConvUnit(nn.Sequential):
    """3 × 3 convolution, batch norm, ReLU. The norm is folded into the convolution at export."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        )


class Residual(nn.Module):
    """Two convolutions around a shortcut."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = ConvUnit(channels, channels)
        self.second = nn.Sequential(
            nn.Conv2d(channels, channels, 3, 1, 1, bias=False), nn.BatchNorm2d(channels)
        )
        nn.init.zeros_(cast("Tensor", self.second[1].weight))  # begins as the identity

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(x + self.second(self.first(x)))


class UNet(nn.Module):
    """Encoder and decoder on `channels`, one entry a level; level k has stride 2^(k+1).

    `finest` is the level whose features come out: 0 gives stride 2, 1 gives stride 4. `deep` are the
    coarsest features, for what concerns the whole picture. What comes up is added to what was there,
    and one convolution joins them: against concatenation with two that costs half the time of the whole
    network, most of which is spent on the finest level. `finish` residual blocks follow there.
    """

    def __init__(
        self, inputs: int, channels: Sequence[int], blocks: Sequence[int], finest: int, finish: int = 0
    ) -> None:
        super().__init__()
        self.width, self.deep_width = channels[finest], channels[-1]
        widths = [inputs, *channels]
        self.down = nn.ModuleList(
            nn.Sequential(ConvUnit(a, b, 2), *(Residual(b) for _ in range(n)))
            for a, b, n in zip(widths[:-1], widths[1:], blocks, strict=True)
        )
        levels = range(len(channels) - 1, finest, -1)
        self.lift = nn.ModuleList(nn.Conv2d(channels[k], channels[k - 1], 1) for k in levels)
        self.merge = nn.ModuleList(ConvUnit(channels[k - 1], channels[k - 1]) for k in levels)
        self.finish = nn.Sequential(*(Residual(self.width) for _ in range(finish)))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(batch, inputs, height, width), sides multiples of 2^levels → finest and deepest features."""
        skips: list[Tensor] = []
        for stage in self.down:
            x = stage(x)
            skips.append(x)
        deep = skips.pop()
        x = deep
        for lift, merge in zip(self.lift, self.merge, strict=True):
            raised = functional.interpolate(lift(x), scale_factor=2.0, mode="nearest")
            x = merge(raised + skips.pop())
        return self.finish(x), deep


def planes_from_bytes(pixels: Tensor, dtype: torch.dtype) -> Tensor:
    """uint8 NHWC → NCHW around zero, exact in FP16 too. Cast first: TensorRT transposes no uint8."""
    return centred(pixels.to(dtype).permute(0, 3, 1, 2))


def centred(planes: Tensor) -> Tensor:
    """0 to 255 in the scale that all networks see."""
    return (planes - 128.0) / 64.0
