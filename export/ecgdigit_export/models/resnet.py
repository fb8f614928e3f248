"""U-Nets with ResNet encoders and coordinate channels in the decoder: the bodies of the `base` family.

The encoders are from He et al., Deep Residual Learning for Image Recognition, 2015. The -D variants are from
He et al., Bag of Tricks for Image Classification with Convolutional Neural Networks, 2018. They have three
small convolutions in the stem, and average pooling before the convolution of a shortcut. The coordinate
channels are from Liu et al., An Intriguing Failing of Convolutional Neural Networks and the CoordConv
Solution, 2018.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from ecgdigit_export.models.unet import ConvUnit

_WIDTHS = (64, 128, 256, 512)
_DECODER_WIDTHS = (32, 64, 128, 256)  # channels at strides 2, 4, 8, 16


class BasicBlock(nn.Module):
    """Two 3 × 3 convolutions and a shortcut. `averaged` selects the shortcut of the -D variants."""

    def __init__(self, inputs: int, outputs: int, stride: int, averaged: bool) -> None:
        super().__init__()
        self.first = ConvUnit(inputs, outputs, stride)
        self.second = nn.Sequential(nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs))
        nn.init.zeros_(cast("Tensor", self.second[1].weight))
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or inputs != outputs:
            pool = [nn.AvgPool2d(stride)] if averaged and stride > 1 else []
            step = 1 if averaged else stride
            self.shortcut = nn.Sequential(
                *pool, nn.Conv2d(inputs, outputs, 1, step, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Return the features."""
        return functional.relu(self.shortcut(x) + self.second(self.first(x)))


class ResNetUNet(nn.Module):
    """U-Net with a ResNet encoder, whose strides are from 2 (the stem) to 32.

    `blocks` contains the number of blocks of each level. `finest` is the level of the output: 0 for stride 2,
    1 for stride 4. `deep_stem` selects the -D variants.
    """

    def __init__(self, inputs: int, blocks: Sequence[int], finest: int, deep_stem: bool) -> None:
        super().__init__()
        self.width, self.deep_width = _DECODER_WIDTHS[finest], _WIDTHS[-1]
        if deep_stem:
            self.stem = nn.Sequential(ConvUnit(inputs, 32, 2), ConvUnit(32, 32), ConvUnit(32, 64))
        else:
            self.stem = nn.Sequential(
                nn.Conv2d(inputs, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(inplace=True)
            )
        self.pool = nn.MaxPool2d(3, 2, 1)
        levels, before = [], 64
        for level, (width, count) in enumerate(zip(_WIDTHS, blocks, strict=True)):
            first = BasicBlock(before, width, 1 if level == 0 else 2, deep_stem)
            levels.append(
                nn.Sequential(first, *(BasicBlock(width, width, 1, deep_stem) for _ in range(count - 1)))
            )
            before = width
        self.levels = nn.ModuleList(levels)
        skips = (64, *_WIDTHS[:-1])  # at strides 2, 4, 8, 16
        self.merge = nn.ModuleList()
        for k in range(3, finest - 1, -1):
            upsampled_width = _DECODER_WIDTHS[k + 1] if k < 3 else _WIDTHS[-1]
            self.merge.append(
                nn.Sequential(
                    ConvUnit(upsampled_width + skips[k] + 2, _DECODER_WIDTHS[k]),
                    ConvUnit(_DECODER_WIDTHS[k], _DECODER_WIDTHS[k]),
                )
            )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the finest and the deepest features.

        `x` is (batch, inputs, height, width). Its sides are multiples of 32.
        """
        x = self.stem(x)
        skips = [x]
        x = self.pool(x)
        for level in self.levels:
            x = level(x)
            skips.append(x)
        deep = x = skips.pop()
        for merge in self.merge:
            upsampled = functional.interpolate(x, scale_factor=2.0, mode="nearest")
            skip = skips.pop()
            x = merge(torch.cat([upsampled, skip, coordinates(skip)], 1))
        return x, deep


def coordinates(like: Tensor) -> Tensor:
    """Return the x and y coordinates of each pixel, from -1 to 1, as (batch, 2, height, width)."""
    batch, _, height, width = like.shape
    across = (torch.arange(width, device=like.device, dtype=torch.float32) + 0.5) * 2 / width - 1
    down = (torch.arange(height, device=like.device, dtype=torch.float32) + 0.5) * 2 / height - 1
    return torch.stack(
        [
            across.view(1, 1, -1).expand(batch, height, width),
            down.view(1, -1, 1).expand(batch, height, width),
        ],
        1,
    ).to(like.dtype)
