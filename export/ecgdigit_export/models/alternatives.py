"""Alternative networks of stage 2, for experiments. docs/alternatives.md compares them with `Trace`.

Both have the outputs of stage 2, so that the rest of the pipeline is unchanged: the regressed height is
converted to a Laplace distribution over the bins, with the predicted scale.
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


class HeightRegression(NamedTuple):
    """Regression by output column, each (batch, columns).

    `height` is that of the trace, in bins from the top of the strip. `log_scale` is the logarithm of the
    scale of the Laplace distribution in bins. `presence` is the logit of the share of the column that the
    trace covers.
    """

    height: Tensor
    log_scale: Tensor
    presence: Tensor


class MultiTaskOutput(NamedTuple):
    """Outputs of the multi-task network.

    `mask` (batch, rows / 4, columns / 4) are logits of the row's trace, `starts` (batch, columns / 4) logits
    of the start of a lead.
    """

    regression: HeightRegression
    mask: Tensor
    starts: Tensor


def _laplace_logits(regression: HeightRegression, bins: int) -> Tensor:
    """Return log probabilities up to a constant, (batch, bins, columns)."""
    centres = torch.arange(bins, device=regression.height.device, dtype=torch.float32) + 0.5
    return -(centres.view(1, -1, 1) - regression.height[:, None]).abs() / regression.log_scale.exp()[:, None]


class _Heights(nn.Module):
    """Head from column features (batch, channels, columns / 8) to heights around the middle of the strip."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.out = nn.Conv1d(channels, 3 * _COLUMNS, 1)

    def forward(self, columns: Tensor, bins: int) -> HeightRegression:
        batch, _, count = columns.shape
        maps = self.out(columns).float().view(batch, 3, _COLUMNS, count)
        fine = maps.permute(0, 1, 3, 2).reshape(batch, 3, count * _COLUMNS)
        height = 0.5 * bins + 40 * fine[:, 0]
        return HeightRegression(height, fine[:, 1].clamp(-2, 4), fine[:, 2])


def _pool_height(features: Tensor) -> Tensor:
    """Return the mean, the maximum and the soft position of the maximum of each channel over the height.

    `features` is (batch, channels, height, width), the result (batch, 3 · channels, width).
    """
    down = coordinates(features)[:, 1:]
    weight = features.softmax(2)
    return torch.cat([features.mean(2), features.amax(2), (weight * down).sum(2)], 1)


def _planes_with_offset(pixels: Tensor, dtype: torch.dtype) -> Tensor:
    """Return planes with a channel of the distance from the strip's centre, as in `Trace`."""
    planes = planes_from_bytes(pixels, dtype)
    return torch.cat([planes, coordinates(planes)[:, 1:] * (planes.shape[2] / 320.0)], 1)


class Direct(nn.Module):
    """Direct regression of heights: features pooled over the height, then convolutions along time."""

    def __init__(self, body: Body) -> None:
        super().__init__()
        self.body = body
        layers: list[nn.Module] = [nn.Conv1d(3 * body.width, _HIDDEN, 1), nn.ReLU()]
        for dilation in (1, 2, 4, 1):
            layers += [nn.Conv1d(_HIDDEN, _HIDDEN, 3, padding=dilation, dilation=dilation), nn.ReLU()]
        self.along = nn.Sequential(*layers)
        self.heights = _Heights(_HIDDEN)

    def regress(self, pixels: Tensor) -> HeightRegression:
        """Return the regression by output column."""
        features, _ = self.body(_planes_with_offset(pixels, self.heights.out.weight.dtype))
        regression: HeightRegression = self.heights(self.along(_pool_height(features)), pixels.shape[1] // 2)
        return regression

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Return `height_logits` and `presence_logits`."""
        regression = self.regress(pixels)
        return _laplace_logits(regression, pixels.shape[1] // 2), regression.presence


class MultiTask(nn.Module):
    """Network for three tasks: mask of the trace, starts of leads, and recurrent regression of heights.

    A bidirectional LSTM runs along the strip over the pooled features, which are weighted by the mask.
    """

    def __init__(self, body: Body) -> None:
        super().__init__()
        self.body = body
        self.mask = nn.Conv2d(body.width, 1, 1)
        self.starts = nn.Conv1d(3 * body.width, 1, 3, padding=1)
        self.along = nn.LSTM(3 * body.width, _HIDDEN, batch_first=True, bidirectional=True)
        self.heights = _Heights(2 * _HIDDEN)

    def predict(self, pixels: Tensor) -> MultiTaskOutput:
        """Return the outputs of all three tasks."""
        features, _ = self.body(_planes_with_offset(pixels, self.mask.weight.dtype))
        mask = self.mask(features)
        columns = _pool_height(features * (0.2 + mask.sigmoid()))
        along, _ = self.along(columns.transpose(1, 2))
        regression = self.heights(along.transpose(1, 2), pixels.shape[1] // 2)
        return MultiTaskOutput(regression, mask[:, 0].float(), self.starts(columns)[:, 0].float())

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Return `height_logits` and `presence_logits`."""
        regression = self.predict(pixels).regression
        return _laplace_logits(regression, pixels.shape[1] // 2), regression.presence
