"""Small U-Net: the body of all stages of `lite`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional


class ConvUnit(nn.Sequential):
    """A 3 × 3 convolution, batch norm and ReLU. The export fuses the norm into the convolution."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        )


class Residual(nn.Module):
    """Two 3 × 3 convolutions and a shortcut."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = ConvUnit(channels, channels)
        self.second = nn.Sequential(
            nn.Conv2d(channels, channels, 3, 1, 1, bias=False), nn.BatchNorm2d(channels)
        )
        nn.init.zeros_(cast("Tensor", self.second[1].weight))  # initially the block is the identity

    def forward(self, x: Tensor) -> Tensor:
        """Return the features, with the same shape as `x`."""
        return functional.relu(x + self.second(self.first(x)))


class UNet(nn.Module):
    """Encoder and decoder with skip connections. Level k has stride 2^(k+1).

    `channels` and `blocks` contain the number of channels and of residual blocks of each level. `finest` is
    the level of the output: 0 for stride 2, 1 for stride 4. `finish` is the number of residual blocks at the
    end. The deepest features are an additional output, for properties of the whole image.

    Skip connections are added and followed by one convolution. Concatenation with two convolutions is
    assumed to double the time of the network, because most of the time is spent on the finest level.
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
        """Return the finest and the deepest features.

        `x` is (batch, inputs, height, width). Its sides are multiples of 2^levels.
        """
        skips: list[Tensor] = []
        for stage in self.down:
            x = stage(x)
            skips.append(x)
        deep = skips.pop()
        x = deep
        for lift, merge in zip(self.lift, self.merge, strict=True):
            upsampled = functional.interpolate(lift(x), scale_factor=2.0, mode="nearest")
            x = merge(upsampled + skips.pop())
        return self.finish(x), deep


def planes_from_bytes(pixels: Tensor, dtype: torch.dtype) -> Tensor:
    """Convert uint8 NHWC images to normalised NCHW planes. The result is exact, also in FP16.

    The images are cast before they are transposed, because TensorRT cannot transpose uint8.
    """
    return normalise(pixels.to(dtype).permute(0, 3, 1, 2))


def normalise(planes: Tensor) -> Tensor:
    """Scale values from 0 to 255 to the range of the networks' inputs, from -2 to almost 2."""
    return (planes - 128.0) / 64.0
