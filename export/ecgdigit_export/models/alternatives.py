"""Other ways to a curve, kept as experiments: what they lose against `Trace` stands in docs/alternatives.md.

Both satisfy what stage 2 gives, so that everything around them stays as it is: the height they regress
becomes a Laplace distribution over the bins, as wide as they say they are unsure.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ecgdigit_export.models.resnet import coordinates
from ecgdigit_export.models.stages import Body
from ecgdigit_export.models.unet import planes_from_bytes

_COLUMNS = 8  # output columns per column of features at stride 4
_HIDDEN = 96


class Regressed(NamedTuple):
    """By output column, (batch, columns) each.

    height: of the curve in bins from the strip's top. log_scale: logarithm of the Laplace distribution's
    scale in bins. presence: logit of the share that the curve covers.
    """

    height: Tensor
    log_scale: Tensor
    presence: Tensor


class Seen(NamedTuple):
    """What the multi-task network says beside: `mask` (batch, rows / 4, columns / 4), logits of the row's
    curve; `starts` (batch, columns / 4), logits of a lead's begin."""

    regressed: Regressed
    mask: Tensor
    starts: Tensor


def _laplace(said: Regressed, bins: int) -> Tensor:
    """Log probabilities up to a constant, (batch, bins, columns)."""
    centres = torch.arange(bins, device=said.height.device, dtype=torch.float32) + 0.5
    return -(centres.view(1, -1, 1) - said.height[:, None]).abs() / said.log_scale.exp()[:, None]


class _Heights(nn.Module):
    """Column features (batch, channels, columns / 8) → `Regressed`, in bins around the strip's middle."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.out = nn.Conv1d(channels, 3 * _COLUMNS, 1)

    def forward(self, columns: Tensor, bins: int) -> Regressed:
        batch, _, count = columns.shape
        maps = self.out(columns).float().view(batch, 3, _COLUMNS, count)
        fine = maps.permute(0, 1, 3, 2).reshape(batch, 3, count * _COLUMNS)
        height = 0.5 * bins + 40 * fine[:, 0]
        return Regressed(height, fine[:, 1].clamp(-2, 4), fine[:, 2])


def _pooled(features: Tensor) -> Tensor:
    """A picture's columns: the mean and the largest of every channel over the height, and where that is.

    (batch, channels, height, width) → (batch, 3 · channels, width)
    """
    down = coordinates(features)[:, 1:]
    weight = features.softmax(2)
    return torch.cat([features.mean(2), features.amax(2), (weight * down).sum(2)], 1)


def _with_centre(pixels: Tensor, dtype: torch.dtype) -> Tensor:
    """Planes with the distance from the strip's centre, as `Trace` sees them."""
    planes = planes_from_bytes(pixels, dtype)
    return torch.cat([planes, coordinates(planes)[:, 1:] * (planes.shape[2] / 320.0)], 1)


class Direct(nn.Module):
    """Direct 1-D regression: features pooled over the height, convolutions along time, heights by column."""

    def __init__(self, body: Body) -> None:
        super().__init__()
        self.body = body
        layers: list[nn.Module] = [nn.Conv1d(3 * body.width, _HIDDEN, 1), nn.ReLU()]
        for dilation in (1, 2, 4, 1):
            layers += [nn.Conv1d(_HIDDEN, _HIDDEN, 3, padding=dilation, dilation=dilation), nn.ReLU()]
        self.along = nn.Sequential(*layers)
        self.heights = _Heights(_HIDDEN)

    def regress(self, pixels: Tensor) -> Regressed:
        features, _ = self.body(_with_centre(pixels, self.heights.out.weight.dtype))
        said: Regressed = self.heights(self.along(_pooled(features)), pixels.shape[1] // 2)
        return said

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        said = self.regress(pixels)
        return _laplace(said, pixels.shape[1] // 2), said.presence


class MultiTask(nn.Module):
    """One body for three tasks: the curve's mask, where leads begin, and a recurrent regression of heights.

    The LSTM runs along the strip in both directions over the pooled features, weighed by the mask.
    """

    def __init__(self, body: Body) -> None:
        super().__init__()
        self.body = body
        self.mask = nn.Conv2d(body.width, 1, 1)
        self.starts = nn.Conv1d(3 * body.width, 1, 3, padding=1)
        self.along = nn.LSTM(3 * body.width, _HIDDEN, batch_first=True, bidirectional=True)
        self.heights = _Heights(2 * _HIDDEN)

    def see(self, pixels: Tensor) -> Seen:
        features, _ = self.body(_with_centre(pixels, self.mask.weight.dtype))
        mask = self.mask(features)
        columns = _pooled(features * (0.2 + mask.sigmoid()))
        along, _ = self.along(columns.transpose(1, 2))
        said = self.heights(along.transpose(1, 2), pixels.shape[1] // 2)
        return Seen(said, mask[:, 0].float(), self.starts(columns)[:, 0].float())

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        said = self.see(pixels).regressed
        return _laplace(said, pixels.shape[1] // 2), said.presence
